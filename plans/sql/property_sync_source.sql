-- What Salesforce should say about each ACTIVE property: its own name and company, its group's flags.
-- Both queues and every accuracy check read this one view, so they cannot disagree about the rule.
CREATE OR REPLACE VIEW crm.sfdc_dbx.property_sync_source AS
SELECT
  e.rds_property_id,
  e.property_name,
  e.short_id,
  e.company_id,
  e.company_name,
  e.city,
  e.state,
  e.property_status,
  e.sfdc_id,
  e.has_valid_sfdc_id,
  -- A property without a valid Salesforce id has no group: it speaks for itself.
  COALESCE(g.idv_enabled, e.idv_enabled)                         AS idv_enabled,
  COALESCE(g.bank_linking_enabled, e.bank_linking_enabled)       AS bank_linking_enabled,
  COALESCE(g.payroll_enabled, e.payroll_enabled)                 AS payroll_enabled,
  COALESCE(g.income_insights_enabled, e.income_insights_enabled) AS income_insights_enabled,
  COALESCE(
    g.has_any_features_enabled,
    e.idv_enabled OR e.bank_linking_enabled OR e.payroll_enabled OR e.income_insights_enabled
  )                                                              AS has_any_features_enabled,
  COALESCE(g.active_property_count, 1)                           AS active_property_count,
  COALESCE(g.is_multi_property, FALSE)                           AS is_multi_property,
  e.created_at,
  e.updated_at
FROM crm.sfdc_dbx.rds_properties_enriched AS e
LEFT JOIN crm.sfdc_dbx.properties_aggregated_by_sfdc_id AS g ON g.sfdc_id = e.sfdc_id
WHERE e.property_status = 'ACTIVE'
