-- Syncs that have not run for twice the time between their scheduled runs.
SELECT COUNT(*) AS value
FROM (VALUES {schedules}) AS due(sync_name, minutes)
LEFT JOIN (
  SELECT sync_name, MAX(execution_timestamp) AS last_run
  FROM {aggregation}.property_sync_audit_log
  GROUP BY sync_name
) AS ran ON ran.sync_name = due.sync_name
WHERE ran.last_run IS NULL
  OR (UNIX_TIMESTAMP(CURRENT_TIMESTAMP()) - UNIX_TIMESTAMP(ran.last_run)) / 60 > 2 * due.minutes
