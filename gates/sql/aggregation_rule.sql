-- Groups whose count or flags are not what their active properties say, computed a second way.
SELECT g.sfdc_id, g.active_property_count, w.active_properties, g.idv_enabled, w.idv
FROM crm.sfdc_dbx.properties_aggregated_by_sfdc_id AS g
INNER JOIN (
  SELECT
    p.sfdc_id,
    COUNT(*) AS active_properties,
    MAX(CASE WHEN f.identity_verification_enabled THEN 1 ELSE 0 END) = 1 AS idv,
    MAX(CASE WHEN f.bank_linking_enabled THEN 1 ELSE 0 END) = 1 AS bank_linking,
    MAX(CASE WHEN f.payroll_linking_enabled THEN 1 ELSE 0 END) = 1 AS payroll,
    MAX(CASE WHEN f.income_verification_enabled THEN 1 ELSE 0 END) = 1 AS income_insights
  FROM rds.pg_rds_public.properties AS p
  LEFT JOIN rds.pg_rds_public.property_features AS f ON f.property_id = p.id
  WHERE p.status = 'ACTIVE'
  GROUP BY p.sfdc_id
) AS w ON w.sfdc_id = g.sfdc_id
WHERE g.active_property_count <> w.active_properties
  OR g.idv_enabled <> w.idv
  OR g.bank_linking_enabled <> w.bank_linking
  OR g.payroll_enabled <> w.payroll
  OR g.income_insights_enabled <> w.income_insights
