"""What a screen says of the plan, read from the plan's document in the evidence store.

Without pydantic and the loader, which alone would cost more than a whole `rollout status`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from rollout.domain.state import RolloutState

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
    expires: str = ""
    four_eyes: bool = True


class StepWords(msgspec.Struct, frozen=True):
    """`step` is its kind; `irreversible` says why there is no way back, where there is none."""

    id: str
    step: str = ""
    title: str = ""
    irreversible: str | None = None
    inputs: dict[str, Any] = {}

    def name(self) -> str:
        """What a person calls it."""
        return self.title or f"{self.step} {self.id}".strip().replace("_", " ")


class SoakWords(msgspec.Struct, frozen=True):
    """Durations as the plan's document has them: `2d`, `12h`."""

    lasts: str = msgspec.field(name="for")
    checkpoints: dict[str, list[str]] = {}
    every: dict[str, list[str]] = {}
    min_coverage: str = ""


class WindowWords(msgspec.Struct, frozen=True):
    days: list[str] = []
    between: list[str] | None = None
    not_on: list[str] = []

    def said(self) -> str:
        """`tue, wed, thu 10:00-12:00, not on holidays`."""
        hours = " " + "-".join(t[:5] for t in self.between) if self.between else ""
        never = f", not on {', '.join(self.not_on)}" if self.not_on else ""
        return f"{', '.join(self.days)}{hours}{never}".replace("_", " ")


class PhaseWords(msgspec.Struct, frozen=True):
    phase: str
    title: str = ""
    entry: list[str] = []
    steps: list[StepWords] = []
    soak: SoakWords | None = None
    exit: list[str] = []
    sign_off: SignOffWords | None = None
    window: WindowWords | None = None


class SyncWords(msgspec.Struct, frozen=True):
    on: str = ""
    id: int = 0
    title: str = ""
    operation: str = ""
    source: str = ""
    target: str = ""
    key: str = ""


class PersonWords(msgspec.Struct, frozen=True):
    """`key` and `keys` as the plan has them; `domain/roster.py` reads them."""

    person: str
    key: Any = None
    keys: Any = None


class ConnectionWords(msgspec.Struct, frozen=True):
    """Only what it uses: addresses and secrets are nobody's to see."""

    uses: str = ""


class RouteWords(msgspec.Struct, frozen=True):
    channels: list[str] = []
    after: str = ""
    weekly: dict[str, Any] | None = None


class NotificationWords(msgspec.Struct, frozen=True):
    routes: dict[str, list[RouteWords]] = {}


class RollbackWords(msgspec.Struct, frozen=True):
    steps: list[StepWords] = []
    gates: list[str] = []
    within: str = ""


class PlanWords(msgspec.Struct, frozen=True):
    """Empty when the plan's document is not at hand: names then stand for titles."""

    plan: str = ""
    title: str = ""
    timezone: str = ""
    phases: list[PhaseWords] = []
    gates: dict[str, GateWords] = {}
    syncs: dict[str, SyncWords] = {}
    roles: dict[str, list[PersonWords]] = {}
    connections: dict[str, ConnectionWords] = {}
    notifications: NotificationWords | None = None
    rollback: RollbackWords | None = None
    earlier: dict[str, PlanWords] = {}
    """By digest: plans that the rollout followed before this one, whose gates are told in their words."""

    def in_force(self, sha256: str) -> PlanWords:
        return self.earlier.get(sha256, self)

    def gate(self, name: str) -> GateWords:
        return self.gates.get(name) or GateWords(name, title=name.replace("_", " "))

    def phase(self, name: str) -> PhaseWords:
        return next((p for p in self.phases if p.phase == name), PhaseWords(name, title=name))

    def step(self, phase: str, name: str) -> StepWords:
        """A step of a phase or of the way back; only its name when the plan does not know it."""
        back = self.rollback.steps if self.rollback else []
        found = (s for s in (*self.phase(phase).steps, *back) if s.id == name)
        return next(found, StepWords(name, title=name.replace("_", " ")))

    def people(self, role: str) -> list[str]:
        return [p.person for p in self.roles.get(role, [])]


def plan_words(document: Any) -> PlanWords:
    """From the plan as JSON; what is unknown there is ignored, and what is odd gives no words."""
    try:
        return msgspec.convert(document, PlanWords, strict=False)
    except msgspec.ValidationError:
        return PlanWords()


def words_of_all(state: RolloutState, documents: Callable[[str], Any]) -> PlanWords:
    """Of the plan in force and of those before it. `documents` gives evidence by digest and raises
    KeyError for what is not there: names then stand for titles."""

    def words(sha256: str) -> PlanWords:
        try:
            return plan_words(documents(sha256))
        except KeyError:
            return PlanWords()

    now = state.plan_sha256
    earlier = {p.plan_sha256: words(p.plan_sha256) for p in state.plans if p.plan_sha256 != now}
    return msgspec.structs.replace(words(now), earlier=earlier)


def _joined(written: Conditions | Mapping[str, str]) -> str:
    if written is None or isinstance(written, str):
        return written or ""
    return "; ".join(f"{metric} {condition}" for metric, condition in written.items())
