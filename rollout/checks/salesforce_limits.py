"""`salesforce_limits`: enough API requests are left for what a phase will use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import BaseModel

from rollout.checks.numbers import share
from rollout.checks.written import Count, Reference
from rollout.domain.errors import KindMisused
from rollout.domain.evidence import Observation
from rollout.domain.plan import Model
from rollout.kinds import CheckContext
from rollout.ports import ApiAllowance


class SalesforceLimitsInputs(Model):
    """`needed`: requests the phase is going to make; nothing (a reference to nothing) is unknown."""

    on: str = "salesforce"
    needed: Count | Reference | None = 0


class SalesforceLimits:
    """The daily allowance as the target reports it now."""

    kind: ClassVar[str] = "salesforce_limits"
    Inputs: ClassVar[type[BaseModel]] = SalesforceLimitsInputs
    primary: ClassVar[str | None] = "used_share"
    metrics: ClassVar[Mapping[str, str] | None] = {
        "allowed": "requests a day",
        "remaining": "requests left today",
        "used_share": "share: (allowed - remaining) / allowed",
        "needed": "requests the phase will use",
        "headroom": "requests left after that: remaining - needed",
    }
    default_go: ClassVar[Mapping[str, str]] = {"used_share": "<= 80 %", "headroom": ">= 0"}
    """Source: domain note, section 6 (over 80 % is a fault to rehearse)."""

    def observe(self, inputs: SalesforceLimitsInputs, context: CheckContext) -> Observation:
        if isinstance(inputs.needed, str):
            raise KindMisused(f"{inputs.needed} was not filled")
        found = context.connections.record_store(inputs.on).allowance()
        needed = inputs.needed
        return Observation(
            metrics={
                "allowed": found.allowed,
                "remaining": found.remaining,
                "used_share": share(found.allowed - found.remaining, found.allowed),
                "needed": needed,
                "headroom": None if needed is None else found.remaining - needed,
            },
            source=inputs.on,
            query="GET /limits (DailyApiRequests)",
            as_of=context.now,
            problem=_problem(found),
        )


def _problem(found: ApiAllowance) -> str | None:
    if found.allowed <= 0:
        return f"the target reports an allowance of {found.allowed} requests"
    if found.remaining > found.allowed:
        return f"{found.remaining} of {found.allowed} requests left cannot be"
    return None
