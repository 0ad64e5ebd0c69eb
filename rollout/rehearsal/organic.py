"""What changes in RDS by itself: a few properties, twice a day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from random import Random

import duckdb

INSTANTS = (time(15, 20), time(22, 40))
"""The first, or both, of a day's. UTC, on weekdays and weekends alike: mid-morning and afternoon in US Pacific time."""

# Only what Salesforce has right and no group shares, so that each change queues one row.
_CANDIDATES = """
SELECT p.id FROM rds.pg_rds_public.properties AS p
JOIN rds.pg_rds_public.companies AS c ON c.id = p.company_id
JOIN rds.pg_rds_public.property_features AS f ON f.property_id = p.id
JOIN sfdc.main.product_property AS t ON t.Snappt_Property_ID__c = p.id
WHERE p.status = 'ACTIVE' AND NOT t.IsDeleted AND t.Active_Property_Count__c = 1
  AND NOT t.Is_Multi_Property__c AND t.Name = p.name AND t.Company_Name__c = c.name
  AND t.IDV_Enabled__c = f.identity_verification_enabled
  AND t.Bank_Linking_Enabled__c = f.bank_linking_enabled
  AND t.Payroll_Enabled__c = f.payroll_linking_enabled
  AND t.Income_Insights_Enabled__c = f.income_verification_enabled
ORDER BY p.id LIMIT 2000
"""

_FLIP = """
UPDATE rds.pg_rds_public.property_features
SET payroll_linking_enabled = NOT payroll_linking_enabled, updated_at = $at
WHERE list_contains($ids, property_id)
"""

_RENAME = """
UPDATE rds.pg_rds_public.properties SET name = name || ' II', updated_at = $at
WHERE list_contains($ids, id)
"""

_ADD = """
INSERT INTO rds.pg_rds_public.properties
SELECT $id, name || ' Annex', 'N' || upper(lpad(to_base($number, 36), 6, '0')), company_id, company_code, city, state,
  'ACTIVE', NULL, $at, $at
FROM rds.pg_rds_public.properties WHERE id = $like
"""

_ADD_FEATURES = (
    "INSERT INTO rds.pg_rds_public.property_features VALUES ($id, FALSE, FALSE, FALSE, TRUE, $at)"
)


class OrganicChanges:
    """At each instant: three flags flip, two properties are renamed, one property is new."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        seed: int,
        first: datetime,
        running: bool,
        a_day: int = len(INSTANTS),
        until: datetime | None = None,
    ) -> None:
        self._until = until
        self._connection = connection
        self._instants = INSTANTS[:a_day]
        self._rng = Random(f"organic {seed}")
        self._pool: list[str] | None = None
        self._count = 0
        self._next = _instant_after(first, self._instants)
        self.running = running

    def due_at(self) -> datetime | None:
        """The next instant."""
        over = self._until is not None and self._next > self._until
        return self._next if self.running and not over else None

    def change_next(self) -> datetime:
        """Change what is due next; the instant at which that happened."""
        at = self._next
        self._next = _instant_after(at, self._instants)
        if self._pool is None:
            self._pool = [row[0] for row in self._connection.execute(_CANDIDATES).fetchall()]
            self._rng.shuffle(self._pool)
        taken = [self._pool.pop() for _ in range(min(6, len(self._pool)))]
        self._connection.execute(_FLIP, {"ids": taken[:3], "at": at}).fetchall()
        self._connection.execute(_RENAME, {"ids": taken[3:5], "at": at}).fetchall()
        if taken[5:]:
            self._count += 1
            new = self._new_id()
            stamp = {"id": new, "at": at}
            self._connection.execute(
                _ADD, {**stamp, "number": self._count, "like": taken[5]}
            ).fetchall()
            self._connection.execute(_ADD_FEATURES, stamp).fetchall()
        return at

    def skip_until(self, now: datetime) -> None:
        """Forget instants until `now` (it was switched off)."""
        while self._next <= now:
            self._next = _instant_after(self._next, self._instants)

    def _new_id(self) -> str:
        m = f"{self._rng.getrandbits(128):032x}"
        return f"{m[:8]}-{m[8:12]}-4{m[13:16]}-a{m[17:20]}-{m[20:]}"


def _instant_after(instant: datetime, instants: Sequence[time]) -> datetime:
    for days in (0, 1):
        for at in instants:
            found = datetime.combine(instant.date() + timedelta(days=days), at, instant.tzinfo)
            if found > instant:
                return found
    raise AssertionError("one of tomorrow's instants is later than any of today's")
