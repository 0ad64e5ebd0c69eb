-- The sizes of the two frozen cohorts, as the selection recorded them.
SELECT CAST(:creates AS INT) AS creates, CAST(:updates AS INT) AS updates
