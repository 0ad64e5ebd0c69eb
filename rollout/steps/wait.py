"""Let time pass on purpose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from rollout.domain.plan import Duration, Model
from rollout.kinds import Done, Move, StepContext, Wait
from rollout.steps.quiet import WritesNothing


class WaitInputs(Model):
    """`for`: how long, from the moment the step begins."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
    lasts: Duration = Field(alias="for")


class WaitStep(WritesNothing):
    """Waits by the clock; a restart neither resets nor skips it."""

    kind: ClassVar[str] = "wait"
    Inputs: ClassVar[type[BaseModel]] = WaitInputs
    outputs: ClassVar[Sequence[str]] = ("waited_s",)

    def advance(self, inputs: WaitInputs, context: StepContext) -> Move:
        until = context.started_at + inputs.lasts
        if context.now < until:
            return Wait(until, f"{context.step} ends then")
        return Done({"waited_s": (context.now - context.started_at).total_seconds()})
