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
from rollout.domain.state import RolloutState
from rollout.domain.undo_cost import ASSUMED
from rollout.domain.undo_order import may_begin_at, newest_first, phases_in_scope
from rollout.view.rollback_left import LeftView
from rollout.view.rollback_steps import (
    SHIPPED,
    UndoStepView,
    UndoWords,
    irreversible,
    undo_steps,
    undo_words,
)
from rollout.view.rollback_targets import (
    MOST_LEFT,
    CostView,
    RowClassView,
    Scope,
    TargetView,
    classes_together,
    costs_together,
    staying,
    target_views,
)
from rollout.view.text import plain

MAY_ROLL_BACK = frozenset(
    {
        *("entry_gate", "ready", "running", "exit_gate", "sign_off", "held"),
        *("rolled_back", "rollback_failed"),
    }
)
"""Stages in which a person may say roll back. Source: `domain/machine.py`; a test compares."""

_PAUSED = "a sync that was paused stays paused, until a person resumes it"
_OVER = {"completed", "failed", "skipped", "canceled"}


class RollbackPreview(msgspec.Struct, frozen=True, kw_only=True):
    """`scope`: the first phase that is undone, empty for all. `refused`: why nobody may say roll back
    now, empty when one may. `looked_at`: when the targets were read, None for a preview from the log
    alone; `source` is that in sentences. `classes`, `left`, `costs` and their sums are those of all
    `targets` together. `within` is the plan's limit, `seconds` the estimate."""

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
    targets: list[TargetView]


def rollback_preview(
    state: RolloutState,
    document: Any,
    scope: str = "",
    *,
    assessed: Sequence[Assessment] = (),
    note: str = "",
    undoable: Collection[str] = SHIPPED,
) -> RollbackPreview:
    """`document` is the plan as the evidence has it, `scope` the first phase to undo (empty: all; of
    a rollback that began already, its own), `assessed` what a look at each target found, `note` why
    nobody looked.

    Raises: ValueError for a phase the plan does not have; msgspec.ValidationError for no plan.
    """
    plan = undo_words(document)
    scope = scope or scope_of(state)
    steps = newest_first(state, scope)
    what = Scope(state, plan, scope, steps)
    targets = target_views(what, assessed, note)
    costs = costs_together(what, targets)
    return RollbackPreview(
        rollout=plain(state.rollout),
        title=plain(state.title),
        events=state.seq,
        head=state.head,
        scope=scope,
        phases=phases_in_scope(state, scope),
        refused=_refused(state, plan, scope),
        looked_at=next((t.looked_at for t in targets if t.looked_at is not None), None),
        source="; ".join(dict.fromkeys(t.source for t in targets)),
        classes=classes_together(targets),
        left=[row for t in targets for row in t.left][:MOST_LEFT],
        left_rows=sum(t.left_rows for t in targets),
        runs=list(_runs(state)),
        steps=undo_steps(plan, steps, undoable),
        stays=[*irreversible(plan, steps), *staying(targets), _PAUSED],
        proof=plan.proof(),
        costs=costs,
        calls=sum(c.calls for c in costs),
        seconds=sum(c.seconds for c in costs),
        assumed=ASSUMED,
        within=plan.within(),
        command=f"rollout decide rollback{f' {scope}' if scope else ''} --by NAME --reason TEXT",
        targets=targets,
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
    if (scope or order[0]) not in may_begin_at(state):
        return f"it is undone already from {phase.undo_from or order[0]} on"
    return ""


def _runs(state: RolloutState) -> Iterator[str]:
    """Runs that were not over when the log last heard of them."""
    for run in state.runs.values():
        if run.status not in _OVER:
            whose = "ours" if run.ours else "somebody else's"
            yield plain(f"run {run.run_id} of {run.sync} ({whose}) is {run.status}")
