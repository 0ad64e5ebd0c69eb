"""Drive one step, forwards or backwards: settle what is open, ask the kind for its next move, do it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from rollout.domain.errors import RolloutError, ServiceError
from rollout.domain.events import (
    StepCompleted,
    StepFailed,
    StepProgressed,
    StepStarted,
    StepUndone,
)
from rollout.domain.plan import Plan, StepSpec
from rollout.domain.state import EffectState, PhaseState, StepState
from rollout.engine.effects import EffectRunner, effect_name
from rollout.engine.facts import LogFacts, lookup
from rollout.engine.measure import resolver
from rollout.engine.record import RolloutRecord
from rollout.engine.wake import Need, Wake
from rollout.kinds import (
    Act,
    Done,
    Failed,
    Remember,
    SawRun,
    Settled,
    StepContext,
    StepKind,
    StepKinds,
    Wait,
)
from rollout.ports import Clock, Connections, EvidenceStore

PATIENCE = timedelta(seconds=60)
"""Before a step asks again when a service gave no answer to a read."""


@dataclass(frozen=True)
class StepRunner:
    """`advance` and `undo` return a Wake, or None when something was appended."""

    plan: Plan
    record: RolloutRecord
    evidence: EvidenceStore
    connections: Connections
    kinds: StepKinds
    clock: Clock
    effects: EffectRunner

    def advance(self, phase: PhaseState, spec: StepSpec) -> Wake | None:
        step = self.record.state.step(phase.id, phase.attempt, spec.id)
        if step is None:
            self.record.append([StepStarted(phase=phase.id, attempt=phase.attempt, step=spec.id)])
            return None
        return self._go(step, spec, undo=False)

    def undo(self, step: StepState, spec: StepSpec) -> Wake | None:
        return self._go(step, spec, undo=True)

    def _go(self, step: StepState, spec: StepSpec, *, undo: bool) -> Wake | None:
        kind = self.kinds[spec.step]
        context = self._context(step, spec, undo=undo)
        try:
            fill = resolver(lookup(self.record.state, step.phase))
            inputs = kind.Inputs.model_validate(fill(spec.inputs))
            waiting = self._settle_open(step, spec, kind, inputs, context, undo=undo)
            if waiting is not None:
                return waiting.wake
            move = kind.undo(inputs, context) if undo else kind.advance(inputs, context)
        except ServiceError as problem:
            return Wake(
                self.clock.now() + PATIENCE, f"{spec.id}: {problem}; asked again in a minute"
            )
        except (RolloutError, ValueError, KeyError) as problem:
            move = Failed(f"cannot be done as written: {problem}")
        return self._do(move, step, spec, kind, context, undo=undo)

    def _do(
        self,
        move: object,
        step: StepState,
        spec: StepSpec,
        kind: StepKind,
        context: StepContext,
        *,
        undo: bool,
    ) -> Wake | None:
        place: dict[str, Any] = {"phase": step.phase, "attempt": step.attempt, "step": step.step}
        match move:
            case Wait(until=until, note=note):
                return Wake(until, note or f"{spec.id} goes on then")
            case Remember(memory=memory):
                self.record.append([StepProgressed(**place, memory=memory, undo=undo)])
            case SawRun(run=run):
                self.record.append([run])
            case Done(outputs=outputs) if undo:
                self.record.append([StepUndone(**place, outputs=outputs)])
            case Done(outputs=outputs):
                self.record.append([StepCompleted(**place, outputs=outputs)])
            case Failed(reason=reason):
                self.record.append([StepFailed(**place, reason=reason, undo=undo)])
            case Act(effect=effect):
                name = effect_name(spec, step.phase, step.attempt, effect.name, undo=undo)
                fill = resolver(lookup(self.record.state, step.phase))
                inputs = kind.Inputs.model_validate(fill(spec.inputs))
                return self.effects.intend(effect, name, kind, inputs, context)
            case _:
                raise TypeError(f"step kind {spec.step} made no move: {move!r}")
        return None

    def _settle_open(
        self,
        step: StepState,
        spec: StepSpec,
        kind: StepKind,
        inputs: Any,
        context: StepContext,
        *,
        undo: bool,
    ) -> _Open | None:
        """What the first open effect of this step says; None when none is open."""
        for effect in self._effects_of(step, spec, undo=undo):
            if effect.how == "needs_human":
                need = Need("settle", step.phase, effect.effect, effect.detail)
                why = f"a person must settle {effect.effect}: {effect.detail}"
                return _Open(Wake(None, why, (need,)))
            if effect.how is None:
                return _Open(self.effects.settle(effect, kind, inputs, context))
        return None

    def _effects_of(self, step: StepState, spec: StepSpec, *, undo: bool) -> list[EffectState]:
        start = effect_name(spec, step.phase, step.attempt, "", undo=undo)
        return [
            e
            for name, e in self.record.state.effects.items()
            if name.startswith(start) and "/" not in name.removeprefix(start)
        ]

    def _context(self, step: StepState, spec: StepSpec, *, undo: bool) -> StepContext:
        state = self.record.state
        forward = self._settled(step, spec, undo=False)
        return StepContext(
            step=spec.id,
            phase=step.phase,
            attempt=step.attempt,
            now=self.clock.now(),
            started_at=step.started_at,
            plan=self.plan,
            connections=self.connections,
            facts=LogFacts(state, self.evidence, step.phase, step.attempt),
            evidence=self.evidence,
            memory=step.undo_memory if undo else step.memory,
            settled=self._settled(step, spec, undo=True) if undo else forward,
            outputs=step.outputs,
            forward_memory=step.memory,
            forward_settled=forward,
        )

    def _settled(self, step: StepState, spec: StepSpec, *, undo: bool) -> dict[str, Settled]:
        return {
            e.effect.rpartition("/")[2]: Settled(how=e.how, value=e.value, detail=e.detail)
            for e in self._effects_of(step, spec, undo=undo)
            if e.how is not None
        }


@dataclass(frozen=True)
class _Open:
    """An effect is open; `wake` None means that something was appended about it."""

    wake: Wake | None
