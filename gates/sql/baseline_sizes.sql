-- How many of the pilot's properties the target held and lacked when the baseline was taken.
SELECT CAST(:present AS INT) AS present, CAST(:absent AS INT) AS absent
