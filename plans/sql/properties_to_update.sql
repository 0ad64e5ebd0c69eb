-- Source of Sync B: properties that are in Salesforce with something in them that is not so any more.
-- Values are compared, not dates: a row leaves the queue by being right, not by having been touched.
CREATE OR REPLACE VIEW crm.sfdc_dbx.properties_to_update AS
SELECT *
FROM (
  SELECT
    -- The sync key. Only a UUID can be one; anything else goes out as NULL and is dropped as invalid.
    CASE WHEN LENGTH(s.rds_property_id) = 36 THEN s.rds_property_id END AS rds_property_id,
    s.property_name,
    s.company_name,
    s.short_id,
    s.idv_enabled,
    s.bank_linking_enabled,
    s.payroll_enabled,
    s.income_insights_enabled,
    s.active_property_count,
    s.is_multi_property,
    s.has_any_features_enabled,
    s.company_id,
    s.city,
    s.state,
    s.property_status,
    s.sfdc_id,
    s.has_valid_sfdc_id,
    s.created_at,
    s.updated_at,
    t.id                                                           AS salesforce_record_id,
    t.last_modified_date                                           AS salesforce_last_modified_date,
    -- IS DISTINCT FROM: an empty value in Salesforce is a difference too, `<>` would not see it.
    (
      t.idv_enabled_c IS DISTINCT FROM s.idv_enabled
      OR t.bank_linking_enabled_c IS DISTINCT FROM s.bank_linking_enabled
      OR t.payroll_enabled_c IS DISTINCT FROM s.payroll_enabled
      OR t.income_insights_enabled_c IS DISTINCT FROM s.income_insights_enabled
    )                                                              AS has_flag_mismatch,
    (
      t.idv_enabled_c IS DISTINCT FROM s.idv_enabled
      OR t.bank_linking_enabled_c IS DISTINCT FROM s.bank_linking_enabled
      OR t.payroll_enabled_c IS DISTINCT FROM s.payroll_enabled
      OR t.income_insights_enabled_c IS DISTINCT FROM s.income_insights_enabled
      OR t.active_property_count_c IS DISTINCT FROM s.active_property_count
      OR t.is_multi_property_c IS DISTINCT FROM s.is_multi_property
      OR t.name IS DISTINCT FROM s.property_name
      OR t.company_name_c IS DISTINCT FROM s.company_name
      OR t.short_id_c IS DISTINCT FROM s.short_id
    )                                                              AS has_changes_since_last_sync
  FROM crm.sfdc_dbx.property_sync_source AS s
  INNER JOIN crm.salesforce.product_property AS t ON t.snappt_property_id_c = s.rds_property_id
  WHERE NOT t.is_deleted AND NOT t._fivetran_deleted
) AS compared
WHERE has_changes_since_last_sync
