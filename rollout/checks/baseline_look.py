"""What a `baseline` check looks at beside the target's rows: its bin, and the warehouse's copy of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from sqlglot import exp

from rollout.checks.statements import column, relation, render
from rollout.domain.errors import ServiceError
from rollout.domain.evidence import Scalar
from rollout.domain.instants import to_text
from rollout.domain.restoring import CLOCKS_APART, Before, Values
from rollout.kinds import CheckContext
from rollout.ports import RecordStore

MOST_ROWS = 1_000_000
"""Rows of the target that are compared; with more, rows that a sync created could stay unseen."""


class Copied(Protocol):
    """Where the warehouse keeps its copy of the target."""

    @property
    def lagging_copy(self) -> str | None: ...
    @property
    def warehouse(self) -> str: ...


def in_the_bin(
    store: RecordStore, target: str, before: Before, there: Iterable[str]
) -> dict[str, Sequence[str]]:
    """Row id -> (who deleted it, when), of rows that are gone and can still be seen.

    Raises: ServiceError."""
    if before.rows.keys() <= set(there):
        return {}
    since = to_text((before.taken_at - CLOCKS_APART).replace(microsecond=0))
    soql = (
        f"SELECT Id, LastModifiedById, LastModifiedDate FROM {target} "  # noqa: S608 - plan names
        f"WHERE IsDeleted = TRUE AND LastModifiedDate >= {since}"
    )
    table = store.query(soql, max_rows=MOST_ROWS, deleted_too=True)
    return {str(i): (str(by or ""), str(at)) for i, by, at in table.rows if str(i) in before.rows}


def not_copied_yet(
    inputs: Copied, before: Before, there: Mapping[str, Values], context: CheckContext
) -> tuple[int | None, str]:
    """How many rows the copy does not show as the target has them, and a few words about it; the
    target is the truth, so a copy that lags or cannot be asked says nothing against a rollback."""
    if inputs.lagging_copy is None:
        return None, ""
    try:
        copied = _copy(inputs.lagging_copy, before.fields, inputs.warehouse, context)
    except ServiceError as problem:
        return None, f"; {inputs.lagging_copy} could not be asked ({problem})"
    behind = len(copied.keys() ^ there.keys())
    for record, values in copied.items():
        row = there.get(record)
        behind += row is not None and any(
            _plain(row.get(name)) != _plain(value)
            for name, value in zip(before.fields, values, strict=True)
        )
    return behind, f"; {inputs.lagging_copy} has yet to copy {behind} rows"


def _copy(
    name: str, fields: Sequence[str], warehouse: str, context: CheckContext
) -> dict[str, Sequence[Scalar]]:
    """Rows of the copy by record id. A copy's columns are the fields in lower case, `__c` as `_c`."""
    names = ["id", *(field.lower().replace("__c", "_c") for field in fields)]
    query = exp.select(*(column(n) for n in names)).from_(relation(name))
    for flag in ("is_deleted", "_fivetran_deleted"):
        query = query.where(exp.Coalesce(this=column(flag), expressions=[exp.false()]).not_())
    table = context.connections.warehouse(warehouse).query(
        render(query), max_rows=MOST_ROWS, timeout_s=context.timeout_s
    )
    return {str(record): values for record, *values in table.rows}


def _plain(value: Scalar) -> Scalar:
    """A copy may hold an empty text where the target says null."""
    return None if value == "" else value
