"""Rows that a rollback leaves as they are, with every value there is of each."""

from __future__ import annotations

import msgspec

from rollout.domain.evidence import Scalar
from rollout.domain.restoring import Left
from rollout.view.text import figure, plain


class ValuesView(msgspec.Struct, frozen=True, kw_only=True):
    """One field of a row that stays; `-` where there is no row or nobody knows."""

    field: str
    baseline: str
    written: str
    now: str


class LeftView(msgspec.Struct, frozen=True, kw_only=True):
    """A row that stays as it is, with the fields that are not the same everywhere."""

    key: str
    why: str
    by: str
    at: str
    values: list[ValuesView]
    target: str = ""


_WHY = {
    "changed": "changed by others since",
    "created": "created by us, changed by others since",
    "deleted": "deleted by others",
    "lost": "gone, and nobody is known to have deleted it",
    "unknown": "changed by us, without a baseline",
}


def left_view(row: Left, target: str) -> LeftView:
    names = dict.fromkeys([*(row.baseline or {}), *(row.written or {}), *(row.now or {})])
    values = [_values(row, name) for name in names]
    return LeftView(
        key=plain(row.key),
        why=_WHY.get(row.why, plain(row.why)),
        by=plain(row.by),
        at=plain(row.at),
        values=[v for v in values if len({v.baseline, v.written, v.now} - {"-"}) > 1],
        target=target,
    )


def _values(row: Left, name: str) -> ValuesView:
    return ValuesView(
        field=plain(name),
        baseline=_value(row.baseline, name),
        written=_value(row.written, name),
        now=_value(row.now, name),
    )


def _value(values: dict[str, Scalar] | None, name: str) -> str:
    if values is None or name not in values:
        return "-"
    return "empty" if values[name] is None else figure(values[name])
