-- Per cent of the records of the last hour's runs that were not taken. No run at all is another alert's.
SELECT COALESCE(100.0 * SUM(records_failed) / NULLIF(SUM(records_processed), 0), 0) AS value
FROM {aggregation}.property_sync_audit_log
WHERE execution_timestamp >= CURRENT_TIMESTAMP() - INTERVAL 1 HOUR
