-- Properties that wait to be created.
SELECT COUNT(*) AS value FROM {aggregation}.properties_to_create
