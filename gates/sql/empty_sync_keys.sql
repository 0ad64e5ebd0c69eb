-- Rows of either queue without a sync key: Census drops them without a word.
SELECT 'create' AS queue, rds_property_id, property_name
FROM crm.sfdc_dbx.properties_to_create
WHERE rds_property_id IS NULL
UNION ALL
SELECT 'update' AS queue, rds_property_id, property_name
FROM crm.sfdc_dbx.properties_to_update
WHERE rds_property_id IS NULL
