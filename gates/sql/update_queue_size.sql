-- How many properties Sync B would update now.
SELECT COUNT(*) AS rows
FROM crm.sfdc_dbx.properties_to_update
