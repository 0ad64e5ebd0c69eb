"""`notify`: tell people something at this point of the plan, and go on once it was taken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, Field

from rollout.domain.effects import Answer
from rollout.domain.instants import to_text
from rollout.domain.plan import Model, Severity
from rollout.kinds import Act, Done, Effect, Failed, Move, StepContext
from rollout.steps.quiet import SentAgain

Channel = Annotated[str, Field(min_length=1)]


class NotifyInputs(Model):
    """`to`: channels, connections that use `notify`; `as_severity`: how loudly (a page: P0, P1)."""

    to: list[Channel] = Field(min_length=1, json_schema_extra={"names": "channel"})
    subject: str = Field(min_length=1, max_length=200)
    message: str = Field(min_length=1, max_length=4000)
    as_severity: Severity | None = None


class Notify(SentAgain):
    """At least once: a message whose answer was lost is sent again, with the same deduplication key.
    What was said cannot be taken back, so a plan must call the step irreversible."""

    kind: ClassVar[str] = "notify"
    Inputs: ClassVar[type[BaseModel]] = NotifyInputs
    writes: ClassVar[bool] = True
    has_undo: ClassVar[bool] = False
    outputs: ClassVar[Sequence[str]] = ("told", "told_at")

    def advance(self, inputs: NotifyInputs, context: StepContext) -> Move:
        channels = list(dict.fromkeys(inputs.to))
        for number, channel in enumerate(channels, 1):
            name = f"tell-{number}"
            settled = context.settled.get(name)
            if settled is None:
                return Act(_telling(name, channel, inputs, context))
            if not settled.took_place:
                return Failed(f"{channel} was not told: {settled.detail}")
        return Done({"told": len(channels), "told_at": to_text(context.now)})

    def undo(self, inputs: NotifyInputs, context: StepContext) -> Move:
        return Done({})

    def perform(self, effect: Effect, inputs: NotifyInputs, context: StepContext) -> Answer[Any]:
        said = effect.request
        return context.connections.notifier(effect.target).send(
            effect.target,
            said["subject"],
            said["message"],
            dedupe=said["dedupe"],
            severity=said["severity"],
        )


def _telling(name: str, channel: str, inputs: NotifyInputs, context: StepContext) -> Effect:
    """The whole message is part of the intent: what is sent again is the same, to the letter."""
    place = f"{context.plan.plan}/{context.phase}/{context.attempt}/{context.step}"
    return Effect(
        name=name,
        action="tell",
        target=channel,
        request={
            "subject": inputs.subject,
            "message": inputs.message,
            "severity": inputs.as_severity or "",
            "dedupe": f"{place}/{name}",
        },
    )
