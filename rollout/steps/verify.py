"""A gate in the middle of a phase. The engine evaluates it; this says what a plan must write."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from pydantic import BaseModel

from rollout.domain.plan import Model
from rollout.kinds import Move, StepContext
from rollout.steps.quiet import WritesNothing


class VerifyInputs(Model):
    """`gate`: must come to go before the next step begins."""

    gate: str


class Verify(WritesNothing):
    """Checked like an entry or exit gate; anything but go holds the phase here."""

    kind: ClassVar[str] = "verify"
    Inputs: ClassVar[type[BaseModel]] = VerifyInputs
    outputs: ClassVar[Sequence[str]] = ("gate",)

    def advance(self, inputs: Any, context: StepContext) -> Move:
        raise AssertionError("the engine evaluates the gate of a verify step itself")
