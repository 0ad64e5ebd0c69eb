-- Source of Sync A: active properties that are not in Salesforce yet, as far as the copy knows.
-- The sync upserts: a record that Salesforce has and the copy does not know will be updated, not created.
CREATE OR REPLACE VIEW crm.sfdc_dbx.properties_to_create AS
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
  s.updated_at
FROM crm.sfdc_dbx.property_sync_source AS s
WHERE NOT EXISTS (
  SELECT 1
  FROM crm.salesforce.product_property AS t
  WHERE t.snappt_property_id_c = s.rds_property_id
    -- A deleted record is to be created again. Both marks: the copy sets one before the other.
    AND NOT t.is_deleted
    AND NOT t._fivetran_deleted
)
