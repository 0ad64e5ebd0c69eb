"""What a rollback makes of every row: given back, deleted, or left because others changed it since.

Pure. A row is compared with the baseline it goes back to; who changed it last, and who had changed
it when a later baseline was taken, says whether the difference is ours.
Source: domain note, section 5 (created rows are deleted, rows that were only updated get their
baseline values back, rows that others changed meanwhile stay).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import msgspec

from rollout.domain.evidence import Scalar
from rollout.domain.instants import from_text

Values = Mapping[str, Scalar]

HIDDEN = ("Id", "CreatedById", "CreatedDate", "LastModifiedById", "LastModifiedDate")
"""What the target itself says of every row."""


CLOCKS_APART = timedelta(days=1)
"""How far our clock and the target's may disagree where a date only confirms what is known."""


class Restore(msgspec.Struct, frozen=True):
    """A row that gets `values` back: only the fields that differ."""

    id: str
    key: str
    values: dict[str, Scalar]


class Delete(msgspec.Struct, frozen=True):
    """A row that was created since the baseline."""

    id: str
    key: str


class Left(msgspec.Struct, frozen=True, kw_only=True):
    """A row that is not touched, with every value there is: of the baseline (None: it was not
    there), what a run of ours wrote (None: not known), what is there now (None: it is gone).

    why: changed, deleted, created (by us, changed by others since), lost (gone, and nobody else
    is known to have deleted it), unknown (changed by us, and no baseline says what it was).
    """

    id: str
    key: str
    why: str
    by: str = ""
    at: str = ""
    baseline: dict[str, Scalar] | None = None
    written: dict[str, Scalar] | None = None
    now: dict[str, Scalar] | None = None


@dataclass
class Sorted:
    """Every row that the baseline or the target has, each in one class. `touched`: written by us
    with the values it had already."""

    restore: list[Restore] = field(default_factory=list)
    delete: list[Delete] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    touched: int = 0

    def left_as(self, *why: str) -> list[Left]:
        return [row for row in self.left if row.why in why]

    def counts(self) -> dict[str, int]:
        """Rows by class, in the words of people."""
        return {
            "updated": len(self.restore),
            "created": len(self.delete),
            "touched": self.touched,
            "changed_by_others": len(self.left_as("changed", "created")),
            "deleted_by_others": len(self.left_as("deleted")),
            "not_known": len(self.left_as("unknown", "lost")),
        }


@dataclass(frozen=True)
class Before:
    """A baseline as it was stored. `theirs`: rows that somebody else had changed last, since the
    first baseline of the rollout: id -> (user, instant)."""

    fields: Sequence[str]
    rows: Mapping[str, Sequence[Scalar]]
    whole: bool
    taken_at: datetime
    theirs: Mapping[str, Sequence[str]]

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Before:
        """From the evidence of a `capture_baseline` step, also of one without `theirs`."""
        return cls(
            fields=document["fields"],
            rows=document["rows"],
            whole=bool(document.get("whole")),
            taken_at=from_text(str(document["taken_at"])),
            theirs=document.get("theirs", {}),
        )

    def values(self, record: str) -> dict[str, Scalar] | None:
        """Field -> value; None for a row it does not have."""
        found = self.rows.get(record)
        return None if found is None else dict(zip(self.fields, found, strict=True))

    def theirs_since(self, record: str, before: Before) -> bool:
        """Whether somebody else had changed the row last, and not yet by the baseline `before`. No clock
        decides: the controller's may have been hours off when it took a baseline."""
        found = self.theirs.get(record)
        return found is not None and found != before.theirs.get(record)


@dataclass(frozen=True)
class Target:
    """The target as it is. `ours` are the users that syncs and rollbacks write as; `deleted`:
    rows in the bin, id -> (user, instant)."""

    key: str
    rows: Mapping[str, Values]
    ours: Collection[str]
    deleted: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def is_ours(self, row: Values) -> bool:
        return row["LastModifiedById"] in self.ours


def sort_rows(target: Target, before: Before, later: Sequence[Before] = ()) -> Sorted:
    """What becomes of every row on the way back to `before`.

    `later` are the baselines taken since, oldest first: what somebody else had made of a row by
    then stays, also when a sync of ours wrote over it afterwards.

    >>> at = datetime(2026, 1, 6, 18, 0).astimezone()
    >>> was = Before(["Name"], {"a1": ["old"]}, True, at, {})
    >>> row = {"Id": "a1", "Name": "new", "CreatedById": "x", "LastModifiedById": "sync",
    ...        "CreatedDate": "2025-01-01T00:00:00Z", "LastModifiedDate": "2026-01-06T19:00:00Z"}
    >>> sort_rows(Target("Name", {"a1": row}, {"sync"}), was).restore
    [Restore(id='a1', key='old', values={'Name': 'old'})]
    """
    found = Sorted()
    for record in before.rows:
        _sort_known(found, target, before, later, record)
    for record in target.rows.keys() - before.rows.keys():
        _sort_new(found, target, before, later, record)
    found.delete.sort(key=lambda row: row.id)
    found.left.sort(key=lambda row: row.id)
    return found


