-- One row: is the sync healthy today? Healthy figures: coverage over 90 %, create queue under 100,
-- update queue under 1,000, fewer than 50 empty company names, last create < 24 h and last update < 2 h ago.
CREATE OR REPLACE VIEW crm.sfdc_dbx.daily_health_check AS
WITH rds AS (
  SELECT
    COUNT(*)                                  AS total_properties,
    COUNT_IF(status = 'ACTIVE')               AS active_properties
  FROM rds.pg_rds_public.properties
),
target AS (
  SELECT
    COUNT(*)                                  AS target_rows,
    COUNT_IF(company_name_c IS NULL OR TRIM(company_name_c) = '') AS empty_company_names,
    MAX(created_date)                         AS last_created_at,
    MAX(last_modified_date)                   AS last_updated_at
  FROM crm.salesforce.product_property
  WHERE NOT is_deleted AND NOT _fivetran_deleted
),
queues AS (
  SELECT
    (SELECT COUNT(*) FROM crm.sfdc_dbx.properties_to_create) AS create_queue_count,
    (SELECT COUNT(*) FROM crm.sfdc_dbx.properties_to_update) AS update_queue_count
),
audit AS (
  SELECT
    COUNT_IF(records_failed = 0)              AS successful_syncs_24h,
    COUNT_IF(records_failed > 0)              AS failed_syncs_24h
  FROM crm.sfdc_dbx.property_sync_audit_log
  WHERE execution_timestamp >= CURRENT_TIMESTAMP() - INTERVAL 24 HOURS
)
SELECT
  CURRENT_TIMESTAMP()                                                      AS checked_at,
  rds.total_properties,
  rds.active_properties,
  target.target_rows,
  -- Rows in Salesforce for each RDS property; no properties means no figure, never 100 %.
  ROUND(100.0 * target.target_rows / NULLIF(rds.total_properties, 0), 2)   AS coverage_percentage,
  queues.create_queue_count,
  queues.update_queue_count,
  target.empty_company_names,
  target.last_created_at,
  target.last_updated_at,
  audit.successful_syncs_24h,
  audit.failed_syncs_24h,
  CASE
    WHEN rds.total_properties = 0 THEN 'UNKNOWN'
    WHEN 100.0 * target.target_rows / NULLIF(rds.total_properties, 0) > 90 THEN 'HEALTHY'
    WHEN 100.0 * target.target_rows / NULLIF(rds.total_properties, 0) > 80 THEN 'WARNING'
    ELSE 'CRITICAL'
  END                                                                      AS coverage_status
FROM rds
CROSS JOIN target
CROSS JOIN queues
CROSS JOIN audit
