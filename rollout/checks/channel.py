"""`channel`: a test alert was delivered to a channel not long ago, and where it matters was seen."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import ClassVar

from pydantic import BaseModel, Field, field_validator

from rollout.checks.population import instant_in
from rollout.domain.effects import No, Yes
from rollout.domain.evidence import Observation, Scalar
from rollout.domain.instants import to_text
from rollout.domain.plan import Duration, Identifier, Model, Severity
from rollout.kinds import CheckContext, Confirmation


class ChannelInputs(Model):
    """The channel, a connection that uses `notify`; `max_age`: for how long a delivered test speaks
    for it; `arrival`: the `attest` check by which a person confirms that the test arrived."""

    channel: str = Field(min_length=1, json_schema_extra={"names": "channel"})
    max_age: Duration = timedelta(hours=24)
    arrival: Identifier | None = Field(default=None, json_schema_extra={"names": "check"})
    as_severity: Severity = "P2"
    """How loudly it is sent; a page needs P0 or P1."""

    @field_validator("max_age")
    @classmethod
    def _is_some_time(cls, given: timedelta) -> timedelta:
        if given <= timedelta(0):
            raise ValueError("`max_age` must be longer than nothing")
        return given


class Channel:
    """Sends a test when no delivered one is recent enough; asking therefore tells people.

    Tests are recognised by the earlier samples of this check. Whether a test was taken is one thing,
    whether it arrived another: a channel may take a message and drop it.
    """

    kind: ClassVar[str] = "channel"
    Inputs: ClassVar[type[BaseModel]] = ChannelInputs
    primary: ClassVar[str | None] = "delivered"
    metrics: ClassVar[Mapping[str, str] | None] = {
        "delivered": "whether the newest test was taken and, where a person must say so, arrived",
        "taken": "whether the channel took it; nothing when its answer was lost",
        "confirmed": "what a person said of its arrival (when `arrival` is given)",
        "age_s": "seconds since the test was sent",
        "sent_at": "when that was",
        "channel": "the channel it was sent to",
    }
    default_go: ClassVar[Mapping[str, str]] = {"delivered": "is true"}

    def observe(self, inputs: ChannelInputs, context: CheckContext) -> Observation:
        said = context.facts.confirmation(inputs.arrival) if inputs.arrival else None
        sent_at = _recent(inputs, context, said)
        taken: bool | None = True
        detail = "an earlier test speaks for it"
        if sent_at is None:
            sent_at = context.now
            taken, detail = _test(inputs, context)
        confirmed = said.answer if said is not None and said.at >= sent_at else None
        problem = None
        if taken is None:
            problem = f"nobody knows whether the test was delivered: {detail}"
        elif taken and inputs.arrival is not None and confirmed is None:
            problem = f"waiting for a person: {inputs.arrival} must confirm that it arrived"
        delivered = confirmed if taken and inputs.arrival is not None else taken
        metrics: dict[str, Scalar] = {
            "delivered": delivered,
            "taken": taken,
            "age_s": (context.now - sent_at).total_seconds(),
            "sent_at": to_text(sent_at),
            "channel": inputs.channel,
        }
        if inputs.arrival is not None:
            metrics["confirmed"] = confirmed
        return Observation(
            metrics=metrics,
            source=f"channel {inputs.channel}",
            query=f"a test within {inputs.max_age}",
            as_of=sent_at,
            detail={"answer": detail, "confirmed_by": said.by if said and confirmed else None},
            problem=problem,
        )


def _recent(
    inputs: ChannelInputs, context: CheckContext, said: Confirmation | None
) -> datetime | None:
    """When the newest test that still speaks for the channel was sent, None when there is none."""
    for past in reversed(context.facts.history(context.check)):
        sent_at = instant_in(past.observed.get("sent_at"))
        if sent_at is None or past.observed.get("channel") != inputs.channel:
            continue
        is_recent = timedelta(0) <= context.now - sent_at <= inputs.max_age
        if past.observed.get("taken") is not True or not is_recent:
            return None
        denied = said is not None and not said.answer and sent_at <= said.at < past.at
        return None if denied else sent_at  # a test that did not arrive was judged: send another
    return None


def _test(inputs: ChannelInputs, context: CheckContext) -> tuple[bool | None, str]:
    """Send one. Raises: ServiceError, KindMisused."""
    code = f"test/{context.plan.plan}/{context.phase}/{context.attempt}/{context.check}"
    dedupe = f"{code}/{to_text(context.now)}"
    wanted = f" Please confirm `{inputs.arrival}` when you see it." if inputs.arrival else ""
    answer = context.connections.notifier(inputs.channel).send(
        inputs.channel,
        f"Test alert: {context.plan.title}",
        f"This is a test of the channel {inputs.channel}; nothing is wrong.{wanted}\n\n{dedupe}",
        dedupe=dedupe,
        severity=inputs.as_severity,
    )
    if isinstance(answer, Yes):
        return True, answer.detail or "taken"
    return (False if isinstance(answer, No) else None), answer.reason
