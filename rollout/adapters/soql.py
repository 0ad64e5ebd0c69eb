"""SOQL texts: quoting values, and which columns a SELECT gives."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime

from rollout.domain.errors import QueryFailed
from rollout.domain.literals import soql_text

_FIELD = re.compile(r"([A-Za-z_][\w.]*)(?:\s+([A-Za-z_]\w*))?")
_CALL = re.compile(r"([A-Za-z_]\w*)\s*\((.*)\)\s*([A-Za-z_]\w*)?", re.DOTALL)
_SAME_NAME = frozenset({"tolabel", "format", "convertcurrency"})
"""Functions that change how a field is written; without an alias the field keeps its name."""
_COUNT = re.compile(r"\s*select\s+count\s*\(\s*\)\s+from\b", re.IGNORECASE)
_SELECT = re.compile(r"\s*select\s+", re.IGNORECASE)
_FROM = re.compile(r"\bfrom\b", re.IGNORECASE)


@dataclass(frozen=True)
class Column:
    """`name` is what the caller sees, as written; `path` where the value stands in a record."""

    name: str
    path: tuple[str, ...]


def soql_literal(value: str | int | float | bool | date | None) -> str:
    """A value as it is written in SOQL; texts in single quotes with everything escaped.

    Raises: ValueError for an instant without a time zone and for NaN or infinity.
    >>> soql_literal("O'Hare \\\\ Co"), soql_literal(True), soql_literal(None)
    ("'O\\\\'Hare \\\\\\\\ Co'", 'TRUE', 'NULL')
    """
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, datetime):
        return soql_datetime(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        # Exponents are not in SOQL's grammar for numbers.
        if not abs(value) < 1e18:
            raise ValueError(f"{value} cannot be written in SOQL")
        return f"{value:.12f}".rstrip("0").rstrip(".")
    return soql_text(value)


def soql_datetime(instant: datetime) -> str:
    """An instant as SOQL writes it: UTC, without quotes, whole milliseconds.

    Raises: ValueError without a time zone.
    >>> soql_datetime(datetime(2026, 1, 6, 18, 0, 34, tzinfo=UTC))
    '2026-01-06T18:00:34.000Z'
    """
    if instant.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    utc = instant.astimezone(UTC).replace(tzinfo=None)
    return utc.isoformat(timespec="milliseconds") + "Z"


def is_count(soql: str) -> bool:
    """`SELECT COUNT() FROM …`: no records, the number is the size.

    >>> is_count("select count() from Account"), is_count("SELECT COUNT(Id) FROM Account")
    (True, False)
    """
    return _COUNT.match(soql) is not None


def selected_columns(soql: str) -> list[Column] | None:
    """The columns of a SELECT in order; None when the records themselves must say (`FIELDS(…)`).

    Functions without an alias are `expr0`, `expr1`, … as Salesforce names them.
    Raises: QueryFailed for what does not fit into a flat table (subqueries, TYPEOF).
    >>> [c.name for c in selected_columns("SELECT Id, Owner.Name, MAX(X__c) m, MIN(X__c) FROM A")]
    ['Id', 'Owner.Name', 'm', 'expr0']
    """
    start = _SELECT.match(soql)
    if start is None:
        return None
    columns: list[Column] = []
    unnamed = 0
    for item in _items(soql[start.end() :]):
        if item.startswith("(") or item.lower().startswith("typeof"):
            raise QueryFailed(
                "salesforce: subqueries and TYPEOF give no flat table; ask in two queries",
                error_class="NOT_A_TABLE",
            )
        field, call = _FIELD.fullmatch(item), _CALL.fullmatch(item)
        if field is not None:
            columns.append(_field(field[1], field[2]))
        elif call is None or call[1].lower() == "fields":
            return None
        elif call[3] is not None:
            columns.append(Column(call[3], (call[3],)))
        elif call[1].lower() in _SAME_NAME:
            inner = call[2].strip(" ()").split("(")[-1]
            columns.append(_field(inner, None))
        else:
            columns.append(Column(f"expr{unnamed}", (f"expr{unnamed}",)))
            unnamed += 1
    return columns


def _field(path: str, alias: str | None) -> Column:
    return Column(alias, (alias,)) if alias else Column(path, tuple(path.split(".")))


def _items(text: str) -> Iterator[str]:
    """What stands between the commas up to the FROM that belongs to this SELECT."""
    depth, begin, end = 0, 0, len(text)
    froms = {found.start() for found in _FROM.finditer(text)}
    for at, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if depth == 0 and at in froms:
            end = at
            break
        if depth == 0 and char == ",":
            yield text[begin:at].strip()
            begin = at + 1
    yield text[begin:end].strip()
