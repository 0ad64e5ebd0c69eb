"""Where a rollout is, from its folded state: one picture for `status`, live rehearsals and the TUI."""

from __future__ import annotations

from collections.abc import Iterable

from rollout.domain.events import Event, RunObserved, kind_of
from rollout.domain.state import PhaseState, RolloutState, StepState
from rollout.domain.undo_order import undone_phases
from rollout.view import marks
from rollout.view.choices import choices
from rollout.view.gates import Documents, gate_view, telling_gates
from rollout.view.model import (
    EventView,
    FindingView,
    PhaseView,
    RollbackView,
    RunView,
    StatusView,
    StepView,
)
from rollout.view.plan_words import PlanWords
from rollout.view.sentences import sentence
from rollout.view.text import plain


def status_view(
    state: RolloutState,
    words: PlanWords,
    newest: Iterable[Event] = (),
    documents: Documents | None = None,
) -> StatusView:
    """`newest` are the events to show, oldest first."""
    current, undone = state.current_phase(), undone_phases(state)
    return StatusView(
        rollout=plain(state.rollout),
        title=plain(state.title),
        plan_sha256=state.plan_sha256,
        profile=plain(state.profile),
        scenario=plain(state.scenario) if state.scenario is not None else None,
        status=state.status,
        outcome=state.outcome,
        word=_word(state, current),
        reason=plain(state.outcome_reason or (current.reason if current else "")),
        events=state.seq,
        head=state.head,
        created_at=state.created_at,
        at=state.latest_at,
        phases=[_phase(state, p, undone=p.id in undone) for p in state.phases.values()],
        steps=[_step(s) for s in state.steps.values() if _is_under_way(state, s)],
        runs=[run_view(r) for r in state.runs.values() if current and _is_of(current, r)],
        gates=[gate_view(gate, state, words, documents) for gate in telling_gates(state)],
        findings=findings(state, only_open=True),
        rollback=rollback_view(state),
        next=choices(state, words),
        newest=[event_view(event) for event in newest],
        plan_number=max(len(state.plans), 1),
        plan_since_seq=state.plans[-1].seq if state.plans else 1,
    )


def event_view(event: Event) -> EventView:
    return EventView(
        seq=event.seq,
        at=event.at,
        actor=plain(event.actor),
        kind=kind_of(event.payload),
        text=sentence(event.payload),
    )


def run_view(run: RunObserved) -> RunView:
    share = None
    if run.processed is not None and run.source_rows:
        share = min(run.processed / run.source_rows, 1.0)
    return RunView(
        sync=plain(run.sync),
        run_id=run.run_id,
        phase=run.phase,
        attempt=run.attempt,
        ours=run.ours,
        status=plain(run.status),
        word=marks.of_run(run.status).word,
        processed=run.processed,
        updated=run.accepted,
        failed=run.failed,
        invalid=run.invalid,
        source_rows=run.source_rows,
        share=share,
    )


def rollback_view(state: RolloutState) -> RollbackView | None:
    """None when nothing was ever rolled back."""
    told = state.rollback
    if told is None:
        return None
    verified = bool(told["verified"])
    return RollbackView(
        word=(marks.PASS if verified else marks.FAIL).word,
        phase=plain(told["phase"]),
        scope=plain(told["scope"]),
        verified=verified,
        restored_rows=told["restored_rows"],
        deleted_rows=told["deleted_rows"],
        left_rows=told["left_rows"],
        remaining_rows=told["remaining_rows"],
        remaining=[plain(said) for said in told["remaining"]],
        go_on=plain(told["go_on"]),
    )


def findings(state: RolloutState, *, only_open: bool) -> list[FindingView]:
    """Most severe first, then in the order they were raised."""
    found = [
        FindingView(
            id=f.finding,
            check=f.check,
            phase=f.phase,
            severity=f.severity,
            state=f.state,
            title=plain(f.title),
            owner=plain(f.owner),
            due_at=f.due_at,
        )
        for f in state.findings.values()
        if f.state == "open" or not only_open
    ]
    return sorted(found, key=lambda f: f.severity)


def _word(state: RolloutState, current: PhaseState | None) -> str:
    if state.outcome or current is None:
        return marks.of_rollout(state.outcome).word
    return marks.OF_STAGE[current.stage].word


def _phase(state: RolloutState, phase: PhaseState, *, undone: bool) -> PhaseView:
    steps = next((o.steps for o in state.outline if o.id == phase.id), [])
    done = [
        s
        for name in steps
        if (s := state.step(phase.id, phase.attempt, name)) is not None and s.status == "completed"
    ]
    return PhaseView(
        id=phase.id,
        title=plain(phase.title),
        stage=phase.stage,
        word=(marks.WARN if undone else marks.OF_STAGE[phase.stage]).word,
        attempt=phase.attempt,
        since=phase.since,
        reason=plain(phase.reason),
        steps_done=len(done),
        steps_total=len(steps),
        undone=undone,
    )


def _is_under_way(state: RolloutState, step: StepState) -> bool:
    is_current = state.phases[step.phase].attempt == step.attempt
    return is_current and step.status not in {"completed", "undone"} and not state.outcome


def _step(step: StepState) -> StepView:
    return StepView(
        phase=step.phase,
        attempt=step.attempt,
        step=step.step,
        status=step.status,
        word=marks.OF_STEP[step.status].word,
        since=step.started_at,
        reason=plain(step.reason or step.trouble),
    )


def _is_of(phase: PhaseState, run: RunObserved) -> bool:
    return (run.phase, run.attempt) == (phase.id, phase.attempt)
