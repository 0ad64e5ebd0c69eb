-- The day's figures.
SELECT coverage_percentage / 100 AS coverage, create_queue_count, update_queue_count, empty_company_names
FROM crm.sfdc_dbx.daily_health_check
