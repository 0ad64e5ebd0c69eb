"""What a rollback would do to each target: rows by class, those that stay, what it costs; and together.

With an `Assessment` the rows are those of the target itself, without one what runs reported.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

import msgspec

from rollout.domain.assessment import Assessment
from rollout.domain.state import RolloutState, StepState
from rollout.domain.undo_cost import Cost, total, undo_cost
from rollout.domain.undo_order import phases_in_scope
from rollout.view.rollback_left import LeftView, left_view
from rollout.view.rollback_steps import SyncWords, UndoWords
from rollout.view.text import plain

MOST_LEFT = 20
"""Rows of a target that are shown one by one; the evidence has all."""

STAYING = ("changed_by_others", "deleted_by_others", "not_known")


class RowClassView(msgspec.Struct, frozen=True, kw_only=True):
    """`rows` None: the log alone cannot tell. `at_most`: what runs reported, and no more than that."""

    name: str
    rows: int | None
    at_most: bool
    means: str


class CostView(msgspec.Struct, frozen=True, kw_only=True):
    what: str
    calls: int
    seconds: float


class TargetView(msgspec.Struct, frozen=True, kw_only=True):
    """One target. `looked_at`: when it was read, None when the log alone speaks; `source` is that in
    a sentence. `left` are the first of its `left_rows` rows that stay as they are."""

    target: str
    looked_at: datetime | None
    source: str
    classes: list[RowClassView]
    left: list[LeftView]
    left_rows: int
    costs: list[CostView]
    calls: int
    seconds: float


class Scope(msgspec.Struct, frozen=True):
    """What is undone: `steps` from phase `first` on (empty: all), newest first."""

    state: RolloutState
    plan: UndoWords
    first: str
    steps: Sequence[StepState]


def target_views(scope: Scope, assessed: Sequence[Assessment], note: str) -> list[TargetView]:
    """Those that were looked at, then those that only the log knows; `note`: why nobody looked."""
    found = [_seen(scope, one) for one in assessed]
    known = {one.target for one in assessed}
    for target in dict.fromkeys(s.target for s in scope.plan.syncs.values()) or [""]:
        if target in known or (known and not any(_accepted(scope, target).values())):
            continue  # of no account: nothing was written to it that anybody could undo
        why = f"no baseline of {target} was captured yet" if known else note
        found.append(_told(scope, target, why))
    return found


def classes_together(targets: Sequence[TargetView]) -> list[RowClassView]:
    """Rows of all targets by class; unknown when those of one are."""
    found: dict[str, RowClassView] = {}
    for view in (view for target in targets for view in target.classes):
        before = found.get(view.name)
        found[view.name] = view if before is None else _sum(before, view)
    return list(found.values())


def costs_together(scope: Scope, targets: Sequence[TargetView]) -> list[CostView]:
    """The pauses, once, and what each target costs, by purpose."""
    pauses = sum(s.step == "pause_sync" for s in scope.plan.first())
    found = {c.what: c for c in _views(undo_cost(syncs=pauses)[:1])}
    for view in (view for target in targets for view in target.costs):
        before = found.get(view.what, CostView(what=view.what, calls=0, seconds=0.0))
        calls, seconds = before.calls + view.calls, before.seconds + view.seconds
        found[view.what] = CostView(what=view.what, calls=calls, seconds=seconds)
    return list(found.values())


def staying(targets: Sequence[TargetView]) -> Iterator[str]:
    """A sentence for each class of rows that a rollback leaves, by target where there are several."""
    for target in targets:
        of = f" of {target.target}" if len(targets) > 1 else ""
        for view in target.classes:
            if view.name in STAYING and view.rows:
                yield f"{view.rows:,} rows{of} {view.means}"


_MEANS = {
    "updated": "get their baseline values back",
    "created": "are deleted",
    "touched": "were written with the values they had: nothing to do",
    "changed_by_others": "stay as somebody else made them, and are listed",
    "deleted_by_others": "stay deleted, and are listed",
    "not_known": "are not given back: nobody knows what they were, or who deleted them",
}
_ONE_OF_BOTH = "were created, to be deleted, or updated, to be given back"


def _seen(scope: Scope, found: Assessment) -> TargetView:
    counts = found.counts
    costs = _costs(
        scope, found.target, found.rows, counts.get("updated", 0), counts.get("created", 0)
    )
    target = plain(found.target)
    return TargetView(
        target=target,
        looked_at=found.taken_at,
        source=plain(
            f"{target} as it is, {found.rows:,} rows, against {found.baseline}; "
            f"{found.modified:,} of them last changed by {' or '.join(found.users)} since then"
        ),
        classes=[_class(name, counts.get(name, 0), _MEANS[name]) for name in _MEANS],
        left=[left_view(row, target) for row in found.left[:MOST_LEFT]],
        left_rows=len(found.left),
        costs=_views(costs),
        calls=total(costs).calls,
        seconds=total(costs).seconds,
    )


def _told(scope: Scope, target: str, note: str) -> TargetView:
    """What runs reported: an upsert does not say how many rows it created."""
    rows = _accepted(scope, target)
    costs = _costs(scope, target, _baseline_rows(scope, target), sum(rows.values()), 0)
    why = f" ({plain(note)})" if note else ""
    return TargetView(
        target=plain(target),
        looked_at=None,
        source=f"from the log alone{why}: what runs reported up to event #{scope.state.seq}",
        classes=[
            _class("updated", rows["update"], _MEANS["updated"], at_most=True),
            _class("created or updated", rows["other"], _ONE_OF_BOTH, at_most=True),
            _class("changed_by_others", None, _MEANS["changed_by_others"]),
            _class("deleted_by_others", None, _MEANS["deleted_by_others"]),
        ],
        left=[],
        left_rows=0,
        costs=_views(costs),
        calls=total(costs).calls,
        seconds=total(costs).seconds,
    )


def _class(name: str, rows: int | None, means: str, *, at_most: bool = False) -> RowClassView:
    return RowClassView(name=name, rows=rows, at_most=at_most, means=means)


def _sum(one: RowClassView, other: RowClassView) -> RowClassView:
    rows = None if one.rows is None or other.rows is None else one.rows + other.rows
    return _class(one.name, rows, one.means, at_most=one.at_most or other.at_most)


def _accepted(scope: Scope, target: str) -> dict[str, int]:
    """Rows that the target took from runs of the phases in scope, by what the sync does."""
    rows = {"update": 0, "other": 0}
    phases = phases_in_scope(scope.state, scope.first)
    for run in scope.state.runs.values():
        sync = scope.plan.syncs.get(run.sync, SyncWords())
        if run.phase in phases and sync.target == target:
            rows["update" if sync.operation == "update" else "other"] += run.accepted or 0
    return rows


def _costs(scope: Scope, target: str, rows: int, restored: int, deleted: int) -> list[Cost]:
    """Of this target alone: it is read to assess it, for each run that wrote to it, and to prove it."""
    runs = [
        s
        for s in scope.steps
        if (spec := scope.plan.step(s.step)).step == "run_sync"
        and scope.plan.syncs.get(str(spec.inputs.get("sync")), SyncWords()).target == target
    ]
    looks = 2 + len(runs)
    return undo_cost(looks=looks, target_rows=rows, restored=restored, deleted=deleted)[1:]


def _views(costs: Iterable[Cost]) -> list[CostView]:
    return [CostView(what=c.what, calls=c.calls, seconds=c.seconds) for c in costs]


def _baseline_rows(scope: Scope, target: str) -> int:
    """Rows of the largest baseline in scope: how long one look at the target takes."""
    phases = phases_in_scope(scope.state, scope.first)
    found = [
        s.outputs.get("present")
        for s in scope.state.steps.values()
        if s.phase in phases
        and (spec := scope.plan.step(s.step)).step == "capture_baseline"
        and str(spec.inputs.get("target") or "") == target
    ]
    return max((n for n in found if isinstance(n, int)), default=0)
