-- Orphans: a wrong flag that no queue holds, so no sync will ever mend it.
SELECT s.rds_property_id, s.property_name, s.has_valid_sfdc_id
FROM crm.sfdc_dbx.property_sync_source AS s
INNER JOIN crm.salesforce.product_property AS t ON t.snappt_property_id_c = s.rds_property_id
WHERE NOT t.is_deleted
  AND NOT t._fivetran_deleted
  AND (
    t.idv_enabled_c IS DISTINCT FROM s.idv_enabled
    OR t.bank_linking_enabled_c IS DISTINCT FROM s.bank_linking_enabled
    OR t.payroll_enabled_c IS DISTINCT FROM s.payroll_enabled
    OR t.income_insights_enabled_c IS DISTINCT FROM s.income_insights_enabled
  )
  AND NOT EXISTS (
    SELECT 1
    FROM crm.sfdc_dbx.properties_to_update AS u
    WHERE u.rds_property_id = s.rds_property_id
  )
