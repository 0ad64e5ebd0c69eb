-- Active properties that Salesforce does not have: how many in all, and the first 200 by importance.
SELECT
  s.rds_property_id,
  s.property_name,
  s.company_name,
  s.has_any_features_enabled,
  COUNT(*) OVER () AS missing_in_all
FROM {aggregation}.property_sync_source AS s
WHERE NOT EXISTS (
  SELECT 1
  FROM {target} AS t
  WHERE t.snappt_property_id_c = s.rds_property_id AND NOT t.is_deleted AND NOT t._fivetran_deleted
)
ORDER BY s.has_any_features_enabled DESC, s.rds_property_id
LIMIT 200
