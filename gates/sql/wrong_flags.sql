-- Properties whose flag in Salesforce is wrong, in the update queue or in no queue at all.
SELECT COUNT(*) AS rows
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
