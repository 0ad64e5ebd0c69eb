-- Properties that share a Salesforce id with another active property.
SELECT SUM(active_property_count) AS properties
FROM crm.sfdc_dbx.properties_aggregated_by_sfdc_id
WHERE is_multi_property
