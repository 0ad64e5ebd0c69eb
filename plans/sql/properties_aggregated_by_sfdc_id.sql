-- Several RDS properties may stand behind one Salesforce id: one row for each valid Salesforce id.
-- A flag is on if it is on for any ACTIVE property of the group; inactive ones do not count at all.
CREATE OR REPLACE VIEW crm.sfdc_dbx.properties_aggregated_by_sfdc_id AS
SELECT
  sfdc_id,
  COUNT(*)                         AS active_property_count,
  COUNT(*) > 1                     AS is_multi_property,
  BOOL_OR(idv_enabled)             AS idv_enabled,
  BOOL_OR(bank_linking_enabled)    AS bank_linking_enabled,
  BOOL_OR(payroll_enabled)         AS payroll_enabled,
  BOOL_OR(income_insights_enabled) AS income_insights_enabled,
  BOOL_OR(idv_enabled OR bank_linking_enabled OR payroll_enabled OR income_insights_enabled)
                                   AS has_any_features_enabled,
  MIN(created_at)                  AS first_created_at,
  MAX(updated_at)                  AS last_updated_at
FROM crm.sfdc_dbx.rds_properties_enriched
WHERE property_status = 'ACTIVE' AND has_valid_sfdc_id
GROUP BY sfdc_id
