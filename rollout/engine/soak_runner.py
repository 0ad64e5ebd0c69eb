"""Drive a phase's soak: evaluate the slots that are due, and close it by its coverage."""

from __future__ import annotations

from dataclasses import dataclass

from rollout.domain.events import SoakStarted
from rollout.domain.evidence import Decision
from rollout.domain.plan import Plan, Soak
from rollout.domain.state import PhaseState
from rollout.engine.gates import GateRunner
from rollout.engine.record import RolloutRecord
from rollout.engine.soak import coverage_gate, due_slots, next_due
from rollout.engine.wake import Wake, earliest
from rollout.ports import Clock


@dataclass(frozen=True)
class SoakOver:
    """Watched to its end, and enough of it."""


@dataclass(frozen=True)
class SoakBroken:
    """A gate of the soak is not go."""

    moment: str
    gate: str


@dataclass(frozen=True)
class SoakRunner:
    """`advance` returns a Wake, None when something was appended, or how the soak ended."""

    plan: Plan
    record: RolloutRecord
    gates: GateRunner
    clock: Clock

    def advance(self, soak: Soak, phase: PhaseState) -> Wake | SoakOver | SoakBroken | None:
        started = phase.soak_started_at
        if started is None:
            self.record.append([SoakStarted(phase=phase.id, attempt=phase.attempt)])
            return None
        now = self.clock.now()
        waits: list[Wake] = []
        for work in due_slots(soak, started, phase, self.record.state, now):
            slot = work.slot
            gate = self.plan.gates[slot.gate]
            outcome = self.gates.advance(
                phase, slot.moment, gate, until=slot.until, give_up=work.give_up
            )
            if outcome is None:
                return None
            if isinstance(outcome, Wake):
                waits.append(outcome)
            elif outcome is Decision.NO_GO or not slot.skippable:
                return SoakBroken(slot.moment, slot.gate)
        following = next_due(soak, started, now)
        if following is not None:
            waits.append(Wake(following, "the soak goes on"))
        return earliest(waits) if waits else self._close(soak, phase)

    def _close(self, soak: Soak, phase: PhaseState) -> Wake | SoakOver | SoakBroken | None:
        assert phase.soak_started_at is not None
        gate = coverage_gate(soak, phase.soak_started_at, phase, self.record.state)
        outcome = self.gates.advance(phase, "soak", gate)
        if outcome is None or isinstance(outcome, Wake):
            return outcome
        return SoakOver() if outcome is Decision.GO else SoakBroken("soak", gate.gate)
