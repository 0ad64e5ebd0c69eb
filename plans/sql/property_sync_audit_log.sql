-- One row for each execution of a sync and for each incident; written by the rollout, read by the health check.
CREATE TABLE IF NOT EXISTS crm.sfdc_dbx.property_sync_audit_log (
  audit_id            STRING,
  sync_name           STRING,
  sync_type           STRING,
  execution_timestamp TIMESTAMP,
  records_processed   BIGINT,
  records_succeeded   BIGINT,
  records_failed      BIGINT,
  error_rate          DOUBLE,
  executed_by         STRING,
  notes               STRING
)
