"""The effect protocol: intent first, one request, and an answer that is yes, no or unknown.

An unknown answer to an effect that is not idempotent is never sent again: the effect is looked
up, adopted when there is exactly one candidate, and otherwise a named person settles it.
Source: design section 6; `reliability.md` 5.1 has the experiments behind each rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from rollout.domain.effects import No, Unknown, Yes
from rollout.domain.events import EffectAnswered, EffectIntended, EffectResolved, Payload
from rollout.domain.plan import StepSpec
from rollout.domain.state import EffectState
from rollout.domain.windows import next_open
from rollout.engine.record import RolloutRecord
from rollout.engine.wake import Wake
from rollout.kinds import Effect, Found, StepContext, StepKind
from rollout.ports import Clock

MAX_SENDS = 12
"""Refused or lost sends of one intent before a person must look."""

BACKOFF = timedelta(seconds=30)
"""Before an idempotent effect with an unknown answer is sent again; doubled each time."""

BACKOFF_LIMIT = timedelta(minutes=30)


@dataclass(frozen=True)
class EffectRunner:
    """Carries one step's effects over the border. `epoch` counts ownerships of the store."""

    record: RolloutRecord
    clock: Clock
    epoch: int = 0

    def intend(
        self, effect: Effect, name: str, kind: StepKind, inputs: Any, context: StepContext
    ) -> Wake | None:
        """Commit the intent, then send once. Waits for the phase's window when the effect asks for it."""
        closed = self._closed(effect, context)
        if closed is not None:
            return closed
        self.record.append(
            [
                EffectIntended(
                    effect=name,
                    phase=context.phase,
                    attempt=context.attempt,
                    step=context.step,
                    action=effect.action,
                    target=effect.target,
                    request=effect.request,
                    idempotent=effect.idempotent,
                    watermark=effect.watermark,
                    epoch=self.epoch,
                )
            ]
        )
        self._send(name, effect, kind, inputs, context)
        return None

    def settle(
        self, state: EffectState, kind: StepKind, inputs: Any, context: StepContext
    ) -> Wake | None:
        """Take one unresolved effect one step further; None when something was appended."""
        effect = _as_effect(state, context)
        now = self.clock.now()
        if state.answer == "no":
            return self._send_again(state, effect, kind, inputs, context, now)
        if state.idempotent:
            if state.retry_at is not None and now < state.retry_at:
                return Wake(state.retry_at, f"{state.effect}: {state.detail}; sent again then")
            return self._send_again(state, effect, kind, inputs, context, now)
        return self._look_up(state, effect, kind, inputs, context)

    def _closed(self, effect: Effect, context: StepContext) -> Wake | None:
        window = context.plan.phase(context.phase).window
        if window is None or not effect.needs_window:
            return None
        now = self.clock.now()
        opens = next_open(window, context.plan.timezone, context.plan.holidays, now)
        if opens <= now:
            return None
        return Wake(opens, f"the window of {context.phase} is closed")

    def _send(
        self, name: str, effect: Effect, kind: StepKind, inputs: Any, context: StepContext
    ) -> None:
        answer = kind.perform(effect, inputs, context)
        now = self.clock.now()
        sends = self.record.state.effects[name].sends
        self.record.append([_event_of(name, effect, answer, sends, now)])

    def _send_again(
        self,
        state: EffectState,
        effect: Effect,
        kind: StepKind,
        inputs: Any,
        context: StepContext,
        now: datetime,
    ) -> Wake | None:
        if state.retry_at is not None and now < state.retry_at:
            return Wake(state.retry_at, f"{state.effect}: {state.detail}; sent again then")
        if state.sends >= MAX_SENDS:
            self._resolve(state.effect, "needs_human", f"gave up after {state.sends} sends")
            return None
        closed = self._closed(effect, context)
        if closed is not None:
            return closed
        self._send(state.effect, effect, kind, inputs, context)
        return None

    def _look_up(
        self, state: EffectState, effect: Effect, kind: StepKind, inputs: Any, context: StepContext
    ) -> Wake | None:
        found = kind.look_up(effect, inputs, context)
        if isinstance(found, Found):
            self._resolve(state.effect, "adopted", found.detail, found.value)
        elif found.look_again_at is not None and found.look_again_at > self.clock.now():
            return Wake(found.look_again_at, f"{state.effect}: {found.reason}")
        else:
            self._resolve(state.effect, "needs_human", found.reason)
        return None

    def _resolve(self, name: str, how: str, detail: str, value: Any = None) -> None:
        self.record.append([EffectResolved(effect=name, how=how, detail=detail, value=value)])


def _as_effect(state: EffectState, context: StepContext) -> Effect:
    return Effect(
        name=state.effect.rpartition("/")[2],
        action=state.action,
        target=state.target,
        request=state.request,
        idempotent=state.idempotent,
        watermark=state.watermark,
        intended_at=state.intended_at,
        needs_window=context.plan.phase(context.phase).window is not None and not state.idempotent,
    )


def _event_of(name: str, effect: Effect, answer: object, sends: int, now: datetime) -> Payload:
    """The event that an answer becomes."""
    match answer:
        case Yes(value=value, detail=detail):
            return EffectResolved(effect=name, how="done", value=value, detail=detail)
        case No(reason=reason, retry_after_s=None):
            return EffectResolved(effect=name, how="refused", detail=reason)
        case No(reason=reason, retry_after_s=wait):
            at = now + timedelta(seconds=wait or 0)
            return EffectAnswered(effect=name, answer="no", detail=reason, retry_at=at)
        case Unknown(reason=reason):
            pause = min(BACKOFF * 2 ** min(sends, 10), BACKOFF_LIMIT)
            again = now + pause if effect.idempotent else None
            return EffectAnswered(effect=name, answer="unknown", detail=reason, retry_at=again)
    raise TypeError(f"{answer!r} is not an answer to an effect")


def effect_name(spec: StepSpec, phase: str, attempt: int, effect: str, *, undo: bool) -> str:
    """Unique in the log: `<phase>/<attempt>/<step>/[undo/]<effect>`."""
    middle = "undo/" if undo else ""
    return f"{phase}/{attempt}/{spec.id}/{middle}{effect}"
