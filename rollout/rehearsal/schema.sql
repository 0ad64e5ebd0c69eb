-- The empty world: the warehouse's copy of RDS, its copy of Salesforce, and Salesforce itself.
CREATE SCHEMA rds.pg_rds_public;
CREATE SCHEMA crm.sfdc_dbx;
CREATE SCHEMA crm.salesforce;
CREATE TABLE rds.pg_rds_public.companies (
  id BIGINT, name VARCHAR, short_code VARCHAR, legal_name VARCHAR
);
CREATE TABLE rds.pg_rds_public.properties (
  id VARCHAR, name VARCHAR, short_id VARCHAR, company_id BIGINT, company_code VARCHAR,
  city VARCHAR, state VARCHAR, status VARCHAR, sfdc_id VARCHAR,
  created_at TIMESTAMPTZ, updated_at TIMESTAMPTZ
);
CREATE TABLE rds.pg_rds_public.property_features (
  property_id VARCHAR, identity_verification_enabled BOOLEAN, bank_linking_enabled BOOLEAN,
  payroll_linking_enabled BOOLEAN, income_verification_enabled BOOLEAN, updated_at TIMESTAMPTZ
);
CREATE SEQUENCE sfdc.main.record_number START 1;
CREATE TABLE sfdc.main.world_settings (name VARCHAR, value VARCHAR);
CREATE TABLE sfdc.main.workflow_queue (Id VARCHAR, due TIMESTAMPTZ);
CREATE TABLE sfdc.main.product_property (
  Id VARCHAR DEFAULT ('a0PVj' || lpad(CAST(nextval('sfdc.main.record_number') AS VARCHAR), 10, '0') || 'AAQ'),
  Name VARCHAR, Snappt_Property_ID__c VARCHAR, Company_Name__c VARCHAR, Short_ID__c VARCHAR,
  SF_Property_ID__c VARCHAR, IDV_Enabled__c BOOLEAN DEFAULT FALSE,
  Bank_Linking_Enabled__c BOOLEAN DEFAULT FALSE, Payroll_Enabled__c BOOLEAN DEFAULT FALSE,
  Income_Insights_Enabled__c BOOLEAN DEFAULT FALSE, Fraud_Detection_Enabled__c BOOLEAN DEFAULT TRUE,
  Active_Property_Count__c BIGINT, Is_Multi_Property__c BOOLEAN DEFAULT FALSE,
  CreatedDate TIMESTAMPTZ, CreatedById VARCHAR, LastModifiedDate TIMESTAMPTZ,
  LastModifiedById VARCHAR, SystemModstamp TIMESTAMPTZ, IsDeleted BOOLEAN DEFAULT FALSE
);
CREATE TABLE crm.salesforce.product_property (
  id VARCHAR, name VARCHAR, snappt_property_id_c VARCHAR, company_name_c VARCHAR, short_id_c VARCHAR,
  sf_property_id_c VARCHAR, idv_enabled_c BOOLEAN, bank_linking_enabled_c BOOLEAN,
  payroll_enabled_c BOOLEAN, income_insights_enabled_c BOOLEAN, fraud_detection_enabled_c BOOLEAN,
  active_property_count_c BIGINT, is_multi_property_c BOOLEAN,
  created_date TIMESTAMPTZ, created_by_id VARCHAR, last_modified_date TIMESTAMPTZ,
  last_modified_by_id VARCHAR, system_modstamp TIMESTAMPTZ, is_deleted BOOLEAN,
  _fivetran_deleted BOOLEAN, _fivetran_synced TIMESTAMPTZ
);
CREATE VIEW sfdc.main.live_product_property AS SELECT * FROM sfdc.main.product_property WHERE NOT IsDeleted;
