-- How many properties wait to be created and updated.
SELECT 'create' AS queue, COUNT(*) AS properties FROM {aggregation}.properties_to_create
UNION ALL
SELECT 'update' AS queue, COUNT(*) AS properties FROM {aggregation}.properties_to_update
