"""What a rollback would do now, before anybody says so: rows, calls, duration, what stays.

Made from the folded state and the plan's document; with an `Assessment` the rows are those of the
target itself, without one the log's own figures stand in, and the view says so. Reads nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec

from rollout.domain.assessment import Assessment
from rollout.domain.state import RolloutState, StepState
from rollout.domain.undo_cost import ASSUMED, Cost, total, undo_cost
from rollout.domain.undo_order import newest_first, phases_in_scope
from rollout.view.rollback_left import LeftView, left_view
from rollout.view.rollback_steps import (
    SHIPPED,
    SyncWords,
    UndoStepView,
    UndoWords,
    irreversible,
    undo_steps,
    undo_words,
)
from rollout.view.text import plain

MOST_LEFT = 20
"""Rows that are shown one by one; the evidence has all."""

MAY_ROLL_BACK = frozenset(
    {"entry_gate", "ready", "running", "exit_gate", "sign_off", "held", "rollback_failed"}
)
"""Stages in which a person may say roll back. Source: `domain/machine.py`; a test compares."""

_OVER = {"completed", "failed", "skipped", "canceled"}


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


class RollbackPreview(msgspec.Struct, frozen=True, kw_only=True):
    """`scope`: the first phase that is undone, empty for all. `refused`: why nobody may say roll back
    now, empty when one may. `looked_at`: when the target was read, None for a preview from the log
    alone; `source` is that in a sentence. `within` is the plan's limit, `seconds` the estimate."""

    rollout: str
    title: str
    events: int
    head: str
    scope: str
    phases: list[str]
    refused: str
    looked_at: datetime | None
    source: str
    classes: list[RowClassView]
    left: list[LeftView]
    left_rows: int
    runs: list[str]
    steps: list[UndoStepView]
    stays: list[str]
    proof: list[str]
    costs: list[CostView]
    calls: int
    seconds: float
    assumed: str
    within: str
    command: str


def rollback_preview(
    state: RolloutState,
    document: Any,
    scope: str = "",
    *,
    assessed: Assessment | None = None,
    note: str = "",
    undoable: Collection[str] = SHIPPED,
) -> RollbackPreview:
    """`document` is the plan as the evidence has it, `scope` the first phase to undo (empty: all; of
    a rollback that began already, its own), `note` why the target was not looked at.

    Raises: ValueError for a phase the plan does not have; msgspec.ValidationError for no plan.
    """
    plan = undo_words(document)
    scope = scope or scope_of(state)
    steps = newest_first(state, scope)
    costs = _costs(state, plan, scope, steps, assessed)
    left = assessed.left if assessed is not None else []
    return RollbackPreview(
        rollout=plain(state.rollout),
        title=plain(state.title),
        events=state.seq,
        head=state.head,
        scope=scope,
        phases=phases_in_scope(state, scope),
        refused=_refused(state, plan, scope),
        looked_at=assessed.taken_at if assessed is not None else None,
        source=_source(state, assessed, note),
        classes=_classes(state, plan, scope, assessed),
        left=[left_view(row) for row in left[:MOST_LEFT]],
        left_rows=len(left),
        runs=list(_runs(state)),
        steps=undo_steps(plan, steps, undoable),
        stays=[*irreversible(plan, steps), *_staying(assessed)],
        proof=plan.proof(),
        costs=[CostView(what=c.what, calls=c.calls, seconds=c.seconds) for c in costs],
        calls=total(costs).calls,
        seconds=total(costs).seconds,
        assumed=ASSUMED,
        within=plan.within(),
        command=f"rollout decide rollback{f' {scope}' if scope else ''} --by NAME --reason TEXT",
    )


def scope_of(state: RolloutState) -> str:
    """The first phase of a rollback that began already; empty when none did."""
    phase = state.current_phase()
    begun = phase is not None and phase.stage in {"rolling_back", "rollback_failed"}
    return phase.undo_from if phase is not None and begun else ""


def _refused(state: RolloutState, plan: UndoWords, scope: str) -> str:
    phase = state.current_phase()
    if state.outcome or phase is None:
        return f"the rollout has ended ({state.outcome or 'every phase is passed'})"
    if plan.rollback is None:
        return "the plan has no `rollback:` section"
    if phase.stage not in MAY_ROLL_BACK:
        return f"{phase.id} is {phase.stage.replace('_', ' ')}"
    order = list(state.phases)
    if scope and order.index(scope) > order.index(phase.id):
        return f"{scope} has not begun: name {phase.id} or an earlier phase"
    return ""


