-- Share of the records created since the pilot that the Salesforce workflow gave a production id.
SELECT
  COUNT(*) AS created,
  COUNT(sf_property_id_c) AS filled,
  COUNT(sf_property_id_c) / COUNT(*) AS filled_share
FROM crm.salesforce.product_property
WHERE created_date >= CAST(:since AS TIMESTAMP) AND NOT is_deleted AND NOT _fivetran_deleted
