-- Rows that Sync B updated against what the plan expected it to update.
SELECT
  CAST(:updated AS INT) AS updated,
  CAST(:expected AS INT) - CAST(:pilot AS INT) AS expected_rows,
  ABS(CAST(:updated AS INT) - (CAST(:expected AS INT) - CAST(:pilot AS INT))) / (CAST(:expected AS INT) - CAST(:pilot AS INT)) AS updated_drift
