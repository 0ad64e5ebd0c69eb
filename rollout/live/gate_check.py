"""Ask a gate's checks now, outside the rollout's own course: to look, or for the record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rollout.domain.errors import LogConflict, PlanProblems
from rollout.domain.evidence import Decision
from rollout.domain.plan import GateSpec, Plan
from rollout.domain.state import GateState, PhaseState
from rollout.engine.coverage import SoakCoverage
from rollout.engine.gates import GateRunner
from rollout.engine.record import RolloutRecord
from rollout.engine.soak import COVERAGE
from rollout.kinds import CheckKinds
from rollout.ports import Clock, Connections, EventLog, EvidenceStore
from rollout.store.memory import MemoryEventLog

MOMENT = "asked"
"""Beginning of the moment under which such an answer is recorded; no stage ever reads it."""

ROUNDS = 1000


@dataclass(frozen=True)
class Answer:
    """A gate's decision now; `gate` holds the verdicts."""

    gate: GateState
    decision: Decision


class Overlay:
    """Evidence that is read from below and kept in memory: a look leaves nothing behind."""

    def __init__(self, below: EvidenceStore, above: EvidenceStore) -> None:
        self._below, self._above = below, above

    def put(self, document: Any) -> str:
        return self._above.put(document)

    def get(self, digest: str) -> Any:
        try:
            return self._above.get(digest)
        except KeyError:
            return self._below.get(digest)


@dataclass(frozen=True)
class GateCheck:
    """Asks as the current phase would. `record` is the rollout's own, or a copy of it."""

    plan: Plan
    record: RolloutRecord
    evidence: EvidenceStore
    connections: Connections
    checks: CheckKinds
    clock: Clock

    def ask(self, name: str) -> Answer:
        """One sample of every check; what a person has not said yet is inconclusive.

        Raises: PlanProblems for an unknown gate or an ended rollout; StoreUnavailable, LogDamaged.
        """
        spec = self.plan.gates.get(name)
        if spec is None:
            raise PlanProblems(
                [f"no gate {name!r} in this plan; it has {', '.join(self.plan.gates)}"]
            )
        phase = self.record.state.current_phase()
        if phase is None or self.record.state.outcome:
            raise PlanProblems(["the rollout has ended: there is no phase to ask for"])
        kinds: Mapping[str, Any] = {**self.checks, COVERAGE: SoakCoverage()}
        runner = GateRunner(
            self.plan, self.record, self.evidence, self.connections, kinds, self.clock
        )
        moment = f"{MOMENT}:{self.record.state.seq}"  # each question is a new one
        decision = self._decided(runner, phase, moment, spec)
        gate = self.record.state.gate(phase.id, phase.attempt, moment, name)
        assert gate is not None
        return Answer(gate, decision)

    def _decided(
        self, runner: GateRunner, phase: PhaseState, moment: str, spec: GateSpec
    ) -> Decision:
        give_up = False
        for _ in range(ROUNDS):
            try:
                outcome = runner.advance(phase, moment, spec, give_up=give_up)
            except LogConflict:
                self.record.refresh()
                continue
            if isinstance(outcome, Decision):
                return outcome
            give_up = give_up or outcome is not None  # more samples would come later
        raise PlanProblems([f"gate {spec.gate!r} came to no decision"])


def copied(log: EventLog, rollout: str, clock: Clock) -> RolloutRecord:
    """The same state on a log in memory, to look without leaving a trace."""
    memory = MemoryEventLog()
    for event in log.read(rollout):
        memory.append(rollout, event.seq - 1, event.at, event.actor, [event.payload])
    return RolloutRecord(memory, rollout, clock)
