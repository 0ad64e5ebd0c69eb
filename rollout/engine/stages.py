"""What the engine does in each stage of the current phase: one method a stage, nothing decided twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rollout.domain.events import StageChanged, StepCompleted, StepStarted
from rollout.domain.evidence import Decision
from rollout.domain.machine import PlanMachine
from rollout.domain.plan import Phase, Plan, StepSpec
from rollout.domain.recorded_sign_off import counting
from rollout.domain.sign_off import SignerOf
from rollout.domain.state import PhaseState, RolloutState
from rollout.domain.windows import next_open
from rollout.engine.gates import GateRunner
from rollout.engine.record import RolloutRecord
from rollout.engine.rollback import RollbackRunner
from rollout.engine.soak_runner import SoakBroken, SoakOver, SoakRunner
from rollout.engine.steps import StepRunner
from rollout.engine.wake import Need, Wake, earliest
from rollout.ports import Clock

VERIFY = "verify"
"""The step kind that is a gate in the middle of a phase; the engine itself knows it."""


@dataclass(frozen=True)
class Stages:
    """Methods take the phase as planned and as it is; they return a Wake, or None when something
    was appended and the log must be looked at again."""

    plan: Plan
    machine: PlanMachine
    record: RolloutRecord
    clock: Clock
    gates: GateRunner
    steps: StepRunner
    soak: SoakRunner
    rollback: RollbackRunner
    signer_of: SignerOf

    @property
    def state(self) -> RolloutState:
        return self.record.state

    def pending(self, spec: Phase, phase: PhaseState) -> Wake | None:
        return self._change(phase, "open_entry")

    def entry_gate(self, spec: Phase, phase: PhaseState) -> Wake | None:
        decision = self._all_gates(phase, "entry", spec.entry)
        if not isinstance(decision, Decision):
            return decision
        if decision is Decision.GO:
            return self._change(phase, "entry_go")
        return self._no_go(spec, phase, "entry_no_go", "entry", spec.entry)

    def ready(self, spec: Phase, phase: PhaseState) -> Wake | None:
        need = Need("proceed", phase.id, detail=f"start {spec.title}")
        return Wake(None, f"{phase.id} is ready: a person must say proceed", (need,))

    def running(self, spec: Phase, phase: PhaseState) -> Wake | None:
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
                return self._verify(spec, phase, step)
            return self.steps.advance(phase, step)
        return self._soak(spec, phase)

    def exit_gate(self, spec: Phase, phase: PhaseState) -> Wake | None:
        decision = self._all_gates(phase, "exit", spec.exit)
        if not isinstance(decision, Decision):
            return decision
        if decision is not Decision.GO:
            return self._no_go(spec, phase, "exit_no_go", "exit", spec.exit)
        return self._change(phase, "ask_sign_off" if spec.sign_off else "exit_go")

    def sign_off(self, spec: Phase, phase: PhaseState) -> Wake | None:
        rule = spec.sign_off
        if rule is None:
            return self._change(phase, "signed", "no sign-off is asked for")
        given, forged = counting(
            self.state, phase.id, self.plan.roster(), self.signer_of, four_eyes=rule.four_eyes
        )
        given = [s for s in given if s.role in rule.roles]
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
        why = "; ".join([f"waiting for the signatures of {', '.join(missing)}", *forged])
        return Wake(expires, why, needs)

    def held(self, spec: Phase, phase: PhaseState) -> Wake | None:
        """Also rolled_back and rollback_failed: a person decides how it goes on."""
        unsettled = [
            Need("settle", e.phase, e.effect, e.detail)
            for e in self.state.effects.values()
            if e.how == "needs_human"
        ]
        need = Need("decide", phase.id, phase.stage, phase.reason)
        return Wake(None, f"{phase.id} is {phase.stage}: {phase.reason}", (*unsettled, need))

    def rolling_back(self, spec: Phase, phase: PhaseState) -> Wake | None:
        return self.rollback.advance(phase)

    def _closed(self, spec: Phase) -> Wake | None:
        if spec.window is None:
            return None
        now = self.clock.now()
        opens = next_open(spec.window, self.plan.timezone, self.plan.holidays, now)
        return None if opens <= now else Wake(opens, f"the window of {spec.phase} is closed")

    def _all_gates(
        self, phase: PhaseState, moment: str, gates: Sequence[str]
    ) -> Decision | Wake | None:
        """Worst decision of several gates once all are decided; they are evaluated side by side."""
        waits: list[Wake] = []
        decisions: list[Decision] = []
        for name in gates:
            outcome = self.gates.advance(phase, moment, self.plan.gates[name])
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

    def _verify(self, spec: Phase, phase: PhaseState, step: StepSpec) -> Wake | None:
        if self.state.step(phase.id, phase.attempt, step.id) is None:
            self.record.append([StepStarted(phase=phase.id, attempt=phase.attempt, step=step.id)])
            return None
        moment, gate = f"step:{step.id}", str(step.inputs["gate"])
        decision = self._all_gates(phase, moment, [gate])
        if not isinstance(decision, Decision):
            return decision
        if decision is not Decision.GO:
            return self._no_go(spec, phase, "gate_no_go", moment, [gate])
        done = StepCompleted(
            phase=phase.id, attempt=phase.attempt, step=step.id, outputs={"gate": gate}
        )
        self.record.append([done])
        return None

    def _soak(self, spec: Phase, phase: PhaseState) -> Wake | None:
        if spec.soak is None:
            return self._change(phase, "steps_done")
        outcome = self.soak.advance(spec.soak, phase)
        if isinstance(outcome, SoakOver):
            return self._change(phase, "steps_done", "the soak is over")
        if isinstance(outcome, SoakBroken):
            return self._no_go(spec, phase, "gate_no_go", outcome.moment, [outcome.gate])
        return outcome

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
        goes_back = spec.on_no_go == "rollback" and self.plan.rollback is not None
        if goes_back and self.rollback.has_work():
            trigger = "roll_back"
        return self._change(phase, trigger, reason)

    def _change(self, phase: PhaseState, trigger: str, reason: str = "") -> Wake | None:
        target = self.machine.target(phase.id, phase.stage, trigger)
        if target is None:
            raise RuntimeError(f"{trigger} is not legal while {phase.id} is {phase.stage}")
        moved = StageChanged(
            phase=phase.id,
            attempt=phase.attempt,
            trigger=trigger,
            source=phase.stage,
            target=target.partition(".")[2],
            reason=reason,
        )
        self.record.append([moved])
        return None
