-- Active properties that Salesforce does not have.
SELECT COUNT(*) AS value
FROM {aggregation}.property_sync_source AS s
WHERE NOT EXISTS (
  SELECT 1
  FROM {target} AS t
  WHERE t.snappt_property_id_c = s.rds_property_id AND NOT t.is_deleted AND NOT t._fivetran_deleted
)
