"""What a screen says of the plan, read from the plan's document in the evidence store.

Without pydantic and the loader, which alone would cost more than a whole `rollout status`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

LEAD = "project_lead"
"""The role that decides. Source: `domain/command.py`, which this must not import."""

Conditions = str | dict[str, str] | None


class CheckWords(msgspec.Struct, frozen=True):
    check: str
    kind: str = ""
    title: str = ""
    owner: str = ""
    severity: str = ""
    if_it_fails: str = ""
    shadow: bool = False
    go: Conditions = None
    no_go: Conditions = None
    inputs: dict[str, Any] = {}

    def required(self) -> str:
        """The conditions as the plan writes them."""
        go, no_go = _joined(self.go), _joined(self.no_go)
        return "; ".join(part for part in (go, f"no-go at {no_go}" if no_go else "") if part)

    def roles(self) -> list[str]:
        """Who may answer an `attest` check."""
        named = self.inputs.get("roles")
        if isinstance(named, list) and named:
            return [str(role) for role in named]
        return list(dict.fromkeys([self.owner or LEAD, LEAD]))


class GateWords(msgspec.Struct, frozen=True):
    gate: str
    title: str = ""
    number: int | None = None
    checks: list[CheckWords] = []

    def check(self, name: str) -> CheckWords:
        """What the plan says of a check; only its name when the plan does not know it."""
        return next((c for c in self.checks if c.check == name), CheckWords(name, title=name))


class SignOffWords(msgspec.Struct, frozen=True):
    roles: list[str] = []


class PhaseWords(msgspec.Struct, frozen=True):
    phase: str
    title: str = ""
    exit: list[str] = []
    sign_off: SignOffWords | None = None


class PlanWords(msgspec.Struct, frozen=True):
    """Empty when the plan's document is not at hand: names then stand for titles."""

    plan: str = ""
    title: str = ""
    phases: list[PhaseWords] = []
    gates: dict[str, GateWords] = {}

    def gate(self, name: str) -> GateWords:
        return self.gates.get(name) or GateWords(name, title=name.replace("_", " "))

    def phase(self, name: str) -> PhaseWords:
        return next((p for p in self.phases if p.phase == name), PhaseWords(name, title=name))


def plan_words(document: Any) -> PlanWords:
    """From the plan as JSON; what is unknown there is ignored, and what is odd gives no words."""
    try:
        return msgspec.convert(document, PlanWords, strict=False)
    except msgspec.ValidationError:
        return PlanWords()


def _joined(written: Conditions | Mapping[str, str]) -> str:
    if written is None or isinstance(written, str):
        return written or ""
    return "; ".join(f"{metric} {condition}" for metric, condition in written.items())
