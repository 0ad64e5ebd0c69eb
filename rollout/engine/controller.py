"""`tick`: read the log, decide what is due, append, act, and say when to be woken.

One controller owns a store; everybody else reads, signs and asks. Nothing lives only in memory:
a new controller on the same log goes on where the last one stopped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from rollout.domain.command import Command, Refusal
from rollout.domain.decide import decide
from rollout.domain.errors import LogConflict
from rollout.domain.events import RolloutEnded
from rollout.domain.machine import PlanMachine
from rollout.domain.plan import Phase, Plan
from rollout.domain.sign_off import SignerOf, nobody_verifies
from rollout.domain.state import PhaseState, RolloutState
from rollout.engine.coverage import SoakCoverage
from rollout.engine.effects import EffectRunner
from rollout.engine.gates import GateRunner
from rollout.engine.record import RolloutRecord
from rollout.engine.rollback import RollbackRunner
from rollout.engine.soak import COVERAGE
from rollout.engine.soak_runner import SoakRunner
from rollout.engine.stages import Stages
from rollout.engine.steps import StepRunner
from rollout.engine.wake import Wake
from rollout.kinds import CheckKinds, StepKinds
from rollout.ports import Clock, Connections, EventLog, EvidenceStore

MOVES_PER_TICK = 100_000
"""A tick that has made this many moves without coming to rest is a bug, not patience."""

SUBMIT_TRIES = 100
"""Somebody else commits between two of them."""


@dataclass(frozen=True)
class Services:
    """What a controller is given: ports, kinds, how many checks may be asked side by side, and who verifies
    signatures."""

    log: EventLog
    evidence: EvidenceStore
    connections: Connections
    clock: Clock
    checks: CheckKinds
    steps: StepKinds
    workers: int = 8
    epoch: int = 0
    signer_of: SignerOf = nobody_verifies


class Controller:
    """Drives one rollout, by one plan at a time."""

    def __init__(self, plan: Plan, rollout: str, services: Services) -> None:
        self.clock = services.clock
        self.record = RolloutRecord(services.log, rollout, services.clock)
        self._services = services
        self.follow(plan)

    def follow(self, plan: Plan, connections: Connections | None = None) -> None:
        """Go on by another plan, over other connections if some are given; for between two ticks."""
        if connections is not None:
            self._services = replace(self._services, connections=connections)
        self.plan, self._plan_sha256 = plan, plan.sha256()
        self.machine = PlanMachine([p.phase for p in plan.phases])
        self._stages = _by_name(_stages(plan, self.machine, self.record, self._services))

    def _is_outdated(self) -> bool:
        return self.state.plan_sha256 != self._plan_sha256

    @property
    def connections(self) -> Connections:
        return self._services.connections

    @property
    def state(self) -> RolloutState:
        return self.record.state

    def tick(self) -> Wake:
        """Do everything that is due and rest. Raises: StoreUnavailable, LogDamaged."""
        for _ in range(MOVES_PER_TICK):
            self.record.refresh()
            if self._is_outdated():
                return Wake(self.clock.now(), "the plan changed", replanned=True)
            try:
                wake = self._move()
            except LogConflict:
                continue  # somebody decided meanwhile: read again, decide again
            if wake is not None:
                return wake
        raise RuntimeError(f"no rest after {MOVES_PER_TICK} moves at #{self.state.seq}")

    def submit(self, command: Command) -> Refusal | None:
        """Append what a person decided, or say why not. Raises: StoreUnavailable, LogDamaged."""
        for _ in range(SUBMIT_TRIES):
            self.record.refresh()
            if self._is_outdated():
                return Refusal("the plan changed just now: look again, then decide")
            outcome = decide(self.plan, self.machine, self.state, command, self.clock.now())
            if isinstance(outcome, Refusal):
                return outcome
            try:
                self.record.append(outcome, actor=command.by)
            except LogConflict:
                continue  # the log moved on: what was legal then may not be now
            return None
        return Refusal("the log moves on faster than anybody can decide: try again")

    def _move(self) -> Wake | None:
        state = self.state
        if state.outcome:
            return Wake(None, state.outcome, ended=True)
        phase = state.current_phase()
        if phase is None:
            self.record.append([RolloutEnded(outcome="completed", reason="every phase is passed")])
            return None
        return self._stages[phase.stage](self.plan.phase(phase.id), phase)


def _stages(plan: Plan, machine: PlanMachine, record: RolloutRecord, services: Services) -> Stages:
    gates = GateRunner(
        plan,
        record,
        services.evidence,
        services.connections,
        {**services.checks, COVERAGE: SoakCoverage()},
        services.clock,
        services.workers,
    )
    steps = StepRunner(
        plan,
        record,
        services.evidence,
        services.connections,
        services.steps,
        services.clock,
        EffectRunner(record, services.clock, services.epoch),
    )
    return Stages(
        plan=plan,
        machine=machine,
        record=record,
        clock=services.clock,
        gates=gates,
        steps=steps,
        soak=SoakRunner(plan, record, gates, services.clock),
        rollback=RollbackRunner(plan, record, steps, gates, services.steps, services.clock),
        signer_of=services.signer_of,
    )


def _by_name(stages: Stages) -> dict[str, Callable[[Phase, PhaseState], Wake | None]]:
    """A passed phase is never current, so it has no method."""
    return {
        "pending": stages.pending,
        "entry_gate": stages.entry_gate,
        "ready": stages.ready,
        "running": stages.running,
        "exit_gate": stages.exit_gate,
        "sign_off": stages.sign_off,
        "held": stages.held,
        "rolling_back": stages.rolling_back,
        "rolled_back": stages.held,
        "rollback_failed": stages.held,
    }
