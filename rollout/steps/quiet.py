"""What the quiet kinds of step share: nothing to look up, nothing to send, nothing to undo."""

from __future__ import annotations

from typing import Any, ClassVar

from rollout.domain.effects import Answer
from rollout.kinds import Done, Effect, Found, Move, NotFound, StepContext


class SentAgain:
    """For kinds whose effects are all idempotent: a lost answer is sent again, never looked up."""

    def look_up(self, effect: Effect, inputs: Any, context: StepContext) -> Found | NotFound:
        raise AssertionError(f"{effect.action} is idempotent: it is sent again, not looked up")


class WritesNothing(SentAgain):
    """For kinds that only read: they never act, so going back is nothing."""

    writes: ClassVar[bool] = False
    has_undo: ClassVar[bool] = False

    def undo(self, inputs: Any, context: StepContext) -> Move:
        return Done({})

    def perform(self, effect: Effect, inputs: Any, context: StepContext) -> Answer[Any]:
        raise AssertionError(f"{context.step} only reads and was asked to {effect.action}")
