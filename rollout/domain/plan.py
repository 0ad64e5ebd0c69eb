"""The plan as its author means it: phases, steps, gates, checks. Built by the loader, never changed.

`rollout status` and `log` must not import this module (pydantic costs 0.16 s); the log's first
event carries the outline they need.
"""

from __future__ import annotations

import re
from datetime import time, timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field

from rollout.domain.canonical import sha256_of
from rollout.domain.evidence import Scalar
from rollout.domain.names import FieldName, ObjectName, RelationName
from rollout.domain.plan_people import Duration, Model, Person, SigningKey, SignOffRule
from rollout.domain.roster import Roster, roster_of

__all__ = [
    "PLACEHOLDERS",
    "Announcement",
    "CheckSpec",
    "ConditionText",
    "Duration",
    "GateSpec",
    "Identifier",
    "Model",
    "NoticeText",
    "Notifications",
    "Occasion",
    "Parameter",
    "Person",
    "Phase",
    "Plan",
    "Rollback",
    "Route",
    "SamplingPolicy",
    "Severity",
    "SignOffRule",
    "SigningKey",
    "Soak",
    "StepSpec",
    "SyncSpec",
    "Weekday",
    "Weekly",
    "Window",
]

Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
Severity = Literal["P0", "P1", "P2", "P3"]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
ConditionText = str
"""A text in the grammar of `domain/condition.py`; may hold `${{ … }}` references."""


class SamplingPolicy(Model):
    """How often a check is asked and how many bad samples it forgives.

    Names and defaults are those of Argo Rollouts' metrics; absence never passes here.
    count: samples to take (0, or left out beside an interval: until the gate's own end; left out
    without one: 1); interval: between samples; initial_delay: before the first; failure_limit and inconclusive_limit: how many
    are tolerated; consecutive_error_limit: errors in a row tolerated (errors do not count
    towards `count`); consecutive_success_limit: passes in a row that are enough (0 = off).
    Durations are texts, timedeltas, or numbers of seconds.
    """

    count: int | None = Field(default=None, ge=0)
    interval: Duration | None = None
    initial_delay: Duration = timedelta(0)
    failure_limit: int = Field(default=0, ge=-1)
    inconclusive_limit: int = Field(default=0, ge=-1)
    consecutive_error_limit: int = Field(default=4, ge=0)
    consecutive_success_limit: int = Field(default=0, ge=0)

    @property
    def effective_count(self) -> int:
        """Samples to take; 0 is until stopped."""
        if self.count is None:
            return 0 if self.interval is not None else 1
        return self.count


class CheckSpec(Model):
    """One question of a gate. In YAML the kind's own inputs stand beside these keys."""

    check: Identifier
    kind: str
    title: str
    go: ConditionText | dict[str, ConditionText] | None = None
    no_go: ConditionText | dict[str, ConditionText] | None = None
    severity: Severity = "P1"
    owner: str
    if_it_fails: str
    sampling: SamplingPolicy = SamplingPolicy()
    timeout: Duration = timedelta(minutes=2)
    shadow: bool = False
    show_keys: bool = False
    """Keys of its sample rows stand in reports as they are, not hashed."""
    inputs: dict[str, Any] = {}
    """The kind's own keys, as written; validated against the kind's model at load."""


class Parameter(Model):
    """A value a gate wants from the plan that uses it. Without a default it is required."""

    about: str = ""
    default: Scalar = None


class GateSpec(Model):
    """A named set of checks with one decision. `with` values replace `${{ gate.<name> }}`."""

    gate: Identifier
    title: str
    number: int | None = None
    """Gates that the stakeholders count (1-4); None for checkpoints."""
    params: dict[str, Parameter] = {}
    checks: list[CheckSpec] = Field(min_length=1)


class StepSpec(Model):
    """One action. In YAML the kind's own inputs stand beside these keys."""

    step: str
    id: Identifier
    title: str = ""
    irreversible: str | None = None
    """Why this step has no way back; required for a writing step whose kind has no undo."""
    inputs: dict[str, Any] = {}


class Window(Model):
    """When a phase may write, in the plan's time zone. `not_on`: holidays, quarter_end, or dates."""

    days: list[Weekday] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    between: tuple[time, time] | None = None
    not_on: list[str] = []


class Soak(Model):
    """Watch for a while: `checkpoints` = gates at an age, `every` = gates repeated, and the least
    share of the expected samples that must have been taken."""

    lasts: Duration = Field(alias="for")
    checkpoints: dict[str, list[str]] = {}
    every: dict[str, list[str]] = {}
    min_coverage: ConditionText = "95 %"

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Phase(Model):
    phase: Identifier
    title: str
    entry: list[str] = []
    steps: list[StepSpec] = []
    soak: Soak | None = None
    exit: list[str] = []
    sign_off: SignOffRule | None = None
    window: Window | None = None
    on_no_go: Literal["hold", "rollback"] = "hold"


