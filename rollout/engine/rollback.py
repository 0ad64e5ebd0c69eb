"""The way back: pause first, see that nobody writes, assess, undo newest first, prove it by a gate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import msgspec

from rollout.domain.durations import format_duration
from rollout.domain.events import RolledBack, StageChanged, StepProgressed
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

RUNS, SCOPE = "way_back_runs", "way_back_scope"
"""Ids of the two steps that every rollback has, whatever the plan says."""

Outcome = Wake | str | None
"""A wake-up, None when something was appended, or a text once it is over: empty, or why it failed."""

_PAUSE_IT = "pause the sync in its service by hand, then say roll back again"
_AGAIN = "mend what is named, then say roll back again: only what is left is done"
_LOOK = "look at the evidence of the gate, mend it by hand or waive what is no fault, then say roll back again"


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
            why = "the plan has no `rollback:` section"
            return self._fail(phase, why, [why], "adopt a plan that has one, or abort")
        wake = self._advance(phase, rollback)
        if wake is None or phase.since is None:
            return wake
        deadline = phase.since + rollback.within
        if self.clock.now() >= deadline:
            within = format_duration(rollback.within)
            why = f"not done within {within}: {wake.why}"
            return self._fail(phase, why, [wake.why], _AGAIN)
        return replace(wake, at=min(wake.at or deadline, deadline))

    def has_work(self) -> bool:
        """Whether anything was done so far that could be undone."""
        return bool(self._to_undo())

    def _advance(self, phase: PhaseState, rollback: Rollback) -> Wake | None:
        paused = self._side_by_side(phase, rollback.steps)
        if not isinstance(paused, str):
            return paused
        if paused:
            return self._fail(phase, paused, paused.split("; "), _PAUSE_IT)
        known = self._close(phase)
        if known is not True:
            return known
        looked = self._one_by_one(phase, _always(rollback))
        if not isinstance(looked, str):
            return looked
        if looked:
            return self._fail(phase, looked, [looked], _AGAIN)
        for step, spec in self._to_undo(phase.undo_from):
            return self._undo(phase, step, spec)
        return self._prove(phase, rollback.gates)

    def _undo(self, phase: PhaseState, step: StepState, spec: StepSpec) -> Wake | None:
        if step.status != "undo_failed":
            return self.steps.undo(step, spec)
        if step.ended_seq > phase.since_seq:
            why = f"{step.step} could not be undone: {step.reason}"
            return self._fail(phase, why, step.remaining or [why], _AGAIN, step.remaining_rows)
        # A person asked for the rollback again: this begins the next try of the undo.
        again = StepProgressed(
            phase=step.phase, attempt=step.attempt, step=step.step, memory={}, undo=True
        )
        self.record.append([again])
        return None

    def _close(self, phase: PhaseState) -> Wake | Literal[True] | None:
        """Nothing of the way forward is sent any more; a request that may still land is settled
        before anybody counts what is there."""
        for step, spec in self._to_undo(phase.undo_from):
            outcome = self.steps.close(step, spec)
            if outcome is not True:
                return outcome
        return True

    def _side_by_side(self, phase: PhaseState, specs: Sequence[StepSpec]) -> Outcome:
        """One sync that cannot be paused stops no other."""
        waits: list[Wake] = []
        failed: list[str] = []
        for spec in specs:
            outcome = self._step(phase, spec)
            if outcome is None:
                return None
            if isinstance(outcome, Wake):
                waits.append(outcome)
            elif outcome:
                failed.append(outcome)
        return earliest(waits) if waits else "; ".join(failed)

    def _one_by_one(self, phase: PhaseState, specs: Sequence[StepSpec]) -> Outcome:
        for spec in specs:
            outcome = self._step(phase, spec)
            if outcome != "":
                return outcome
        return ""

    def _step(self, phase: PhaseState, spec: StepSpec) -> Outcome:
        """A step of the rollback itself. Said again, a rollback does it again: a sync may have been
        resumed since, and the target has changed."""
        if spec.step not in self.kinds:
            return f"{spec.id}: no kind of step {spec.step!r} is installed"
        step = self.record.state.step(phase.id, phase.attempt, spec.id)
        if step is None or step.status not in {"completed", "failed"}:
            return self.steps.advance(phase, spec)
        if step.ended_seq < phase.since_seq:
            self.steps.begin(phase, spec)
            return None
        return f"{spec.id}: {step.reason}" if step.status == "failed" else ""

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
        """A check that was waived proves nothing: the way back ends, and is not called verified."""
        waived: list[str] = []
        for name in gates:
            outcome = self.gates.advance(phase, ROLLBACK, self.plan.gates[name])
            if outcome is None or isinstance(outcome, Wake):
                return outcome
            gate = self.record.state.gate(phase.id, phase.attempt, ROLLBACK, name)
            reasons = list(gate.reasons) if gate else []
            if outcome is not Decision.GO:
                why = f"{name} is {outcome.value}: {'; '.join(reasons)}"
                return self._fail(phase, why, reasons or [why], _LOOK)
            waived += reasons
        summary = self._summary(phase, verified=not waived)
        if waived:
            summary = msgspec.structs.replace(summary, remaining=waived)
        reason = "; ".join(waived) or "the target equals the baseline"
        return self._end(phase, "undone", reason, summary)

    def _fail(
        self, phase: PhaseState, why: str, left: Sequence[str], go_on: str, rows: int = 0
    ) -> Wake | None:
        """What is left is said in the log, so that anybody who looks can see it."""
        names = [f"{step.phase}: {step.step}" for step, _ in self._to_undo(phase.undo_from)]
        still = [f"not undone yet: {', '.join(names)}"] if names else []
        summary = msgspec.structs.replace(
            self._summary(phase, verified=False),
            remaining=[*left, *still],
            remaining_rows=rows,
            go_on=go_on,
        )
        return self._end(phase, "undo_failed", why, summary)

    def _summary(self, phase: PhaseState, *, verified: bool) -> RolledBack:
        """Of this rollback, all its tries; earlier rollbacks of earlier attempts are told already."""
        outputs = [
            s.undo_outputs
            for s in self.record.state.steps.values()
            if s.status in {"undone", "undo_failed"} and s.ended_seq > phase.undo_seq
        ]
        scope = self.record.state.step(phase.id, phase.attempt, SCOPE)
        digest = scope.outputs.get("evidence") if scope is not None else None

        def total(name: str) -> int:
            return sum(v for o in outputs if isinstance(v := o.get(name), int))

        lists = [o["left"] for o in outputs if isinstance(o.get("left"), str)]
        left = {i for digest in lists for i in self.steps.evidence.get(str(digest))["ids"]}

        return RolledBack(
            phase=phase.id,
            attempt=phase.attempt,
            verified=verified,
            restored_rows=total("restored_rows"),
            deleted_rows=total("deleted_rows"),
            left_rows=len(left) if lists else total("left_rows"),
            scope=phase.undo_from,
            assessment=digest if isinstance(digest, str) else None,
        )

    def _end(
        self,
        phase: PhaseState,
        trigger: Literal["undo_failed", "undone"],
        reason: str,
        summary: RolledBack,
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
        self.record.append([summary, moved])
        return None


def _always(rollback: Rollback) -> list[StepSpec]:
    """Nobody writes any more, then the scope is assessed: no plan can leave that out."""
    return [
        StepSpec(step="end_runs", id=RUNS, inputs={"ours": rollback.running}),
        StepSpec(step="assess_changes", id=SCOPE),
    ]
