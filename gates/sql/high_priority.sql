-- Properties with a feature that Salesforce does not have at all.
SELECT COUNT(*) AS rows
FROM crm.sfdc_dbx.properties_to_create
WHERE has_any_features_enabled
