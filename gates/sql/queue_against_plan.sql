-- The create queue against the plan: its rows, and how far off what the pilot should have left.
SELECT
  COUNT(*) AS rows,
  CAST(:expected AS INT) - CAST(:pilot AS INT) AS expected_rows,
  ABS(COUNT(*) - (CAST(:expected AS INT) - CAST(:pilot AS INT))) / (CAST(:expected AS INT) - CAST(:pilot AS INT)) AS create_drift
FROM crm.sfdc_dbx.properties_to_create
