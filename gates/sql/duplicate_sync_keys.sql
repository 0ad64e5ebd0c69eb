-- Keys that stand in a queue more than once: which of the rows wins would be chance.
SELECT queue, rds_property_id, COUNT(*) AS copies
FROM (
  SELECT 'create' AS queue, rds_property_id FROM crm.sfdc_dbx.properties_to_create
  UNION ALL
  SELECT 'update' AS queue, rds_property_id FROM crm.sfdc_dbx.properties_to_update
) AS queued
WHERE rds_property_id IS NOT NULL
GROUP BY queue, rds_property_id
HAVING COUNT(*) > 1
