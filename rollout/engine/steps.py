"""Drive one step, forwards or backwards: settle what is open, ask the kind for its next move, do it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from rollout.domain.errors import LogDamaged, RolloutError, ServiceError, StoreUnavailable
from rollout.domain.events import (
    Payload,
    StepCompleted,
    StepFailed,
    StepProgressed,
    StepStarted,
    StepUndone,
    decode_payload,
    encode_payload,
)
from rollout.domain.plan import Plan, StepSpec
from rollout.domain.state import EffectState, PhaseState, StepState
from rollout.engine.effects import EffectRunner, effect_name
from rollout.engine.facts import LogFacts, lookup
from rollout.engine.measure import in_words, resolver
from rollout.engine.record import RolloutRecord
from rollout.engine.troubles import Troubles
from rollout.engine.wake import Need, Wake
from rollout.kinds import (
    Act,
    Done,
    Failed,
    Move,
    Remember,
    SawRun,
    Settled,
    StepContext,
    StepKind,
    StepKinds,
    Wait,
)
from rollout.ports import Clock, Connections, EvidenceStore

LONGEST_REASON = 2_000
"""Characters of why a step failed: a plug-in's exception may quote whatever it was given."""


@dataclass(frozen=True)
class _Going:
    """A step under way in one direction, with what its kind is given."""

    step: StepState
    spec: StepSpec
    kind: StepKind
    inputs: Any
    context: StepContext
    undo: bool


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
            self.begin(phase, spec)
            return None
        return self._go(step, spec, undo=False)

    def begin(self, phase: PhaseState, spec: StepSpec) -> None:
        """Also again, for a step of the way back that failed."""
        self.record.append([StepStarted(phase=phase.id, attempt=phase.attempt, step=spec.id)])

    def undo(self, step: StepState, spec: StepSpec) -> Wake | None:
        return self._go(step, spec, undo=True)

    def close(self, step: StepState, spec: StepSpec) -> Wake | Literal[True] | None:
        """Before anything is undone: send nothing more for a step, and learn what became of a request
        nobody knows the end of. True when there is none."""
        if self._open_forward(step, spec) is None:
            return True
        return self._go(step, spec, undo=True)

    def _go(self, step: StepState, spec: StepSpec, *, undo: bool) -> Wake | None:
        """One move. No answer to a read: later. A bug or a misuse fails the step, not the engine."""
        try:
            going = self._going(step, spec, undo=undo)
            act = self._next(going)
        except ServiceError as problem:
            return self._troubles.wait(step, spec, problem, undo=undo)
        except (LogDamaged, StoreUnavailable):
            raise
        except (RolloutError, ValueError, KeyError) as problem:
            why = f"cannot be done as written: {in_words(problem)}"
            self.record.append([_failed(step, why, undo=undo)])
            return None
        except Exception as bug:  # noqa: BLE001 - a plug-in's bug must not end the controller
            broke = f"the step itself broke: {type(bug).__name__}: {bug}"
            self.record.append([_failed(step, broke, undo=undo)])
            return None
        if step.trouble and self._open_effect(going) is None:
            self._troubles.over(step, undo=undo)
            return None
        return act()

    @property
    def _troubles(self) -> Troubles:
        return Troubles(self.record, self.clock)

    def _going(self, step: StepState, spec: StepSpec, *, undo: bool) -> _Going:
        kind = self.kinds[spec.step]
        fill = resolver(lookup(self.record.state, step.phase, before=step))
        inputs = kind.Inputs.model_validate(fill(spec.inputs))
        return _Going(step, spec, kind, inputs, self._context(step, spec, undo=undo), undo)

    def _next(self, going: _Going) -> Callable[[], Wake | None]:
        """What is to be done now; nothing is appended before it is called."""
        effect = self._open_effect(going)
        if effect is None:
            ask = going.kind.undo if going.undo else going.kind.advance
            return self._doing(ask(going.inputs, going.context), going)
        if effect.how == "needs_human":
            need = Need("settle", going.step.phase, effect.effect, effect.detail)
            why = f"a person must settle {effect.effect}: {effect.detail}"
            return lambda: Wake(None, why, (need,))
        is_forward = effect.effect in {e.effect for e in self._effects_of(going.step, going.spec)}
        settle = self.effects.close if going.undo and is_forward else self.effects.settle
        return lambda: self._settled_by(settle, effect, going)

    def _settled_by(
        self,
        settle: Callable[[EffectState, StepKind, Any, StepContext], Wake | None],
        effect: EffectState,
        going: _Going,
    ) -> Wake | None:
        try:
            outcome = settle(effect, going.kind, going.inputs, going.context)
        except ServiceError as problem:
            return self._troubles.wait(going.step, going.spec, problem, undo=going.undo)
        if going.step.trouble:
            self._troubles.over(going.step, undo=going.undo)
        return outcome

    def _doing(self, move: Move, going: _Going) -> Callable[[], Wake | None]:
        """Raises: TypeError or ValueError for a move that is none or that no log could keep."""
        match move:
            case Wait(until=until, note=note):
                return lambda: Wake(until, note or f"{going.step.step} goes on then")
            case Act(effect=effect):
                _refuse_unkept(_progressed(going, effect.request))
                name = self._prefix(going.step, going.spec, undo=going.undo) + effect.name
                return lambda: self.effects.intend(
                    effect, name, going.kind, going.inputs, going.context
                )
        payload = _payload_of(move, going)
        _refuse_unkept(payload)
        return lambda: self.record.append([payload])

    def _open_effect(self, going: _Going) -> EffectState | None:
        """The first effect that must be settled before the step moves on. Backwards too: a request
        of the way forward that nobody knows the end of may still land."""
        if not going.undo:
            forward = self._effects_of(going.step, going.spec)
            return next((e for e in forward if e.how in {None, "needs_human"}), None)
        backward = self._effects_of(going.step, going.spec, undo=True)
        return self._open_forward(going.step, going.spec) or next(
            (e for e in backward if e.how in {None, "needs_human"}), None
        )

    def _open_forward(self, step: StepState, spec: StepSpec) -> EffectState | None:
        """A request of the way forward that may still be sent, or may still land."""
        forward = self._effects_of(step, spec)
        return next(
            (e for e in forward if e.how is None or (e.how == "needs_human" and not e.idempotent)),
            None,
        )

    def _effects_of(
        self, step: StepState, spec: StepSpec, *, undo: bool = False
    ) -> list[EffectState]:
        """Of the current try alone."""
        start = self._prefix(step, spec, undo=undo)
        return [
            e
            for name, e in self.record.state.effects.items()
            if name.startswith(start) and "/" not in name.removeprefix(start)
        ]

    def _prefix(self, step: StepState, spec: StepSpec, *, undo: bool) -> str:
        tries = step.undo_tries if undo else step.tries
        return effect_name(spec, step.phase, step.attempt, "", undo=undo, tries=tries)

    def _context(self, step: StepState, spec: StepSpec, *, undo: bool) -> StepContext:
        state = self.record.state
        forward = dict(self._settled(step, spec, undo=False))
        return StepContext(
            step=spec.id,
            phase=step.phase,
            attempt=step.attempt,
            now=self.clock.now(),
            started_at=step.started_at,
            plan=self.plan,
            connections=self.connections,
            facts=LogFacts(state, self.evidence, step.phase, step.attempt, before=step),
            evidence=self.evidence,
            memory=step.undo_memory if undo else step.memory,
            settled=dict(self._settled(step, spec, undo=True)) if undo else forward,
            outputs=step.outputs,
            forward_memory=step.memory,
            forward_settled=forward,
            tries=step.undo_tries if undo else step.tries,
        )

    def _settled(
        self, step: StepState, spec: StepSpec, *, undo: bool
    ) -> Iterator[tuple[str, Settled]]:
        for e in self._effects_of(step, spec, undo=undo):
            if e.how is not None:
                name = e.effect.rpartition("/")[2]
                yield name, Settled(how=e.how, value=e.value, detail=e.detail)