def _source(state: RolloutState, assessed: Assessment | None, note: str) -> str:
    if assessed is None:
        why = f" ({plain(note)})" if note else ""
        return f"from the log alone{why}: what runs reported up to event #{state.seq}"
    return plain(
        f"{assessed.target} as it is, {assessed.rows:,} rows, against {assessed.baseline}; "
        f"{assessed.modified:,} of them last changed by {' or '.join(assessed.users)} since then"
    )


_MEANS = {
    "updated": "get their baseline values back",
    "created": "are deleted",
    "touched": "were written with the values they had: nothing to do",
    "changed_by_others": "stay as somebody else made them, and are listed",
    "deleted_by_others": "stay deleted, and are listed",
    "not_known": "are not given back: nobody knows what they were, or who deleted them",
}
_ONE_OF_BOTH = "were created, to be deleted, or updated, to be given back"


def _classes(
    state: RolloutState, plan: UndoWords, scope: str, assessed: Assessment | None
) -> list[RowClassView]:
    """Of the target; without a look at it what runs reported: an upsert does not say how many rows
    it created."""
    if assessed is not None:
        return [_class(name, assessed.counts.get(name, 0), _MEANS[name]) for name in _MEANS]
    accepted = _accepted(state, plan, scope)
    return [
        _class("updated", accepted["update"], _MEANS["updated"], at_most=True),
        _class("created or updated", accepted["other"], _ONE_OF_BOTH, at_most=True),
        _class("changed_by_others", None, _MEANS["changed_by_others"]),
        _class("deleted_by_others", None, _MEANS["deleted_by_others"]),
    ]


def _class(name: str, rows: int | None, means: str, *, at_most: bool = False) -> RowClassView:
    return RowClassView(name=name, rows=rows, at_most=at_most, means=means)


def _accepted(state: RolloutState, plan: UndoWords, scope: str) -> dict[str, int]:
    """Rows that the target took from runs of the phases in scope, by what the sync does."""
    rows = {"update": 0, "other": 0}
    phases = phases_in_scope(state, scope)
    for run in state.runs.values():
        if run.phase in phases:
            operation = plan.syncs.get(run.sync, SyncWords()).operation
            rows["update" if operation == "update" else "other"] += run.accepted or 0
    return rows


def _runs(state: RolloutState) -> Iterator[str]:
    """Runs that were not over when the log last heard of them."""
    for run in state.runs.values():
        if run.status not in _OVER:
            whose = "ours" if run.ours else "somebody else's"
            yield plain(f"run {run.run_id} of {run.sync} ({whose}) is {run.status}")


def _staying(assessed: Assessment | None) -> Iterator[str]:
    counts = assessed.counts if assessed is not None else {}
    for name in ("changed_by_others", "deleted_by_others", "not_known"):
        if counts.get(name):
            yield f"{counts[name]:,} rows {_MEANS[name]}"
    yield "a sync that was paused stays paused, until a person resumes it"


def _costs(
    state: RolloutState,
    plan: UndoWords,
    scope: str,
    steps: Sequence[StepState],
    assessed: Assessment | None,
) -> list[Cost]:
    if assessed is not None:
        rows = assessed.rows
        restored, deleted = assessed.counts.get("updated", 0), assessed.counts.get("created", 0)
    else:
        rows = _baseline_rows(state, plan, scope)
        restored, deleted = sum(_accepted(state, plan, scope).values()), 0
    return undo_cost(
        syncs=sum(s.step == "pause_sync" for s in plan.first()),
        looks=2 + sum(plan.step(s.step).step == "run_sync" for s in steps),
        target_rows=rows,
        restored=restored,
        deleted=deleted,
    )


def _baseline_rows(state: RolloutState, plan: UndoWords, scope: str) -> int:
    """Rows of the largest baseline in scope: how long one look at the target takes."""
    phases = phases_in_scope(state, scope)
    found = [
        s.outputs.get("present")
        for s in state.steps.values()
        if s.phase in phases and plan.step(s.step).step == "capture_baseline"
    ]
    return max((n for n in found if isinstance(n, int)), default=0)
