-- One row for each RDS property, whatever its status, with its company and its own feature flags.
-- Flags are the property's own; what a group of properties shares is decided one view further on.
CREATE OR REPLACE VIEW crm.sfdc_dbx.rds_properties_enriched AS
SELECT
  p.id                                             AS rds_property_id,
  p.name                                           AS property_name,
  p.short_id,
  p.company_id,
  c.name                                           AS company_name,
  p.city,
  p.state,
  p.status                                         AS property_status,
  p.sfdc_id,
  -- Salesforce ids have 15 or 18 characters; anything else was typed by hand and joins nothing.
  (p.sfdc_id IS NOT NULL AND LENGTH(p.sfdc_id) IN (15, 18)) AS has_valid_sfdc_id,
  p.created_at,
  p.updated_at,
  -- No row in property_features means that no feature was ever switched on.
  COALESCE(f.identity_verification_enabled, FALSE) AS idv_enabled,
  COALESCE(f.bank_linking_enabled, FALSE)          AS bank_linking_enabled,
  COALESCE(f.payroll_linking_enabled, FALSE)       AS payroll_enabled,
  COALESCE(f.income_verification_enabled, FALSE)   AS income_insights_enabled
FROM rds.pg_rds_public.properties AS p
-- By id: the short code of a company is missing on older properties.
LEFT JOIN rds.pg_rds_public.companies AS c ON c.id = p.company_id
LEFT JOIN rds.pg_rds_public.property_features AS f ON f.property_id = p.id
