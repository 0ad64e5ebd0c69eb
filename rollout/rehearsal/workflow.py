"""The Salesforce workflow that gives a new record its production id, 5 to 10 minutes later."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import duckdb

_GRID = timedelta(minutes=2)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_FILL = """
UPDATE sfdc.main.product_property AS t
SET SF_Property_ID__c = 'a1P' || upper(md5('workflow ' || t.Id)[1:12]) || 'QAA',
    LastModifiedDate = $due, SystemModstamp = $due
WHERE t.Id IN (SELECT Id FROM sfdc.main.workflow_queue WHERE due <= $due)
  AND coalesce(t.SF_Property_ID__c, '') = '' AND NOT t.IsDeleted
"""


class Workflow:
    """Fills `SF_Property_ID__c` of new records in two batches, 5 to 9 minutes after their creation.

    The batches lie on a grid of two minutes, so that a sync of thousands of rows costs a few
    statements. Last-modified-by stays with whoever created the record: the flow runs in their name.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, running: bool) -> None:
        self._connection = connection
        self.running = running
        self._dues: list[datetime] = []

    def enqueue(self, ids: list[str], at: datetime) -> None:
        """Records created at `at`."""
        if not ids or not self.running:
            return
        base = _EPOCH - (_EPOCH - at) // _GRID * _GRID
        for half, delay in ((0, 5), (1, 7)):
            due = base + timedelta(minutes=delay)
            chosen = ids[half::2]
            if chosen:
                self._connection.execute(
                    "INSERT INTO sfdc.main.workflow_queue SELECT unnest($ids), $due",
                    {"ids": chosen, "due": due},
                ).fetchall()
                if due not in self._dues:
                    self._dues = sorted([*self._dues, due])

    def due_at(self) -> datetime | None:
        """When the next records are filled."""
        return self._dues[0] if self._dues and self.running else None

    def fill_next(self) -> datetime:
        """Fill the records that are due next; the instant at which that happened."""
        due = self._dues.pop(0)
        self._connection.execute(_FILL, {"due": due}).fetchall()
        self._connection.execute(
            "DELETE FROM sfdc.main.workflow_queue WHERE due <= $due", {"due": due}
        ).fetchall()
        return due

    def set_running(self, running: bool, now: datetime) -> None:
        """Stopped, nothing is filled; started again, everything that is empty is, 5 minutes later."""
        if running and not self.running:
            empty = self._connection.execute(
                """SELECT Id FROM sfdc.main.product_property
                WHERE coalesce(SF_Property_ID__c, '') = '' AND NOT IsDeleted ORDER BY Id"""
            ).fetchall()
            self._dues = []
            self._connection.execute("DELETE FROM sfdc.main.workflow_queue").fetchall()
            self.running = True
            self.enqueue([row[0] for row in empty], now)
        self.running = running
