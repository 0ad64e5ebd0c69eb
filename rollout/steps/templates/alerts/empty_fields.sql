-- Records in Salesforce without a field that people search by.
SELECT COUNT_IF(company_name_c IS NULL OR TRIM(company_name_c) = '' OR name IS NULL OR TRIM(name) = '') AS value
FROM {target}
WHERE NOT is_deleted AND NOT _fivetran_deleted