class SyncSpec(Model):
    """A sync the plan speaks of by name."""

    on: str
    id: int
    title: str = ""
    operation: Literal["upsert", "update", "insert", "mirror", "append"]
    source: RelationName
    target: ObjectName
    key: FieldName
    user: str = ""
    """Id of the target's user that the sync writes as; a rollback touches that user's changes only."""


class Rollback(Model):
    """The way back: steps before anything is undone (pause the syncs), then every completed
    step's undo in reverse order, then the gates that say the target equals the baseline."""

    steps: list[StepSpec] = []
    gates: list[str] = Field(min_length=1)
    within: Duration = timedelta(hours=2)
    user: str = ""
    """Id of the target's user that a rollback writes as: its own changes are nobody else's."""
    automation: list[str] = []
    """Ids of users whose changes follow from ours (a flow that fills a field): nobody else's either."""
    running: Literal["cancel", "wait"] = "cancel"
    """What becomes of a run of ours that still goes; somebody else's is only ever waited for."""


Occasion = Literal[
    "phase_started",
    "phase_passed",
    "phase_held",
    "gate_no_go",
    "person_wanted",
    "finding_raised",
    "finding_closed",
    "rollback",
    "completed",
    "stopped",
]
"""What people can be told of without a step of its own."""

PLACEHOLDERS = (
    *("rollout", "plan", "phase", "attempt", "at", "subject", "reason"),
    *("severity", "title", "owner", "due"),
)
"""What `{…}` in the text of a notice may say; `severity` to `due` are a finding's."""

_PLACEHOLDER = re.compile(r"\{([^{}\s]*)\}")


def _known_placeholders(text: str) -> str:
    for name in _PLACEHOLDER.findall(text):
        if name not in PLACEHOLDERS:
            raise ValueError(f"`{{{name}}}` is not filled in; use {', '.join(PLACEHOLDERS)}")
    return text


NoticeText = Annotated[
    str, Field(min_length=1, max_length=2000), AfterValidator(_known_placeholders)
]


class Weekly(Model):
    """When the week's list goes out, in the plan's time zone."""

    day: Weekday = "mon"
    at: time = time(9)


class Route(Model):
    """Who is told of a finding. `after`: only while it is still open that long afterwards and
    nobody has decided anything in its phase; `weekly`: in one list a week instead."""

    channels: list[str] = Field(min_length=1)
    after: Duration = timedelta(0)
    weekly: Weekly | None = None


class Announcement(Model):
    """Who is told of an occasion, in which words. Findings go by their severity's routes."""

    channels: list[str] = []
    title: NoticeText | None = None
    body: NoticeText | None = None


class Notifications(Model):
    """Who is told what. Channels are connections that use `notify`; `forget_after`: what could not
    be told within that time is no news any more, unless it is a finding that is still open."""

    routes: dict[Severity, list[Route]] = {}
    occasions: dict[Occasion, Announcement] = {}
    forget_after: Duration = timedelta(hours=24)


class Plan(Model):
    """A whole rollout. `gates` holds every gate a phase names, parameters already filled in."""

    plan: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$", max_length=64)]
    title: str
    author: str | None = None
    """Who wrote the plan: their signature is never the only one that looks on it with fresh eyes."""
    timezone: str
    holidays: str | None = None
    """A country code of the `holidays` package, with an optional subdivision: `US`, `US-CA`."""
    params: dict[str, Scalar] = {}
    connections: dict[str, dict[str, Any]] = {}
    roles: dict[str, list[Person]] = {}
    syncs: dict[str, SyncSpec] = {}
    phases: list[Phase] = Field(min_length=1)
    rollback: Rollback | None = None
    notifications: Notifications | None = None
    gates: dict[str, GateSpec] = {}
    files: dict[str, str] = {}
    """sha256 of every file (gate, SQL) the plan was read from, by its path below the plan's root."""

    def sha256(self) -> str:
        """Of the canonical document: what is approved and signed. Comments, key order and layout
        do not move it; a parameter, a condition, one character of SQL does."""
        return sha256_of(self.model_dump(mode="json", by_alias=True))

    def roster(self) -> Roster:
        """Who may sign with which key."""
        return roster_of(
            {
                role: [person.model_dump(mode="json") for person in people]
                for role, people in self.roles.items()
            }
        )

    def phase(self, phase_id: str) -> Phase:
        return next(p for p in self.phases if p.phase == phase_id)
