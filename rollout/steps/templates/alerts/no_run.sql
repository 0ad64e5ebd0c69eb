-- Minutes since any sync ran. No run ever counts as a million.
SELECT COALESCE(
  (UNIX_TIMESTAMP(CURRENT_TIMESTAMP()) - UNIX_TIMESTAMP(MAX(execution_timestamp))) / 60, 1000000
) AS value
FROM {aggregation}.property_sync_audit_log