def _payload_of(move: Move, going: _Going) -> Payload:
    step = going.step
    match move:
        case Remember(memory=memory):
            return _progressed(going, memory)
        case SawRun(run=run):
            return run
        case Done(outputs=outputs):
            ended = StepUndone if going.undo else StepCompleted
            return ended(phase=step.phase, attempt=step.attempt, step=step.step, outputs=outputs)
        case Failed() as failed:
            return StepFailed(
                phase=step.phase,
                attempt=step.attempt,
                step=step.step,
                reason=failed.reason,
                undo=going.undo,
                remaining=list(failed.remaining),
                remaining_rows=failed.remaining_rows,
                outputs=failed.outputs,
            )
    raise TypeError(f"kind {going.spec.step} made no move: {move!r}")


def _progressed(going: _Going, memory: dict[str, Any]) -> StepProgressed:
    step = going.step
    return StepProgressed(
        phase=step.phase, attempt=step.attempt, step=step.step, memory=memory, undo=going.undo
    )


def _failed(step: StepState, reason: str, *, undo: bool) -> StepFailed:
    return StepFailed(
        phase=step.phase,
        attempt=step.attempt,
        step=step.step,
        reason=reason[:LONGEST_REASON],
        undo=undo,
    )


def _refuse_unkept(payload: Payload) -> None:
    """Raises: TypeError, ValueError or OverflowError for what could not be read back from the log."""
    decode_payload(encode_payload(payload))
