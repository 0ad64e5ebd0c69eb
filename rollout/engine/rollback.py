"""The way back: pause first, undo completed steps in reverse order, then prove it by a gate."""

from __future__ import annotations

from dataclasses import dataclass

from rollout.domain.events import RolledBack, StageChanged, StepProgressed
from rollout.domain.evidence import Decision
from rollout.domain.plan import Plan, StepSpec
from rollout.domain.state import PhaseState, RolloutState, StepState
from rollout.engine.gates import GateRunner
from rollout.engine.record import RolloutRecord
from rollout.engine.steps import StepRunner
from rollout.engine.wake import Wake
from rollout.kinds import StepKinds

_UNDOABLE = {"running", "completed", "failed", "undoing"}


@dataclass(frozen=True)
class RollbackRunner:
    """`advance` is called while the current phase is `rolling_back`."""

    plan: Plan
    record: RolloutRecord
    steps: StepRunner
    gates: GateRunner
    kinds: StepKinds

    def advance(self, phase: PhaseState) -> Wake | None:
        rollback = self.plan.rollback
        if rollback is None:
            return self._move(phase, "undo_failed", "the plan has no `rollback:` section")
        for spec in rollback.steps:
            done, wake = self._first(phase, spec)
            if not done:
                return wake
        for step, spec in self._to_undo(phase):
            if step.status == "undo_failed":
                return self._again_or_fail(phase, step)
            return self.steps.undo(step, spec)
        return self._prove(phase, rollback.gates)

    def _first(self, phase: PhaseState, spec: StepSpec) -> tuple[bool, Wake | None]:
        step = self.record.state.step(phase.id, phase.attempt, spec.id)
        if step is not None and step.status == "completed":
            return True, None
        if step is not None and step.status == "failed":
            return False, self._move(phase, "undo_failed", f"{spec.id}: {step.reason}")
        return False, self.steps.advance(phase, spec)

    def _again_or_fail(self, phase: PhaseState, step: StepState) -> Wake | None:
        """A failed undo is tried again only after a person asked for the rollback again."""
        if step.ended_at is not None and phase.since is not None and step.ended_at < phase.since:
            again = StepProgressed(
                phase=step.phase, attempt=step.attempt, step=step.step, memory={}, undo=True
            )
            self.record.append([again])
            return None
        return self._move(phase, "undo_failed", f"{step.step} could not be undone: {step.reason}")

    def _to_undo(self, phase: PhaseState) -> list[tuple[StepState, StepSpec]]:
        """Newest first: steps of the phases in scope that did something and can be undone."""
        scope = _scope(self.record.state, phase)
        specs = {s.id: s for p in self.plan.phases for s in p.steps}
        found = [
            (step, specs[step.step])
            for step in self.record.state.steps.values()
            if step.phase in scope
            and step.step in specs
            and step.status in _UNDOABLE | {"undo_failed"}
            and self._has_undo(specs[step.step])
        ]
        return list(reversed(found))

    def _has_undo(self, spec: StepSpec) -> bool:
        kind = self.kinds.get(spec.step)
        return kind is not None and kind.has_undo and spec.irreversible is None

    def _prove(self, phase: PhaseState, gates: list[str]) -> Wake | None:
        for name in gates:
            outcome = self.gates.advance(phase, "rollback", self.plan.gates[name])
            if outcome is None or isinstance(outcome, Wake):
                return outcome
            if outcome is not Decision.GO:
                state = self.record.state.gate(phase.id, phase.attempt, "rollback", name)
                why = "; ".join(state.reasons) if state else ""
                self.record.append([self._summary(phase, verified=False)])
                return self._move(phase, "undo_failed", f"{name} is {outcome.value}: {why}")
        self.record.append([self._summary(phase, verified=True)])
        return self._move(phase, "undone", "the target equals the baseline")

    def _summary(self, phase: PhaseState, *, verified: bool) -> RolledBack:
        scope = _scope(self.record.state, phase)
        outputs = [s.undo_outputs for s in self.record.state.steps.values() if s.phase in scope]

        def total(name: str) -> int:
            return sum(v for o in outputs if isinstance(v := o.get(name), int))

        return RolledBack(
            phase=phase.id,
            attempt=phase.attempt,
            verified=verified,
            restored_rows=total("restored_rows"),
            deleted_rows=total("deleted_rows"),
            left_rows=total("left_rows"),
        )

    def _move(self, phase: PhaseState, trigger: str, reason: str) -> Wake | None:
        target = {"undo_failed": "rollback_failed", "undone": "rolled_back"}[trigger]
        self.record.append(
            [
                StageChanged(
                    phase=phase.id,
                    attempt=phase.attempt,
                    trigger=trigger,
                    source=phase.stage,
                    target=target,
                    reason=reason,
                )
            ]
        )
        return None


def _scope(state: RolloutState, phase: PhaseState) -> set[str]:
    """Phases to undo: from the one the decision named (or the first) up to the current one."""
    order = list(state.phases)
    asked = [d.subject for d in state.decisions if d.decision == "roll_back"]
    first = asked[-1] if asked and asked[-1] else order[0]
    return set(order[order.index(first) : order.index(phase.id) + 1])
