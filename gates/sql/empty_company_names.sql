-- Records without a company name, and their share of all.
SELECT
  COUNT_IF(company_name_c IS NULL OR TRIM(company_name_c) = '') AS empty_rows,
  COUNT(*) AS rows,
  COUNT_IF(company_name_c IS NULL OR TRIM(company_name_c) = '') / COUNT(*) AS empty_share
FROM crm.salesforce.product_property
WHERE NOT is_deleted AND NOT _fivetran_deleted
