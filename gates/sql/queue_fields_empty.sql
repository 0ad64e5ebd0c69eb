-- Rows of the create queue that would arrive in Salesforce without a field people search by.
SELECT rds_property_id, property_name, company_name
FROM crm.sfdc_dbx.properties_to_create
WHERE company_name IS NULL OR TRIM(company_name) = '' OR property_name IS NULL OR TRIM(property_name) = ''
