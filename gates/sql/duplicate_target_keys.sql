-- Properties that Salesforce has more than once.
SELECT snappt_property_id_c, COUNT(*) AS copies
FROM crm.salesforce.product_property
WHERE NOT is_deleted AND NOT _fivetran_deleted AND snappt_property_id_c IS NOT NULL
GROUP BY snappt_property_id_c
HAVING COUNT(*) > 1
