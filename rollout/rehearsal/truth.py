"""Salesforce' own records: bulk writes with per-row outcomes, and read-only SQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from threading import RLock
from typing import Any, Literal

import duckdb
import msgspec
import pyarrow as pa

from rollout.adapters.arrow_table import to_table
from rollout.domain.errors import QueryFailed
from rollout.ports import Table
from rollout.rehearsal import generator
from rollout.rehearsal.truth_sql import (
    OBJECT,
    SYSTEM_FIELDS,
    Operation,
    default_rules,
    inserting,
    matching,
    updating,
)


class RowOutcome(msgspec.Struct, frozen=True):
    """What happened to one row: `key` as it was given, the record's id when there is one."""

    key: str
    id: str | None
    result: Literal["created", "updated", "rejected"]
    reason: str = ""


class SalesforceTruth:
    """The records of Product_Property__c as Salesforce has them now.

    Writes are applied as of `at`; before each, `settle(at)` lets everything happen that was due by
    then, and `changed(at, created ids)` is told afterwards.
    """

    CENSUS_USER = generator.CENSUS_USER
    HUMAN_USER = generator.HUMAN_USER

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        lock: RLock,
        settle: Callable[[datetime], None],
        changed: Callable[[datetime, list[str]], None],
    ) -> None:
        self._connection, self._lock = connection, lock
        self._settle, self._changed = settle, changed
        self.validation = default_rules()
        self.unique_key = True
        self._columns: dict[str, tuple[str, str]] | None = None

    def upsert(
        self,
        key_field: str,
        rows: Sequence[Mapping[str, Any]],
        *,
        operation: Operation,
        by: str,
        at: datetime,
    ) -> list[RowOutcome]:
        """Write rows by an external id (matched without regard to case), in the order given.

        upsert creates what is not there; update rejects it; insert rejects what is there, unless
        the external id is not marked unique. Units: one outcome a row, in the same order.
        """
        return self._write(key_field, rows, operation, by, at)

    def update(
        self, rows: Sequence[Mapping[str, Any]], *, by: str, at: datetime
    ) -> list[RowOutcome]:
        """Write fields of records by `Id`; only the fields that a row carries are touched."""
        return self._write("Id", rows, "update", by, at)

    def delete(self, ids: Sequence[str], *, by: str, at: datetime) -> list[RowOutcome]:
        """Mark records as deleted; an unknown or deleted id is rejected."""
        with self._lock:
            self._settle(at)
            self._connection.register("rollout_ids", pa.table({"id": pa.array(ids, pa.string())}))
            live = {
                row[0]
                for row in self._connection.execute(
                    f"SELECT Id FROM {OBJECT} WHERE NOT IsDeleted AND Id IN (SELECT id FROM rollout_ids)"  # noqa: S608 - constants, in a mock
                ).fetchall()
            }
            self._connection.execute(
                f"""UPDATE {OBJECT} SET IsDeleted = TRUE, SystemModstamp = $at, LastModifiedDate = $at,
                LastModifiedById = $by WHERE NOT IsDeleted AND Id IN (SELECT id FROM rollout_ids)""",  # noqa: S608 - constants, in a mock
                {"at": at, "by": by},
            ).fetchall()
            self._connection.unregister("rollout_ids")
            if live:
                self._changed(at, [])
        gone = "ENTITY_IS_DELETED: entity is deleted or does not exist"
        return [
            RowOutcome(key, key, "updated")
            if key in live
            else RowOutcome(key, None, "rejected", gone)
            for key in ids
        ]

    def select(
        self, sql: str, parameters: list[Any] | None = None, max_rows: int | None = None
    ) -> Table:
        """Read-only DuckDB SQL with `?` parameters; `product_property` has deleted records too,
        `live_product_property` has not.

        Raises: QueryFailed.
        """
        with self._lock:
            cursor = self._connection.cursor()
        try:
            cursor.execute("USE sfdc.main").fetchall()
            statements = cursor.extract_statements(sql)
            if [s.type for s in statements] != [duckdb.StatementType.SELECT]:
                raise QueryFailed("only one SELECT is allowed here", error_class="MALFORMED_QUERY")
            relation = cursor.sql(sql, params=parameters) if parameters else cursor.sql(sql)
            return to_table(relation.to_arrow_table(), max_rows)
        except duckdb.Error as error:
            raise QueryFailed(str(error), error_class="MALFORMED_QUERY") from error
        finally:
            cursor.close()

    def forget_columns(self) -> None:
        """The object's fields may have changed (a renamed field)."""
        self._columns = None

    def _write(
        self,
        key: str,
        rows: Sequence[Mapping[str, Any]],
        operation: Operation,
        by: str,
        at: datetime,
    ) -> list[RowOutcome]:
        outcomes: list[RowOutcome | None] = [None] * len(rows)
        groups: dict[tuple[str, ...], list[int]] = {}
        for place, row in enumerate(rows):
            groups.setdefault(tuple(row), []).append(place)
        with self._lock:
            self._settle(at)
            for fields, places in groups.items():
                written = self._write_alike(
                    key, fields, [rows[p] for p in places], operation, by, at
                )
                for place, outcome in zip(places, written, strict=True):
                    outcomes[place] = outcome
            created = [o.id for o in outcomes if o and o.result == "created" and o.id]
            if any(o and o.result != "rejected" for o in outcomes):
                self._changed(at, created)
        return [outcome for outcome in outcomes if outcome is not None]

    def _write_alike(
        self,
        key: str,
        fields: tuple[str, ...],
        rows: Sequence[Mapping[str, Any]],
        operation: Operation,
        by: str,
        at: datetime,
    ) -> list[RowOutcome]:
        columns = self._columns_of_object()
        keys = ["" if row.get(key) is None else str(row[key]) for row in rows]
        unknown = [f for f in (*fields, key) if f.lower() not in columns]
        if unknown:
            reason = f"INVALID_FIELD: No such column '{unknown[0]}' on sobject of type Product_Property__c"
            return [RowOutcome(k, None, "rejected", reason) for k in keys]
        known = [columns[f.lower()] for f in fields]
        try:
            incoming = pa.table(
                {"rollout_ord": pa.array(range(len(rows)), pa.int64())}
                | {
                    name: pa.array([row[f] for row in rows])
                    for f, (name, _) in zip(fields, known, strict=True)
                }
            )
            self._stage(incoming, known)
        except (pa.ArrowInvalid, pa.ArrowTypeError, duckdb.ConversionException) as error:
            reason = f"JSON_PARSER_ERROR: {str(error).splitlines()[0]}"
            return [RowOutcome(k, None, "rejected", reason) for k in keys]
        stamps = {"at": at, "by": by}
        writable = [name for name, _ in known if name.lower() not in SYSTEM_FIELDS]
        name = columns[key.lower()][0]
        self._connection.execute(
            matching(name, fields, operation, self.validation, self.unique_key)
        ).fetchall()
        answers = self._connection.execute(
            "SELECT id, result, coalesce(reason, '') FROM rollout_outcome ORDER BY rollout_ord"
        ).fetchall()
        happened = {result for _, result, _ in answers}
        if "updated" in happened:
            self._connection.execute(updating(writable), stamps).fetchall()
        if "created" in happened:
            self._connection.execute(inserting(writable), stamps).fetchall()
        return [RowOutcome(k, *answer) for k, answer in zip(keys, answers, strict=True)]

    def _stage(self, incoming: pa.Table, known: list[tuple[str, str]]) -> None:
        casts = "".join(f', CAST("{name}" AS {kind}) AS "{name}"' for name, kind in known)
        self._connection.register("rollout_rows", incoming)
        try:
            self._connection.execute(
                f"CREATE OR REPLACE TEMP TABLE rollout_incoming AS SELECT rollout_ord{casts} FROM rollout_rows"  # noqa: S608 - constants, in a mock
            ).fetchall()
        finally:
            self._connection.unregister("rollout_rows")

    def _columns_of_object(self) -> dict[str, tuple[str, str]]:
        """Lower-case name -> (name, type)."""
        if self._columns is None:
            found = self._connection.execute(f"DESCRIBE {OBJECT}").fetchall()
            self._columns = {row[0].lower(): (row[0], row[1]) for row in found}
        return self._columns
