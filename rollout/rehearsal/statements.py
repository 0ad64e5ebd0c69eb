"""Any SQL on Salesforce' records, with the stamps that Salesforce itself would have set."""

from __future__ import annotations

from datetime import datetime

import duckdb

_DELETED = """
INSERT INTO sfdc.main.product_property
SELECT * REPLACE (TRUE AS IsDeleted) FROM rollout_before
WHERE Id NOT IN (SELECT Id FROM sfdc.main.product_property WHERE Id IS NOT NULL)
"""

_CREATED = """
UPDATE sfdc.main.product_property SET
  CreatedDate = coalesce(CreatedDate, $now), CreatedById = coalesce(CreatedById, $by),
  LastModifiedDate = coalesce(LastModifiedDate, $now), LastModifiedById = coalesce(LastModifiedById, $by),
  SystemModstamp = $now
WHERE Id NOT IN (SELECT Id FROM rollout_before)
RETURNING Id
"""

_CHANGED = """
UPDATE sfdc.main.product_property AS t SET
  SystemModstamp = $now,
  LastModifiedById = CASE WHEN t.LastModifiedDate IS NOT DISTINCT FROM b.LastModifiedDate
    AND t.LastModifiedById IS NOT DISTINCT FROM b.LastModifiedById THEN $by ELSE t.LastModifiedById END,
  LastModifiedDate = CASE WHEN t.LastModifiedDate IS NOT DISTINCT FROM b.LastModifiedDate
    THEN $now ELSE t.LastModifiedDate END
FROM rollout_before AS b
WHERE t.Id = b.Id AND t.Id IN (
  SELECT Id FROM (FROM sfdc.main.product_property EXCEPT ALL FROM rollout_before)
)
RETURNING t.Id
"""


def run_on_salesforce(
    connection: duckdb.DuckDBPyConnection, sql: str, now: datetime, by: str
) -> tuple[int, list[str]]:
    """Run the statements; the number of records they changed and the ids of new ones.

    New records get an id by default; empty CreatedDate, CreatedById, LastModifiedDate and
    LastModifiedById are filled with `now` and `by`. Changed records get SystemModstamp = `now` and,
    unless the statement set them, LastModifiedDate and LastModifiedById. A DELETE marks records as
    deleted instead of taking them away.

    Raises: duckdb.Error.
    """
    stamps = {"now": now, "by": by}
    cursor = connection.cursor()
    try:
        cursor.execute(
            "SET VARIABLE rollout_now = CAST($now AS TIMESTAMPTZ)", {"now": now}
        ).fetchall()
        cursor.execute("USE sfdc.main").fetchall()
        cursor.execute(
            "CREATE TEMP TABLE rollout_before AS FROM sfdc.main.product_property"
        ).fetchall()
        for statement in cursor.extract_statements(sql):
            cursor.execute(statement).fetchall()
        cursor.execute(_DELETED).fetchall()
        created = [row[0] for row in cursor.execute(_CREATED, stamps).fetchall()]
        changed = cursor.execute(_CHANGED, stamps).fetchall()
        return len(created) + len(changed), sorted(created)
    finally:
        cursor.close()
