"""The warehouse's lagging copy of Salesforce."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import duckdb

_REMOVE = """
DELETE FROM crm.salesforce.product_property
WHERE id IN (
  SELECT Id FROM sfdc.main.product_property WHERE SystemModstamp > $after AND SystemModstamp <= $upto
)
"""

# By position, so that a field that was renamed on one side only is still copied.
_ADD = """
INSERT INTO crm.salesforce.product_property
SELECT *, IsDeleted, CAST($upto AS TIMESTAMPTZ)
FROM sfdc.main.product_property
WHERE SystemModstamp > $after AND SystemModstamp <= $upto
"""

_AUDIT_ON = """
CREATE OR REPLACE VIEW crm.salesforce.fivetran_audit AS
SELECT
  unnest(['salesforce.product_property', 'rds.properties', 'rds.property_features']) AS table_name,
  time_bucket(to_minutes({minutes}), CAST(getvariable('rollout_now') AS TIMESTAMPTZ), TIMESTAMPTZ '1970-01-01 00:00:00+00') AS done,
  'OK' AS status
"""

_AUDIT_OFF = """
CREATE OR REPLACE VIEW crm.salesforce.fivetran_audit AS
SELECT
  unnest(['salesforce.product_property', 'rds.properties', 'rds.property_features']) AS table_name,
  TIMESTAMPTZ '{done}' AS done,
  'STOPPED' AS status
"""


class Fivetran:
    """Copies changed records at fixed instants (every `minutes`, counted from the epoch).

    `crm.salesforce.fivetran_audit` (table_name, done, status) tells when a table was last copied,
    changed or not: `_fivetran_synced` of a record only moves when the record did.
    """

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, minutes: int, start: datetime
    ) -> None:
        self._connection = connection
        self._every = timedelta(minutes=minutes)
        self._changed_from: datetime | None = None
        self._copied_to = datetime(1970, 1, 1, tzinfo=UTC)
        self._running = True
        self._copy(self._instant_before(start))
        self._announce()

    def note_change(self, at: datetime) -> None:
        """Salesforce changed at `at`; the next copy after that takes it along.

        A change that arrives late, dated before the last copy, is taken along as well.
        """
        self._changed_from = at if self._changed_from is None else min(self._changed_from, at)

    def due_at(self) -> datetime | None:
        """When the next copy will change something."""
        if not self._running or self._changed_from is None:
            return None
        return self._instant_from(
            max(self._changed_from, self._copied_to + timedelta(microseconds=1))
        )

    def copy_due(self, now: datetime) -> bool:
        """Apply the copy due until `now`, as of its instant; whether rows changed."""
        due = self.due_at()
        if due is None or due > now:
            return False
        # Nothing changed between `due` and the last instant before `now`, or it would have been
        # settled before that change: one copy is enough.
        self._copy(due)
        return True

    def set_running(self, running: bool, now: datetime) -> None:
        """Stop or start the connector."""
        if running == self._running:
            return
        if running:
            # Instants while it was stopped did not happen.
            self._copied_to = max(self._copied_to, self._instant_before(now))
        else:
            self._stopped_at = self._instant_before(now)
        self._running = running
        self._announce()

    def _copy(self, upto: datetime) -> None:
        after = self._copied_to
        if self._changed_from is not None:
            after = self._changed_from - timedelta(microseconds=1)
        if after > datetime(1970, 1, 1, tzinfo=UTC):
            self._connection.execute(_REMOVE, {"after": after, "upto": upto}).fetchall()
        self._connection.execute(_ADD, {"after": after, "upto": upto}).fetchall()
        self._copied_to = max(upto, self._copied_to)
        self._changed_from = None

    def _announce(self) -> None:
        if self._running:
            minutes = int(self._every.total_seconds() // 60)
            text = _AUDIT_ON.format(minutes=minutes)
        else:
            text = _AUDIT_OFF.format(done=self._stopped_at.isoformat(sep=" "))
        self._connection.execute(text).fetchall()

    def _instant_before(self, instant: datetime) -> datetime:
        epoch = datetime(1970, 1, 1, tzinfo=UTC)
        return epoch + (instant - epoch) // self._every * self._every

    def _instant_from(self, instant: datetime) -> datetime:
        before = self._instant_before(instant)
        return before if before == instant else before + self._every
