"""How each event changes the state: one small function per kind of event, found by its type."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from rollout.domain import events as e
from rollout.domain import fold_people as people
from rollout.domain.evidence import Verdict
from rollout.domain.fold_notices import notice_answered, remember_occasion
from rollout.domain.fold_plan import plan_adopted
from rollout.domain.state import (
    HISTORY_KEPT,
    CheckState,
    EffectState,
    GateState,
    PastSample,
    PhaseState,
    PlanInForce,
    RolloutState,
    StepState,
    Tally,
)


def fold(events: Iterable[e.Event], state: RolloutState | None = None) -> RolloutState:
    """Apply events in order, in place when a state is given: `fold(a + b) == fold(b, fold(a))`."""
    state = state if state is not None else RolloutState()
    for event in events:
        apply(state, event)
    return state


def apply(state: RolloutState, event: e.Event) -> None:
    """Change `state` by one event. Raises: KeyError for a kind nobody folds (a programming error)."""
    _APPLY[type(event.payload)](state, event, event.payload)
    remember_occasion(state, event)
    state.seq, state.head, state.latest_at = event.seq, event.hash, event.at


def _created(state: RolloutState, event: e.Event, p: e.RolloutCreated) -> None:
    state.rollout, state.plan, state.title = event.rollout, p.plan, p.title
    state.plan_sha256, state.profile, state.params = p.plan_sha256, p.profile, p.params
    state.scenario, state.seed, state.created_at = p.scenario, p.seed, event.at
    state.plans = [PlanInForce(event.seq, p.plan_sha256)]
    state.outline = p.phases
    state.phases = {o.id: PhaseState(id=o.id, title=o.title, since=event.at) for o in p.phases}


def _stage_changed(state: RolloutState, event: e.Event, p: e.StageChanged) -> None:
    phase = state.phases[p.phase]
    if p.target == "pending":
        for later in _from(state, p.phase):
            if later.stage != "pending":
                _begin_again(later, event)
        phase.attempt = p.attempt
    if p.target == "held":
        phase.held_from = p.source
    if p.target == "entry_gate" and phase.started_at is None:
        phase.started_at = event.at
    if p.target == "running" and phase.running_at is None:
        phase.running_at = event.at
    if p.target == "rolling_back" and p.trigger != "retry_rollback":
        phase.undo_from, phase.undo_seq = _scope_just_decided(state, event), event.seq
    phase.stage, phase.since, phase.reason = p.target, event.at, p.reason
    phase.since_seq = event.seq
    state.status = "active"


def _begin_again(phase: PhaseState, event: e.Event) -> None:
    phase.stage, phase.attempt, phase.since = "pending", phase.attempt + 1, event.at
    phase.started_at = phase.running_at = phase.soak_started_at = None
    phase.held_from = phase.reason = phase.undo_from = ""


def _scope_just_decided(state: RolloutState, event: e.Event) -> str:
    """What the decision right before this event named; a rollback nobody asked for undoes everything."""
    newest = state.decisions[-1] if state.decisions else None
    decided = newest is not None and (newest.decision, newest.seq) == ("roll_back", event.seq - 1)
    return newest.subject if newest is not None and decided else ""


def _from(state: RolloutState, phase_id: str) -> list[PhaseState]:
    """The phase and all after it; all of them when none is named."""
    phases = list(state.phases.values())
    return phases[list(state.phases).index(phase_id) if phase_id else 0 :]


def _gate_opened(state: RolloutState, event: e.Event, p: e.GateOpened) -> None:
    state.gate_index[f"{p.phase}/{p.attempt}/{p.moment}/{p.gate}"] = len(state.gates)
    state.gates.append(
        GateState(
            phase=p.phase,
            attempt=p.attempt,
            moment=p.moment,
            gate=p.gate,
            round=p.round,
            opened_at=event.at,
            opened_seq=event.seq,
            checks={name: CheckState(tally=Tally()) for name in p.checks},
        )
    )


def _gate(state: RolloutState, p: e.Measured | e.CheckConcluded | e.GateDecided) -> GateState:
    return state.gates[state.gate_index[f"{p.phase}/{p.attempt}/{p.moment}/{p.gate}"]]


def _measured(state: RolloutState, event: e.Event, p: e.Measured) -> None:
    check = _gate(state, p).checks[p.check]
    check.tally.add(p.verdict)
    check.observed, check.latest, check.latest_reason = p.observed, p.verdict, p.reason
    check.latest_at, check.evidence = event.at, p.evidence
    if p.verdict is not Verdict.ERROR and p.observed:
        past = state.history.setdefault(p.check, [])
        past.append(PastSample(at=event.at, observed=p.observed))
        if len(past) > HISTORY_KEPT:
            del past[0]


def _check_concluded(state: RolloutState, event: e.Event, p: e.CheckConcluded) -> None:
    check = _gate(state, p).checks[p.check]
    check.verdict, check.reason = p.verdict, p.reason


def _gate_decided(state: RolloutState, event: e.Event, p: e.GateDecided) -> None:
    gate = _gate(state, p)
    gate.decision, gate.decided_at, gate.decided_seq = p.decision, event.at, event.seq
    gate.reasons, gate.evidence_sha256 = p.reasons, p.evidence_sha256


def _step_started(state: RolloutState, event: e.Event, p: e.StepStarted) -> None:
    name = f"{p.phase}/{p.attempt}/{p.step}"
    before = state.steps.get(name)
    state.steps[name] = StepState(
        phase=p.phase,
        attempt=p.attempt,
        step=p.step,
        status="running",
        started_at=event.at,
        tries=before.tries + 1 if before else 1,
    )


def _step(state: RolloutState, p: Any) -> StepState:
    return state.steps[f"{p.phase}/{p.attempt}/{p.step}"]


def _step_progressed(state: RolloutState, event: e.Event, p: e.StepProgressed) -> None:
    step = _step(state, p)
    if p.undo:
        step.undo_tries += step.status == "undo_failed"
        step.status = "undoing"
        step.undo_memory = {**step.undo_memory, **p.memory}
    else:
        step.memory = {**step.memory, **p.memory}


def _step_completed(state: RolloutState, event: e.Event, p: e.StepCompleted) -> None:
    step = _step(state, p)
    step.status, step.outputs = "completed", p.outputs
    step.ended_at, step.ended_seq = event.at, event.seq


def _step_failed(state: RolloutState, event: e.Event, p: e.StepFailed) -> None:
    step = _step(state, p)
    step.status = "undo_failed" if p.undo else "failed"
    step.reason, step.ended_at, step.ended_seq = p.reason, event.at, event.seq
    if p.undo:
        step.undo_outputs = p.outputs
        step.remaining, step.remaining_rows = p.remaining, p.remaining_rows


def _step_undone(state: RolloutState, event: e.Event, p: e.StepUndone) -> None:
    step = _step(state, p)
    step.status, step.undo_outputs = "undone", p.outputs
    step.remaining, step.remaining_rows = [], 0
    step.ended_at, step.ended_seq = event.at, event.seq


def _step_troubled(state: RolloutState, event: e.Event, p: e.StepTroubled) -> None:
    step = _step(state, p)
    if not (p.detail and step.trouble):
        step.trouble_at = event.at if p.detail else None
    step.trouble = p.detail


def _effect_intended(state: RolloutState, event: e.Event, p: e.EffectIntended) -> None:
    state.effects[p.effect] = EffectState(
        effect=p.effect,
        phase=p.phase,
        attempt=p.attempt,
        step=p.step,
        action=p.action,
        target=p.target,
        request=p.request,
        idempotent=p.idempotent,
        watermark=p.watermark,
        needs_window=p.needs_window,
        intended_at=event.at,
    )


def _effect_answered(state: RolloutState, event: e.Event, p: e.EffectAnswered) -> None:
    effect = state.effects[p.effect]
    # A send whose answer no process lived to hear was one all the same.
    was_unheard = p.answer == "resent" and effect.answer in {None, "resent"}
    effect.sends += p.answer in {"no", "unknown"} or was_unheard
    effect.answer, effect.answered_at = p.answer, event.at
    effect.retry_at, effect.detail = p.retry_at, p.detail


def _effect_resolved(state: RolloutState, event: e.Event, p: e.EffectResolved) -> None:
    effect = state.effects[p.effect]
    effect.how, effect.value, effect.detail = p.how, p.value, p.detail


def _run_observed(state: RolloutState, event: e.Event, p: e.RunObserved) -> None:
    state.runs[f"{p.sync}/{p.run_id}"] = p


def _soak_started(state: RolloutState, event: e.Event, p: e.SoakStarted) -> None:
    state.phases[p.phase].soak_started_at = event.at


def _rolled_back(state: RolloutState, event: e.Event, p: e.RolledBack) -> None:
    state.rollback = {
        "verified": p.verified,
        "restored_rows": p.restored_rows,
        "deleted_rows": p.deleted_rows,
        "left_rows": p.left_rows,
        "phase": p.phase,
        "scope": p.scope,
        "remaining_rows": p.remaining_rows,
        "remaining": p.remaining,
        "go_on": p.go_on,
        "assessment": p.assessment,
    }
    if p.verified:
        undone = {later.id for later in _from(state, state.phases[p.phase].undo_from)}
        for step in state.steps.values():
            step.taken_back = step.taken_back or step.phase in undone


def _ended(state: RolloutState, event: e.Event, p: e.RolloutEnded) -> None:
    state.status = state.outcome = p.outcome
    state.outcome_reason = p.reason


_APPLY: dict[type, Callable[[RolloutState, e.Event, Any], None]] = {
    e.RolloutCreated: _created,
    e.StageChanged: _stage_changed,
    e.GateOpened: _gate_opened,
    e.Measured: _measured,
    e.CheckConcluded: _check_concluded,
    e.GateDecided: _gate_decided,
    e.StepStarted: _step_started,
    e.StepProgressed: _step_progressed,
    e.StepCompleted: _step_completed,
    e.StepFailed: _step_failed,
    e.StepUndone: _step_undone,
    e.StepTroubled: _step_troubled,
    e.EffectIntended: _effect_intended,
    e.EffectAnswered: _effect_answered,
    e.EffectResolved: _effect_resolved,
    e.RunObserved: _run_observed,
    e.DecisionMade: people.decision_made,
    e.PlanAdopted: plan_adopted,
    e.Attested: people.attested,
    e.SignedOff: people.signed_off,
    e.SignOffRequested: people.sign_off_requested,
    e.FindingRaised: people.finding_raised,
    e.FindingResolved: people.finding_resolved,
    e.SoakStarted: _soak_started,
    e.RolledBack: _rolled_back,
    e.RolloutEnded: _ended,
    e.NoticeAnswered: notice_answered,
}
