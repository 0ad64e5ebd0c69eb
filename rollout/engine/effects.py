"""The effect protocol: intent first, one request, and an answer that is yes, no or unknown.

An unknown answer to an effect that is not idempotent is never sent again: the effect is looked
up, adopted when there is exactly one candidate, and otherwise a named person settles it. Before
an intent is sent a second time that is committed too, so no crash can make a request look unsent.
Source: design section 6; `reliability.md` 5.1 has the experiments behind each rule.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from rollout.domain.effects import No, Unknown, Yes
from rollout.domain.errors import LogConflict, LogDamaged, ServiceError, StoreUnavailable
from rollout.domain.events import (
    EffectAnswered,
    EffectIntended,
    EffectResolved,
    Payload,
    encode_payload,
)
from rollout.domain.plan import StepSpec
from rollout.domain.state import EffectState
from rollout.domain.windows import next_open
from rollout.engine.record import RolloutRecord
from rollout.engine.wake import Wake
from rollout.kinds import Effect, Found, StepContext, StepKind
from rollout.ports import Clock

MAX_SENDS = 12
"""Refused or lost sends of one intent before a person must look."""

AGAIN = timedelta(seconds=5)
"""Before a refused effect is sent again, at least; doubled each time, so that the sends of one intent
outlast an outage of an hour."""

BACKOFF = timedelta(seconds=30)
"""Before an idempotent effect with an unknown answer is sent again; doubled each time."""

BACKOFF_LIMIT = timedelta(minutes=30)

LONGEST_WAIT_S = 24 * 3600.0
"""However long a service asks us to wait: nobody may park a rollout for a year."""

LONGEST_DETAIL = 2_000
"""Characters of what a step says that could not be kept."""

APPEND_TRIES = 1000
"""Somebody else commits between two of them; a thousand in a row are no coincidence."""


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
                    needs_window=effect.needs_window,
                )
            ]
        )
        self._send(name, effect, kind, inputs, context)
        return None

    def settle(
        self, state: EffectState, kind: StepKind, inputs: Any, context: StepContext
    ) -> Wake | None:
        """Take one unresolved effect one step further; None when something was appended."""
        if state.answer == "no" or state.idempotent:
            return self._send_again(state, kind, inputs, context)
        return self._look_up(state, kind, inputs, context)

    def close(
        self, state: EffectState, kind: StepKind, inputs: Any, context: StepContext
    ) -> Wake | None:
        """The way back began: send nothing any more, but learn what a lost request became."""
        if state.answer == "no":
            self._resolve(state.effect, "abandoned", f"refused, not sent again: {state.detail}")
            return None
        if state.idempotent:
            self._resolve(
                state.effect, "abandoned", "the way back settles it, whatever became of it"
            )
            return None
        return self._look_up(state, kind, inputs, context)

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
        """One request; its answer is a fact and is appended whoever else appended meanwhile."""
        answer = _asked(kind, effect, inputs, context)
        for _ in range(APPEND_TRIES):
            known = self.record.state.effects[name]
            if known.how is not None:
                return  # resolved by somebody else: an intent has one resolution
            try:
                answered = _event_of(name, effect, answer, known.sends, self.clock.now())
                self.record.append([_kept(name, answered)])
            except LogConflict:
                self.record.refresh()
            else:
                return
        raise StoreUnavailable(f"the answer to {name} could not be appended: {answer!r}")

    def _send_again(
        self, state: EffectState, kind: StepKind, inputs: Any, context: StepContext
    ) -> Wake | None:
        if state.retry_at is not None and self.clock.now() < state.retry_at:
            return Wake(state.retry_at, f"{state.effect}: {state.detail}; sent again then")
        sends = state.sends + (state.answer in {None, "resent"})  # one that nobody lived to hear of
        if sends >= MAX_SENDS:
            gave_up = f"gave up after {sends} sends: {state.detail}"
            self._resolve(state.effect, "needs_human", gave_up)
            return None
        effect = _as_effect(state)
        closed = self._closed(effect, context)
        if closed is not None:
            return closed
        again = EffectAnswered(effect=state.effect, answer="resent", detail=state.detail)
        self.record.append([again])
        self._send(state.effect, effect, kind, inputs, context)
        return None

    def _look_up(
        self, state: EffectState, kind: StepKind, inputs: Any, context: StepContext
    ) -> Wake | None:
        try:
            found = kind.look_up(_as_effect(state), inputs, context)
        except (ServiceError, LogDamaged, StoreUnavailable):
            raise
        except Exception as bug:  # noqa: BLE001 - a plug-in's bug: a person can still look
            broke = f"it could not be looked up: {type(bug).__name__}: {bug}"
            self._resolve(state.effect, "needs_human", broke)
            return None
        if isinstance(found, Found):
            self._resolve(state.effect, "adopted", found.detail, found.value)
        elif found.look_again_at is not None and found.look_again_at > self.clock.now():
            return Wake(found.look_again_at, f"{state.effect}: {found.reason}")
        else:
            self._resolve(state.effect, "needs_human", found.reason)
        return None

    def _resolve(self, name: str, how: str, detail: str, value: Any = None) -> None:
        resolved = EffectResolved(effect=name, how=how, detail=detail, value=value)
        self.record.append([_kept(name, resolved)])


@dataclass(frozen=True)
class _Broke:
    """The kind of step itself broke while it sent: nobody knows whether the request left."""

    reason: str


def _asked(kind: StepKind, effect: Effect, inputs: Any, context: StepContext) -> object:
    try:
        return kind.perform(effect, inputs, context)
    except ServiceError as problem:
        return Unknown(str(problem))
    except (LogDamaged, StoreUnavailable):
        raise
    except Exception as bug:  # noqa: BLE001 - the request may have left: a person must look
        return _Broke(f"the step broke while sending: {type(bug).__name__}: {bug}")


def _as_effect(state: EffectState) -> Effect:
    return Effect(
        name=state.effect.rpartition("/")[2],
        action=state.action,
        target=state.target,
        request=state.request,
        idempotent=state.idempotent,
        watermark=state.watermark,
        intended_at=state.answered_at or state.intended_at,
        needs_window=state.needs_window,
    )


def _event_of(name: str, effect: Effect, answer: object, sends: int, now: datetime) -> Payload:
    """The event that an answer becomes; one that cannot be read or kept is a person's."""
    match answer:
        case Yes(value=value, detail=detail):
            return EffectResolved(effect=name, how="done", value=value, detail=detail)
        case No(reason=reason, retry_after_s=None):
            return EffectResolved(effect=name, how="refused", detail=reason)
        case No(reason=reason, retry_after_s=wait):
            pause = min(AGAIN * 2 ** min(sends, 10), BACKOFF_LIMIT)
            at = now + max(timedelta(seconds=_bounded(wait or 0.0)), pause)
            return EffectAnswered(effect=name, answer="no", detail=reason, retry_at=at)
        case Unknown(reason=reason):
            pause = min(BACKOFF * 2 ** min(sends, 10), BACKOFF_LIMIT)
            again = now + pause if effect.idempotent else None
            return EffectAnswered(effect=name, answer="unknown", detail=reason, retry_at=again)
        case _Broke(reason=reason):
            return EffectResolved(effect=name, how="needs_human", detail=reason)
    odd = f"{type(answer).__name__} is not an answer to an effect: look whether it took place"
    return EffectResolved(effect=name, how="needs_human", detail=odd)


def _kept(name: str, payload: Payload) -> Payload:
    """The payload, or a word that a person must look where the log could not hold it."""
    try:
        encode_payload(payload)
    except (TypeError, ValueError, OverflowError) as problem:
        odd = f"it was answered, but what came back cannot be kept ({problem})"
        return EffectResolved(effect=name, how="needs_human", detail=odd[:LONGEST_DETAIL])
    return payload


def _bounded(wait_s: float) -> float:
    return min(max(wait_s, 0.0), LONGEST_WAIT_S) if not math.isnan(wait_s) else 0.0


def effect_name(
    spec: StepSpec, phase: str, attempt: int, effect: str, *, undo: bool, tries: int = 1
) -> str:
    """Unique in the log: `<phase>/<attempt>/<step>/[undo/][again-<n>/]<effect>`."""
    middle = ("undo/" if undo else "") + (f"again-{tries}/" if tries > 1 else "")
    return f"{phase}/{attempt}/{spec.id}/{middle}{effect}"
