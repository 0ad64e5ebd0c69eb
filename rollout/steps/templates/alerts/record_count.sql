-- How far the number of records is off its usual, in per cent.
SELECT 100.0 * ABS(COUNT(*) - {usual_records}) / {usual_records} AS value
FROM {target}
WHERE NOT is_deleted AND NOT _fivetran_deleted