def _sort_known(
    found: Sorted, target: Target, before: Before, later: Sequence[Before], record: str
) -> None:
    row = target.rows.get(record)
    if row is None:
        if before.whole:  # of a part only what changed was read
            found.left.append(_gone(target, before, record))
        return
    stays = _stays(later, before, record) or before
    values = _of(stays, record)
    differing = _differing(row, values)
    if not differing:
        _settled(found, target, before, stays, record)
    elif target.is_ours(row):
        found.restore.append(Restore(record, str(values[before.fields[0]]), differing))
    elif _differing(row, _of(before, record)):
        found.left.append(_left(target, "changed", row, _of(before, record)))


def _settled(found: Sorted, target: Target, before: Before, stays: Before, record: str) -> None:
    """A row that is as it should be already."""
    row = target.rows[record]
    if stays is not before and _differing(row, _of(before, record)):
        by, at = stays.theirs[record]
        found.left.append(_left(target, "changed", row, _of(before, record), by=by, at=at))
    elif target.is_ours(row) and from_text(str(row["LastModifiedDate"])) >= before.taken_at:
        found.touched += 1


def _sort_new(
    found: Sorted, target: Target, before: Before, later: Sequence[Before], record: str
) -> None:
    row = target.rows[record]
    stays = _stays(later, before, record)
    if row["CreatedById"] in target.ours and _is_new(row, before):
        if not target.is_ours(row):
            found.left.append(_left(target, "created", row, None))
        elif stays is None:
            found.delete.append(Delete(record, str(row[target.key])))
        else:
            _give_back(found, target, stays, record, "created")
    elif target.is_ours(row):
        if stays is not None:
            _give_back(found, target, stays, record, "")
        elif before.whole or from_text(str(row["LastModifiedDate"])) >= before.taken_at:
            found.left.append(_left(target, "unknown", row, None))


def _give_back(found: Sorted, target: Target, stays: Before, record: str, why: str) -> None:
    """A row that the baseline does not have, and that somebody else had made something of."""
    row, values = target.rows[record], _of(stays, record)
    differing = _differing(row, values)
    if differing:
        found.restore.append(Restore(record, str(values[stays.fields[0]]), differing))
    elif why:
        by, at = stays.theirs[record]
        found.left.append(_left(target, why, row, None, by=by, at=at))


def _stays(later: Sequence[Before], before: Before, record: str) -> Before | None:
    """The newest baseline by which somebody else had changed the row."""
    return next(
        (b for b in reversed(later) if record in b.rows and b.theirs_since(record, before)),
        None,
    )


def _is_new(row: Values, before: Before) -> bool:
    """Of a part of the target only the date tells. A whole baseline would have had the row, unless it
    is an old one that came back from the bin: an old row is never deleted."""
    since = before.taken_at.replace(microsecond=0)
    if before.whole:
        since -= CLOCKS_APART
    return from_text(str(row["CreatedDate"])) >= since


def _gone(target: Target, before: Before, record: str) -> Left:
    values = _of(before, record)
    key = str(values[before.fields[0]])
    by, at = target.deleted.get(record, ("", ""))
    why = "deleted" if by and by not in target.ours else "lost"
    return Left(id=record, key=key, why=why, by=by, at=at, baseline=values)


def _left(
    target: Target,
    why: str,
    row: Values,
    baseline: dict[str, Scalar] | None,
    *,
    by: str = "",
    at: str = "",
) -> Left:
    shown = baseline.keys() if baseline is not None else row.keys() - set(HIDDEN)
    return Left(
        id=str(row["Id"]),
        key=str(row[target.key]),
        why=why,
        by=by or str(row["LastModifiedById"]),
        at=at or str(row["LastModifiedDate"]),
        baseline=baseline,
        now={name: row.get(name) for name in sorted(shown)},
    )


def _of(before: Before, record: str) -> dict[str, Scalar]:
    values = before.values(record)
    assert values is not None
    return values


def _differing(row: Values, values: Values) -> dict[str, Scalar]:
    return {name: value for name, value in values.items() if row.get(name) != value}


def rows_by_id(rows: Iterable[Values]) -> dict[str, Values]:
    """Rows of a query by their record id."""
    return {str(row["Id"]): row for row in rows}
