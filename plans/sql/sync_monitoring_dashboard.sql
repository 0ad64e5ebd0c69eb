-- The five widgets of the operations dashboard as (widget, metric, value), one scan for each part.
CREATE OR REPLACE VIEW crm.sfdc_dbx.sync_monitoring_dashboard AS
WITH compared AS (
  SELECT
    COUNT(*)                                                                       AS expected,
    COUNT(t.id)                                                                    AS present,
    COUNT_IF(t.idv_enabled_c IS NOT DISTINCT FROM s.idv_enabled)                   AS idv_right,
    COUNT_IF(t.bank_linking_enabled_c IS NOT DISTINCT FROM s.bank_linking_enabled) AS bank_linking_right,
    COUNT_IF(t.payroll_enabled_c IS NOT DISTINCT FROM s.payroll_enabled)           AS payroll_right,
    COUNT_IF(t.income_insights_enabled_c IS NOT DISTINCT FROM s.income_insights_enabled)
                                                                                   AS income_insights_right
  FROM crm.sfdc_dbx.property_sync_source AS s
  LEFT JOIN (
    SELECT *
    FROM crm.salesforce.product_property
    WHERE NOT is_deleted AND NOT _fivetran_deleted
  ) AS t ON t.snappt_property_id_c = s.rds_property_id
),
multi AS (
  SELECT
    COUNT_IF(is_multi_property)                                       AS multi_groups,
    SUM(CASE WHEN is_multi_property THEN active_property_count ELSE 0 END) AS multi_properties
  FROM crm.sfdc_dbx.properties_aggregated_by_sfdc_id
),
audit AS (
  SELECT
    COUNT(*)                           AS runs_7d,
    COUNT_IF(records_failed > 0)       AS runs_with_failures_7d,
    COALESCE(SUM(records_failed), 0)   AS failed_records_7d
  FROM crm.sfdc_dbx.property_sync_audit_log
  WHERE execution_timestamp >= CURRENT_TIMESTAMP() - INTERVAL 7 DAYS
)
SELECT 'queues' AS widget, 'create_queue' AS metric, CAST(COUNT(*) AS DOUBLE) AS value
FROM crm.sfdc_dbx.properties_to_create
UNION ALL
SELECT 'queues', 'update_queue', CAST(COUNT(*) AS DOUBLE) FROM crm.sfdc_dbx.properties_to_update
UNION ALL
-- Accuracy is right / present; nothing present gives NULL, which no threshold accepts.
SELECT 'accuracy', 'idv', 100.0 * idv_right / NULLIF(present, 0) FROM compared
UNION ALL
SELECT 'accuracy', 'bank_linking', 100.0 * bank_linking_right / NULLIF(present, 0) FROM compared
UNION ALL
SELECT 'accuracy', 'payroll', 100.0 * payroll_right / NULLIF(present, 0) FROM compared
UNION ALL
SELECT 'accuracy', 'income_insights', 100.0 * income_insights_right / NULLIF(present, 0) FROM compared
UNION ALL
SELECT 'multi_property', 'groups', CAST(multi_groups AS DOUBLE) FROM multi
UNION ALL
SELECT 'multi_property', 'properties', CAST(multi_properties AS DOUBLE) FROM multi
UNION ALL
SELECT 'sync_health', 'runs_7d', CAST(runs_7d AS DOUBLE) FROM audit
UNION ALL
SELECT 'sync_health', 'runs_with_failures_7d', CAST(runs_with_failures_7d AS DOUBLE) FROM audit
UNION ALL
SELECT 'sync_health', 'failed_records_7d', CAST(failed_records_7d AS DOUBLE) FROM audit
UNION ALL
SELECT 'missing', 'properties_missing', CAST(expected - present AS DOUBLE) FROM compared
