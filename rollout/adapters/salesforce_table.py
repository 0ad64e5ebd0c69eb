"""The records of a Salesforce answer as a table: columns as the SELECT names them, plain values."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rollout.adapters.soql import Column
from rollout.domain.errors import ServiceGarbled
from rollout.domain.evidence import Scalar
from rollout.ports import Table

_INSTANT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{3}))?(?:\+0000|Z)")


def table_of(
    columns: list[Column] | None, records: list[Mapping[str, Any]], max_rows: int
) -> Table:
    if columns is None:
        names = dict.fromkeys(name for record in records for name in record)
        columns = [Column(name, (name,)) for name in names if name != "attributes"]
    plain = _plain(columns)
    rows = [
        tuple(map(_scalar, found))
        if (found := plain(record)) is not None
        else tuple(_lookup(record, column) for column in columns)
        for record in records[:max_rows]
    ]
    return Table([column.name for column in columns], rows, truncated=len(records) > max_rows)


def _plain(columns: Sequence[Column]) -> Callable[[Mapping[str, Any]], tuple[Any, ...] | None]:
    """Takes a record's values when each column is a field of that very name; None when one is not.
    Whole objects come through here, twenty thousand records at a time."""
    names = tuple(column.path[0] for column in columns)
    if any(len(column.path) != 1 for column in columns):
        return lambda _record: None

    def values(record: Mapping[str, Any]) -> tuple[Any, ...] | None:
        try:
            return tuple([record[name] for name in names])
        except KeyError:
            return None

    return values


def _lookup(record: Mapping[str, Any], column: Column) -> Scalar:
    """The value at the column's path; SOQL does not mind the case of a name, JSON does.

    In a grouped query `Owner.Name` stands under `Name`. A missing parent is null, a missing field
    is not.
    """
    value: Any = record
    for step in column.path:
        if value is None:
            return None
        found = _member(value, step)
        if found is None:
            last = _member(record, column.path[-1]) if _is_grouped(record) else None
            if last is None:
                raise ServiceGarbled(f"salesforce: a record without the field {column.name}")
            return _scalar(last[0])
        value = found[0]
    return _scalar(value)


def _is_grouped(record: Mapping[str, Any]) -> bool:
    attributes = record.get("attributes")
    return isinstance(attributes, Mapping) and attributes.get("type") == "AggregateResult"


def _member(document: Any, name: str) -> tuple[Any] | None:
    if not isinstance(document, Mapping):
        return None
    if name in document:
        return (document[name],)
    same = [key for key in document if key.lower() == name.lower()]
    return (document[same[0]],) if same else None


def _scalar(value: Any) -> Scalar:
    if isinstance(value, str):
        found = _INSTANT.fullmatch(value) if value[10:11] == "T" else None
        if found is None:
            return value
        milliseconds = found[2] if found[2] not in (None, "000") else ""
        return f"{found[1]}{'.' + milliseconds + '000' if milliseconds else ''}Z"
    if value is None or isinstance(value, bool | int | float):
        return value
    return json.dumps(value, sort_keys=True)
