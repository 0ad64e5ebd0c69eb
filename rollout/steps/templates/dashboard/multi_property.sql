-- How many active properties share one Salesforce id, and how many such groups there are.
SELECT active_property_count AS properties_in_group, COUNT(*) AS groups_of_that_size
FROM {aggregation}.properties_aggregated_by_sfdc_id
GROUP BY active_property_count
ORDER BY active_property_count
