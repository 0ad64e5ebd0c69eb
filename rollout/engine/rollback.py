"""The way back: pause first, undo completed steps in reverse order, then prove it by a gate."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from rollout.domain.durations import format_duration
from rollout.domain.events import Payload, RolledBack, StageChanged, StepProgressed
from rollout.domain.evidence import Decision
from rollout.domain.plan import Plan, Rollback, StepSpec
from rollout.domain.state import PhaseState, StepState
from rollout.domain.undo_order import newest_first
from rollout.engine.gates import ROLLBACK, GateRunner
from rollout.engine.record import RolloutRecord
from rollout.engine.steps import StepRunner
from rollout.engine.wake import Wake, earliest
from rollout.kinds import StepKinds
from rollout.ports import Clock


@dataclass(frozen=True)
class RollbackRunner:
    """`advance` is called while the current phase is `rolling_back`."""

    plan: Plan
    record: RolloutRecord
    steps: StepRunner
    gates: GateRunner
    kinds: StepKinds
    clock: Clock

    def advance(self, phase: PhaseState) -> Wake | None:
        """One step further; a way back that takes longer than the plan allows has failed."""
        rollback = self.plan.rollback
        if rollback is None:
            return self._end(phase, "undo_failed", "the plan has no `rollback:` section")
        wake = self._advance(phase, rollback)
        if wake is None or phase.since is None:
            return wake
        deadline = phase.since + rollback.within
        if self.clock.now() >= deadline:
            within = format_duration(rollback.within)
            return self._end(phase, "undo_failed", f"not done within {within}: {wake.why}")
        return replace(wake, at=min(wake.at or deadline, deadline))

    def has_work(self) -> bool:
        """Whether anything was done so far that could be undone."""
        return bool(self._to_undo())

    def _advance(self, phase: PhaseState, rollback: Rollback) -> Wake | None:
        first = self._first(phase, rollback.steps)
        if not isinstance(first, str):
            return first
        if first:
            return self._end(phase, "undo_failed", first)
        for step, spec in self._to_undo(phase.undo_from):
            if step.status != "undo_failed":
                return self.steps.undo(step, spec)
            if step.ended_seq > phase.since_seq:
                why = f"{step.step} could not be undone: {step.reason}"
                return self._end(phase, "undo_failed", why)
            # A person asked for the rollback again: this begins the next try of the undo.
            again = StepProgressed(
                phase=step.phase, attempt=step.attempt, step=step.step, memory={}, undo=True
            )
            self.record.append([again])
            return None
        return self._prove(phase, rollback.gates)

    def _first(self, phase: PhaseState, specs: list[StepSpec]) -> Wake | str | None:
        """Side by side: one sync that cannot be paused stops no other. A text once all are done:
        empty, or why nothing is undone."""
        waits: list[Wake] = []
        failed: list[str] = []
        for spec in specs:
            step = self.record.state.step(phase.id, phase.attempt, spec.id)
            if step is not None and step.status == "completed":
                continue
            if step is not None and step.status == "failed":
                if step.ended_seq < phase.since_seq:
                    self.steps.begin(phase, spec)
                    return None
                failed.append(f"{spec.id}: {step.reason}")
                continue
            wake = self.steps.advance(phase, spec)
            if wake is None:
                return None
            waits.append(wake)
        return earliest(waits) if waits else "; ".join(failed)

    def _to_undo(self, first: str = "") -> list[tuple[StepState, StepSpec]]:
        """Newest first: steps from phase `first` on that did something and can be undone."""
        specs = {s.id: s for p in self.plan.phases for s in p.steps}
        return [
            (step, specs[step.step])
            for step in newest_first(self.record.state, first)
            if step.step in specs and self._has_undo(specs[step.step])
        ]

    def _has_undo(self, spec: StepSpec) -> bool:
        kind = self.kinds.get(spec.step)
        return kind is not None and kind.has_undo and spec.irreversible is None

    def _prove(self, phase: PhaseState, gates: list[str]) -> Wake | None:
        for name in gates:
            outcome = self.gates.advance(phase, ROLLBACK, self.plan.gates[name])
            if outcome is None or isinstance(outcome, Wake):
                return outcome
            if outcome is not Decision.GO:
                gate = self.record.state.gate(phase.id, phase.attempt, ROLLBACK, name)
                why = "; ".join(gate.reasons) if gate else ""
                summary = self._summary(phase, verified=False)
                reason = f"{name} is {outcome.value}: {why}"
                return self._end(phase, "undo_failed", reason, summary)
        summary = self._summary(phase, verified=True)
        return self._end(phase, "undone", "the target equals the baseline", summary)

    def _summary(self, phase: PhaseState, *, verified: bool) -> RolledBack:
        """Of this rollback, all its tries; earlier rollbacks of earlier attempts are told already."""
        outputs = [
            s.undo_outputs
            for s in self.record.state.steps.values()
            if s.status == "undone" and s.ended_seq > phase.undo_seq
        ]

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

    def _end(
        self,
        phase: PhaseState,
        trigger: Literal["undo_failed", "undone"],
        reason: str,
        *first: Payload,
    ) -> Wake | None:
        target = {"undo_failed": "rollback_failed", "undone": "rolled_back"}[trigger]
        moved = StageChanged(
            phase=phase.id,
            attempt=phase.attempt,
            trigger=trigger,
            source=phase.stage,
            target=target,
            reason=reason,
        )
        self.record.append([*first, moved])
        return None
