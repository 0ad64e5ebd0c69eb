-- The least accurate flag, in per cent. Without a figure it counts as 0: that is no health.
SELECT COALESCE(MIN(COALESCE(value, 0)), 0) AS value
FROM {aggregation}.sync_monitoring_dashboard
WHERE widget = 'accuracy'
