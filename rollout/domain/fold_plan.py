"""What a changed plan changes in the state; part of `fold.py`.

What happened stays as it happened: passed phases, steps, effects, runs and decided gates keep what
the log says of them. Void is only what a later step of the rollout would still rely on.
"""

from __future__ import annotations

from datetime import datetime

from rollout.domain import events as e
from rollout.domain.state import (
    DecisionState,
    GateState,
    PhaseState,
    PlanInForce,
    RolloutState,
)

ADOPTED = "adopt_plan"
"""Among the decisions: whoever adopts a plan drives the attempt."""


def plan_adopted(state: RolloutState, event: e.Event, p: e.PlanAdopted) -> None:
    state.plan_sha256, state.title, state.params = p.plan_sha256, p.title, p.params
    state.plans.append(PlanInForce(event.seq, p.plan_sha256))
    state.outline = p.phases
    state.phases = {o.id: _phase(state.phases.get(o.id), o, event.at) for o in p.phases}
    for gate in _newest_rounds(state, p):
        if gate.gate in p.gates and not _is_a_look_of_the_past(gate):
            gate.void_seq = gate.void_seq or event.seq
    for said in state.decisions:
        if said.decision == "waive" and said.subject in p.checks and _is_of(said, p):
            said.void_seq = said.void_seq or event.seq
    for confirmed in state.confirmations:
        if confirmed.check in p.checks and _is_of(confirmed, p):
            confirmed.void_seq = confirmed.void_seq or event.seq
    state.decisions.append(
        DecisionState(
            decision=ADOPTED,
            phase=p.phase,
            attempt=p.attempt,
            by=p.by,
            role=p.role,
            reason=p.reason,
            subject=p.plan_sha256[:12],
            at=event.at,
            seq=event.seq,
        )
    )
    if p.resumes:
        state.phases[p.phase].held_from = p.resumes


def _phase(known: PhaseState | None, outline: e.PhaseOutline, at: datetime) -> PhaseState:
    if known is None:
        return PhaseState(id=outline.id, title=outline.title, since=at)
    known.title = outline.title
    return known


def _newest_rounds(state: RolloutState, p: e.PlanAdopted) -> list[GateState]:
    place = f"{p.phase}/{p.attempt}/"
    return [state.gates[n] for key, n in state.gate_index.items() if key.startswith(place)]


def _is_a_look_of_the_past(gate: GateState) -> bool:
    """A repeated look of a watch belongs to its hour: it cannot be taken again, the next one can."""
    return gate.moment.startswith("every:") and gate.decision is not None


def _is_of(said: object, p: e.PlanAdopted) -> bool:
    return (getattr(said, "phase", ""), getattr(said, "attempt", 0)) == (p.phase, p.attempt)
