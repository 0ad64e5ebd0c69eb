-- How many properties Sync A would create now.
SELECT COUNT(*) AS rows
FROM crm.sfdc_dbx.properties_to_create
