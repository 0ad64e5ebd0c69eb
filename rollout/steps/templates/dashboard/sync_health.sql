-- Runs of the last 7 days, day by day and sync by sync.
SELECT
  CAST(execution_timestamp AS DATE) AS day,
  sync_name,
  COUNT(*) AS runs,
  SUM(records_processed) AS processed,
  SUM(records_failed) AS failed,
  100.0 * SUM(records_failed) / NULLIF(SUM(records_processed), 0) AS failed_percent
FROM {aggregation}.property_sync_audit_log
WHERE execution_timestamp >= CURRENT_TIMESTAMP() - INTERVAL 7 DAYS
GROUP BY CAST(execution_timestamp AS DATE), sync_name
ORDER BY day, sync_name
