"""Which evaluation a report is about: the one that was asked for, or the one people wait for."""

from __future__ import annotations

from dataclasses import dataclass

from rollout.domain.evidence import Decision
from rollout.domain.state import GateState, PhaseState, RolloutState


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What was asked for; None leaves it open."""

    gate: str | None = None
    phase: str | None = None
    attempt: int | None = None
    moment: str | None = None
    round: int | None = None

    @property
    def is_anything(self) -> bool:
        return self == Wanted()

    def fits(self, gate: GateState) -> bool:
        return (
            self.gate in {None, gate.gate}
            and self.phase in {None, gate.phase}
            and self.attempt in {None, gate.attempt}
            and self.moment in {None, gate.moment}
            and self.round in {None, gate.round}
        )


def fitting(state: RolloutState, wanted: Wanted) -> list[GateState]:
    """Every evaluation that fits, in the order they were opened."""
    return [gate for gate in state.gates if wanted.fits(gate)]


def telling_gate(state: RolloutState) -> GateState | None:
    """The evaluation people want to see: the one that waits for a decision or a signature, else the
    one decided last, else the one that is under way; None when no gate was asked yet."""
    phase = state.current_phase()
    if phase is not None:
        waiting = _waiting(state, phase)
        if waiting is not None:
            return waiting
    decided = [gate for gate in state.gates if gate.decision is not None]
    if decided:
        return max(decided, key=lambda gate: gate.decided_seq)
    return state.gates[-1] if state.gates else None


_ASKED_AT = {"ready": "entry", "sign_off": "exit"}
"""Moment of the gates that a phase waits at, by its stage."""


def _waiting(state: RolloutState, phase: PhaseState) -> GateState | None:
    """The newest gate that holds the phase, or whose decision people must act on."""
    decided = [
        gate
        for gate in state.gates
        if (gate.phase, gate.attempt) == (phase.id, phase.attempt) and gate.decision is not None
    ]
    if phase.stage == "held":
        fitting = [gate for gate in decided if gate.decision is not Decision.GO]
    else:
        moment = _ASKED_AT.get(phase.stage)
        fitting = [gate for gate in decided if gate.moment == moment]
    return max(fitting, key=lambda gate: gate.decided_seq, default=None)
