"""`tick`: read the log, decide what is due, append, act, and say when to be woken.

One controller owns a store; everybody else reads, signs and asks. Nothing lives only in memory:
a new controller on the same log goes on where the last one stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rollout.domain.decide import Command, Refusal, decide
from rollout.domain.errors import LogConflict
from rollout.domain.events import (
    RolloutEnded,
    SoakStarted,
    StageChanged,
    StepCompleted,
    StepStarted,
)
from rollout.domain.evidence import Decision
from rollout.domain.machine import PlanMachine
from rollout.domain.plan import Phase, Plan
from rollout.domain.state import PhaseState, RolloutState
from rollout.domain.windows import next_open
from rollout.engine.coverage import SoakCoverage
from rollout.engine.effects import EffectRunner
from rollout.engine.gates import GateRunner
from rollout.engine.record import RolloutRecord
from rollout.engine.rollback import RollbackRunner
from rollout.engine.soak import COVERAGE, coverage_gate, due_slots, next_due
from rollout.engine.steps import StepRunner
from rollout.engine.wake import Need, Wake, earliest
from rollout.kinds import CheckKinds, StepKinds
from rollout.ports import Clock, Connections, EventLog, EvidenceStore

VERIFY = "verify"
"""The step kind that is a gate in the middle of a phase; the engine itself knows it."""

MOVES_PER_TICK = 100_000
"""A tick that has made this many moves without coming to rest is a bug, not patience."""


@dataclass(frozen=True)
class Services:
    """What a controller is given: ports, kinds and how many checks may be asked side by side."""

    log: EventLog
    evidence: EvidenceStore
    connections: Connections
    clock: Clock
    checks: CheckKinds
    steps: StepKinds
    workers: int = 8
    epoch: int = 0


class Controller:
    """Drives one rollout of one plan."""

    def __init__(self, plan: Plan, rollout: str, services: Services) -> None:
        self.plan = plan
        self.clock = services.clock
        self.record = RolloutRecord(services.log, rollout, services.clock)
        self.machine = PlanMachine([p.phase for p in plan.phases])
        kinds = {**services.checks, COVERAGE: SoakCoverage()}
        self._gates = GateRunner(
            plan,
            self.record,
            services.evidence,
            services.connections,
            kinds,
            services.clock,
            services.workers,
        )
        self._steps = StepRunner(
            plan,
            self.record,
            services.evidence,
            services.connections,
            services.steps,
            services.clock,
            EffectRunner(self.record, services.clock, services.epoch),
        )
        self._rollback = RollbackRunner(plan, self.record, self._steps, self._gates, services.steps)
        self._stages: dict[str, Callable[[Phase, PhaseState], Wake | None]] = {
            "pending": self._open_entry,
            "entry_gate": self._entry_gate,
            "ready": self._ready,
            "running": self._running,
            "exit_gate": self._exit_gate,
            "sign_off": self._sign_off,
            "held": self._held,
            "rolling_back": lambda _phase, now: self._rollback.advance(now),
            "rolled_back": self._held,
            "rollback_failed": self._held,
        }

    @property
    def state(self) -> RolloutState:
        return self.record.state

    def tick(self) -> Wake:
        """Do everything that is due and rest. Raises: StoreUnavailable, LogDamaged."""
        for _ in range(MOVES_PER_TICK):
            self.record.refresh()
            try:
                wake = self._move()
            except LogConflict:
                continue  # somebody decided meanwhile: read again, decide again
            if wake is not None:
                return wake
        raise RuntimeError(f"no rest after {MOVES_PER_TICK} moves at #{self.state.seq}")

    def submit(self, command: Command) -> Refusal | None:
        """Append what a person decided, or say why not."""
        self.record.refresh()
        outcome = decide(self.plan, self.machine, self.state, command, self.clock.now())
        if isinstance(outcome, Refusal):
            return outcome
        self.record.append(outcome, actor=command.by)
        return None

    def _move(self) -> Wake | None:
        state = self.state
        if state.outcome:
            return Wake(None, state.outcome, ended=True)
        phase = state.current_phase()
        if phase is None:
            self.record.append([RolloutEnded(outcome="completed", reason="every phase is passed")])
            return None
        return self._stages[phase.stage](self.plan.phase(phase.id), phase)

    # stages ------------------------------------------------------------------

    def _open_entry(self, spec: Phase, phase: PhaseState) -> Wake | None:
        return self._change(phase, "open_entry")

    def _entry_gate(self, spec: Phase, phase: PhaseState) -> Wake | None:
        verdict = self._all_gates(phase, "entry", spec.entry)
        if not isinstance(verdict, Decision):
            return verdict
        if verdict is Decision.GO:
            return self._change(phase, "entry_go")
        return self._no_go(spec, phase, "entry_no_go", "entry", spec.entry)

    def _ready(self, spec: Phase, phase: PhaseState) -> Wake:
        need = Need("proceed", phase.id, detail=f"start {spec.title}")
        return Wake(None, f"{phase.id} is ready: a person must say proceed", (need,))

    def _running(self, spec: Phase, phase: PhaseState) -> Wake | None:
        for step in spec.steps:
            known = self.state.step(phase.id, phase.attempt, step.id)
            if known is None and step is spec.steps[0]:
                closed = self._closed(spec)  # snapshots belong close to the write they precede
                if closed is not None:
                    return closed
            if known is not None and known.status == "completed":
                continue
            if known is not None and known.status == "failed":
                return self._blocked(spec, phase, "step_failed", f"{step.id}: {known.reason}")
            if step.step == VERIFY:
                return self._verify(spec, phase, step.id, str(step.inputs["gate"]))
            return self._steps.advance(phase, step)
        return self._soak(spec, phase) if spec.soak else self._change(phase, "steps_done")

    def _exit_gate(self, spec: Phase, phase: PhaseState) -> Wake | None:
        verdict = self._all_gates(phase, "exit", spec.exit)
        if not isinstance(verdict, Decision):
            return verdict
        if verdict is not Decision.GO:
            return self._no_go(spec, phase, "exit_no_go", "exit", spec.exit)
        return self._change(phase, "ask_sign_off" if spec.sign_off else "exit_go")

    def _sign_off(self, spec: Phase, phase: PhaseState) -> Wake | None:
        rule = spec.sign_off
        if rule is None:
            return self._change(phase, "signed", "no sign-off is asked for")
        given = [
            s
            for s in self.state.signatures
            if (s.phase, s.attempt) == (phase.id, phase.attempt) and s.role in rule.roles
        ]
        refused = next((s for s in given if not s.approve), None)
        if refused is not None:
            reason = f"{refused.by} ({refused.role}) refused: {refused.reason}"
            return self._change(phase, "sign_off_refused", reason)
        missing = [role for role in rule.roles if role not in {s.role for s in given}]
        if not missing:
            return self._change(phase, "signed", ", ".join(f"{s.by} ({s.role})" for s in given))
        expires = (phase.since or self.clock.now()) + rule.expires
        if self.clock.now() >= expires:
            return self._change(phase, "sign_off_refused", "the request to sign expired")
        gate = spec.exit[0] if spec.exit else ""
        needs = tuple(Need("sign", phase.id, gate, role) for role in missing)
        return Wake(expires, f"waiting for the signatures of {', '.join(missing)}", needs)

    def _held(self, spec: Phase, phase: PhaseState) -> Wake:
        open_effects = [
            Need("settle", e.phase, e.effect, e.detail)
            for e in self.state.effects.values()
            if e.how == "needs_human"
        ]
        need = Need("decide", phase.id, phase.stage, phase.reason)
        return Wake(None, f"{phase.id} is {phase.stage}: {phase.reason}", (*open_effects, need))

    def _closed(self, spec: Phase) -> Wake | None:
        if spec.window is None:
            return None
        now = self.clock.now()
        opens = next_open(spec.window, self.plan.timezone, self.plan.holidays, now)
        return None if opens <= now else Wake(opens, f"the window of {spec.phase} is closed")

    # parts -------------------------------------------------------------------

    def _all_gates(
        self, phase: PhaseState, moment: str, gates: Sequence[str]
    ) -> Decision | Wake | None:
        """Worst decision of several gates once all are decided; they are evaluated side by side."""
        waits: list[Wake] = []
        decisions: list[Decision] = []
        for name in gates:
            outcome = self._gates.advance(phase, moment, self.plan.gates[name])
            if outcome is None:
                return None
            if isinstance(outcome, Wake):
                waits.append(outcome)
            else:
                decisions.append(outcome)
        if waits:
            return earliest(waits)
        for worst in (Decision.NO_GO, Decision.INCONCLUSIVE):
            if worst in decisions:
                return worst
        return Decision.GO

    def _verify(self, spec: Phase, phase: PhaseState, step: str, gate: str) -> Wake | None:
        if self.state.step(phase.id, phase.attempt, step) is None:
            self.record.append([StepStarted(phase=phase.id, attempt=phase.attempt, step=step)])
        moment = f"step:{step}"
        verdict = self._all_gates(phase, moment, [gate])
        if not isinstance(verdict, Decision):
            return verdict
        if verdict is Decision.GO:
            done = StepCompleted(
                phase=phase.id, attempt=phase.attempt, step=step, outputs={"gate": gate}
            )
            self.record.append([done])
            return None
        return self._no_go(spec, phase, "gate_no_go", moment, [gate])

    def _soak(self, spec: Phase, phase: PhaseState) -> Wake | None:
        soak = spec.soak
        assert soak is not None
        started = phase.soak_started_at
        if started is None:
            self.record.append([SoakStarted(phase=phase.id, attempt=phase.attempt)])
            return None
        now = self.clock.now()
        waits: list[Wake] = []
        for slot in due_slots(soak, started, phase, self.state, now):
            outcome = self._gates.advance(phase, slot.moment, self.plan.gates[slot.gate])
            if outcome is None:
                return None
            if isinstance(outcome, Wake):
                waits.append(outcome)
            elif outcome is Decision.NO_GO or not slot.skippable:
                return self._no_go(spec, phase, "gate_no_go", slot.moment, [slot.gate])
        if waits:
            return earliest([*waits, Wake(next_due(soak, started, now), "the soak goes on")])
        if now < started + soak.lasts:
            return Wake(next_due(soak, started, now), "the soak goes on")
        return self._close_soak(spec, phase)

    def _close_soak(self, spec: Phase, phase: PhaseState) -> Wake | None:
        assert spec.soak is not None
        assert phase.soak_started_at is not None
        gate = coverage_gate(spec.soak, phase.soak_started_at, phase, self.state)
        outcome = self._gates.advance(phase, "soak", gate)
        if outcome is None or isinstance(outcome, Wake):
            return outcome
        if outcome is Decision.GO:
            return self._change(phase, "steps_done", "the soak is over")
        return self._no_go(spec, phase, "gate_no_go", "soak", [gate.gate])

    def _no_go(
        self, spec: Phase, phase: PhaseState, trigger: str, moment: str, gates: Sequence[str]
    ) -> Wake | None:
        blocking = [
            f"{name} is {gate.decision.value}: {'; '.join(gate.reasons)}"
            for name in gates
            if (gate := self.state.gate(phase.id, phase.attempt, moment, name)) is not None
            and gate.decision is not None
            and gate.decision is not Decision.GO
        ]
        return self._blocked(spec, phase, trigger, " | ".join(blocking))

    def _blocked(self, spec: Phase, phase: PhaseState, trigger: str, reason: str) -> Wake | None:
        """Hold, or go back when the plan says so for this phase and something can be undone."""
        if spec.on_no_go == "rollback" and self.plan.rollback is not None:
            trigger = "roll_back"
        return self._change(phase, trigger, reason)

    def _change(self, phase: PhaseState, trigger: str, reason: str = "") -> Wake | None:
        target = self.machine.target(phase.id, phase.stage, trigger)
        if target is None:
            raise RuntimeError(f"{trigger} is not legal while {phase.id} is {phase.stage}")
        self.record.append(
            [
                StageChanged(
                    phase=phase.id,
                    attempt=phase.attempt,
                    trigger=trigger,
                    source=phase.stage,
                    target=target.partition(".")[2],
                    reason=reason,
                )
            ]
        )
        return None
