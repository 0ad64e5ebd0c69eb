"""The built-in kind of check behind a soak's coverage gate; the engine fills its inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, Field

from rollout.domain.evidence import Observation
from rollout.domain.plan import Model
from rollout.engine.soak import COVERAGE
from rollout.kinds import CheckContext


class CoverageInputs(Model):
    """Looks the plan asked for, and looks that came to an answer."""

    expected: int = Field(ge=0)
    taken: int = Field(ge=0)


class SoakCoverage:
    """Share of the planned looks of a soak that came to an answer."""

    kind: ClassVar[str] = COVERAGE
    Inputs: ClassVar[type[BaseModel]] = CoverageInputs
    primary: ClassVar[str | None] = "coverage"
    metrics: ClassVar[Mapping[str, str] | None] = {
        "coverage": "share of the planned looks that came to an answer, 0..1",
        "expected": "looks planned",
        "taken": "looks that came to go or no-go",
    }
    default_go: ClassVar[Mapping[str, str]] = {}

    def observe(self, inputs: Any, context: CheckContext) -> Observation:
        share = inputs.taken / inputs.expected if inputs.expected else None
        return Observation(
            metrics={"coverage": share, "expected": inputs.expected, "taken": inputs.taken},
            source="the event log",
            as_of=context.now,
            problem=None if inputs.expected else "the soak asks for no looks at all",
        )
