-- Rows of the update queue that would overwrite a field people search by with nothing.
SELECT rds_property_id, property_name, company_name
FROM crm.sfdc_dbx.properties_to_update
WHERE company_name IS NULL OR TRIM(company_name) = '' OR property_name IS NULL OR TRIM(property_name) = ''
