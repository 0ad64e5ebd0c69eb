"""The mocked Salesforce: sessions, the daily allowance of API requests, queries and collections."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING, Any

from rollout.domain.evidence import Scalar
from rollout.domain.instants import from_text
from rollout.rehearsal.clock import VirtualClock
from rollout.rehearsal.services.soql import parse
from rollout.rehearsal.services.soql_sql import Compiled, FieldKind, Schema, compile_query
from rollout.rehearsal.services.soql_tree import SoqlProblem

if TYPE_CHECKING:
    from rollout.rehearsal.truth import RowOutcome
    from rollout.rehearsal.world import World

OBJECT = "Product_Property__c"
RELATION = "sfdc.main.product_property"
TOOL_USER = "005Vj000000TOOLAAA"
"""Who writes through this API: neither Census nor a person."""
PAGE = 2_000
MOST_CURSORS = 10
_DAY = timedelta(hours=24)
_IDS = {"Id", "CreatedById", "LastModifiedById"}
_COLUMNS = """SELECT column_name, data_type FROM duckdb_columns()
WHERE database_name = 'sfdc' AND schema_name = 'main' AND table_name = 'product_property'
ORDER BY column_index"""


@dataclass(frozen=True)
class Cursor:
    """A query's answer, read page by page as it was when the query ran."""

    compiled: Compiled
    rows: Sequence[tuple[Scalar, ...]]


class SalesforceMock:
    """Salesforce over the world's truth.

    `token` is both a session that is open from the start and the secret of the client credentials
    flow. `api_limit` is the number of API requests allowed in 24 hours.
    """

    def __init__(
        self, world: World, clock: VirtualClock, *, token: str, api_limit: int = 100_000
    ) -> None:
        self.world, self.clock, self.token = world, clock, token
        self.api_limit = api_limit
        self.rights = {"createable", "updateable", "deletable"}
        self._lock = Lock()
        self._sessions = {token}
        self._issued = 0
        self._spent: deque[tuple[datetime, int]] = deque()
        self._cursors: OrderedDict[str, Cursor] = OrderedDict()
        self._opened = 0
        self._schema: tuple[int, Schema] | None = None

    def log_in(self, secret: str) -> str | None:
        """A new session for the right secret, else None."""
        if secret != self.token:
            return None
        self._issued += 1
        session = f"{self.token}.{self._issued}"
        self._sessions.add(session)
        return session

    def is_open(self, session: str) -> bool:
        return session in self._sessions

    def expire_sessions(self) -> None:
        """End every session; a client must log in again."""
        self._sessions.clear()

    def spend(self, requests: int) -> None:
        """Count API requests against the allowance, from now on for 24 hours."""
        now = self.clock.now()
        with self._lock:
            if self._spent and self._spent[-1][0] == now:
                requests += self._spent.pop()[1]
            self._spent.append((now, requests))

    @property
    def api_used(self) -> int:
        """API requests of the last 24 hours."""
        with self._lock:
            while self._spent and self._spent[0][0] <= self.clock.now() - _DAY:
                self._spent.popleft()
            return sum(count for _, count in self._spent)

    def set_api_used(self, requests: int) -> None:
        """Make the last 24 hours look as if so many requests had been made, all of them now."""
        self._spent.clear()
        self.spend(requests)

    def schema(self) -> Schema:
        """The object's fields as the truth has them now."""
        version = self.world.version
        if self._schema is None or self._schema[0] != version:
            columns = self.world.truth.select(_COLUMNS, []).rows
            fields = {str(name): _kind(str(name), str(kind)) for name, kind in columns}
            self._schema = (version, Schema(OBJECT, RELATION, fields))
        return self._schema[1]

    def query(self, text: str, *, deleted_too: bool = False) -> Cursor:
        """Run a SOQL query.

        Raises: SoqlProblem.
        """
        compiled = compile_query(parse(text), self.schema(), deleted_too=deleted_too)
        rows = self.world.truth.select(compiled.sql, compiled.parameters).rows
        if compiled.form == "aggregates" and len(rows) > PAGE:
            raise SoqlProblem(
                "EXCEEDED_ID_LIMIT",
                "Aggregate query does not support queryMore(), use LIMIT to restrict the results "
                "to a single batch",
            )
        return Cursor(compiled, rows)

    def keep(self, cursor: Cursor) -> str:
        """Keep a cursor for its next pages; the oldest of more than ten is forgotten."""
        self._opened += 1
        locator = f"01gRH{self._opened:010d}AAA"
        self._cursors[locator] = cursor
        if len(self._cursors) > MOST_CURSORS:
            self._cursors.popitem(last=False)
        return locator

    def cursor(self, locator: str) -> Cursor | None:
        return self._cursors.get(locator)

    def update(self, rows: Sequence[dict[str, Any]]) -> list[RowOutcome]:
        """Change records by Id, each by itself."""
        return self.world.truth.update(rows, by=TOOL_USER, at=self.clock.now())

    def delete(self, ids: Sequence[str]) -> list[RowOutcome]:
        """Move records to the bin, each by itself."""
        return self.world.truth.delete(ids, by=TOOL_USER, at=self.clock.now())


def shown(value: Scalar, kind: FieldKind, *, counted: bool = False) -> Scalar:
    """A value as Salesforce writes it: instants with milliseconds and +0000, numbers as doubles,
    an empty text as null.

    >>> shown("2026-03-03T18:00:34Z", "datetime"), shown(2, "number"), shown("", "text")
    ('2026-03-03T18:00:34.000+0000', 2.0, None)
    """
    if value is None or value == "":
        return None
    if kind == "datetime":
        at = from_text(str(value))
        return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}+0000"
    if kind == "number" and not counted and isinstance(value, int):
        return float(value)
    return value


def _kind(name: str, data_type: str) -> FieldKind:
    if name in _IDS:
        return "id"
    if data_type == "BOOLEAN":
        return "boolean"
    if data_type.startswith(("TIMESTAMP", "DATE")):
        return "datetime"
    return "text" if data_type.startswith("VARCHAR") else "number"
