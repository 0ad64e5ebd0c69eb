"""A scenario: the world, the scripted lead, and what goes wrong. Data, read by the strict loader."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import ConfigDict, Field, field_validator, model_validator

from rollout.domain.evidence import Scalar
from rollout.domain.instants import from_text
from rollout.domain.plan import Duration, Model

NoGo = Literal["hold", "resume", "retry", "rollback", "proceed_with_waiver", "abort"]
"""What the scripted lead does with a held phase; resume and retry are tried `patience` times."""

YesNo = Literal["yes", "no"]


ANY_ATTEMPT = 0


class Moment(Model):
    """When a fault fires: `phase` entered (or its `stage`, or its `step` started), plus `after`;
    or the `nth` matching `call` (`METHOD /path/*`), for `times` calls."""

    phase: str | None = None
    stage: str | None = None
    step: str | None = None
    attempt: int = Field(default=1, ge=0)
    """Of the phase; 0 is whichever comes first."""
    after: Duration = timedelta(0)
    call: str | None = None
    nth: int = Field(default=1, ge=1)
    times: int = Field(default=1, ge=1)

    @model_validator(mode="after")
    def _one_kind(self) -> Moment:
        if (self.phase is None) == (self.call is None):
            raise ValueError("give either `phase` (with `after`, `stage` or `step`) or `call`")
        return self


class Fault(Model):
    """One thing going wrong. The keys beside `id`, `kind`, `at` belong to the kind.

    sql: `on` warehouse or salesforce, `statement` or `statements`; `cure` are the statements that
    put it right when a person clears the fault. http: `do` with `status`,
    `headers`, `body`, `seconds`. census_run: `sync`, `trigger`. schedule: `sync`, `frequency`,
    `paused`. census_sync: `sync` reads `source` from then on, under the name it had. view: the plan's view file
    `view` is applied again, with `replace` replaced `by` something else. warehouse: it for `down`. world: `workflow`,
    `fivetran`, `organic` on or off, `api_used` share. clock: `sleep` (the controller does not run for so long) or `jump`
    (its clock is off by so much from then on).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    id: str
    kind: Literal[
        "sql",
        "http",
        "census_run",
        "census_sync",
        "schedule",
        "clock",
        "view",
        "warehouse",
        "world",
    ]
    at: Moment
    about: str = ""
    noticed_by: list[str] = []
    mends: bool = False
    """Something is put right: there is nothing to be noticed."""
    needs: list[str] = []
    """Other faults of the scenario without which this one is none: a drill lets them happen too."""
    on: Literal["warehouse", "salesforce"] = "warehouse"
    statement: str | None = None
    statements: list[str] = []
    cure: list[str] = []
    do: str = "status"
    status: int = 500
    headers: dict[str, str] = {}
    body: str = ""
    seconds: float = 0
    sync: str | None = None
    trigger: str = "Schedule"
    frequency: str | None = None
    paused: bool | None = None
    sleep: Duration | None = None
    jump: Duration | None = None
    workflow: Literal["on", "off"] | None = None
    api_used: float | None = None
    fivetran: Literal["on", "off"] | None = None
    organic: Literal["on", "off"] | None = None
    source: str | None = None
    down: Duration | None = None
    view: str | None = None
    replace: str | None = None
    by: str = ""

    @model_validator(mode="after")
    def _complete(self) -> Fault:
        needed = {
            "sql": bool(self.statement) or bool(self.statements),
            "http": self.at.call is not None,
            "census_run": self.sync is not None,
            "census_sync": self.sync is not None and self.source is not None,
            "schedule": self.sync is not None,
            "view": self.view is not None,
            "warehouse": self.down is not None,
            "clock": self.sleep is not None or self.jump is not None,
            "world": any(
                v is not None for v in (self.workflow, self.api_used, self.fivetran, self.organic)
            ),
        }
        if not needed[self.kind]:
            raise ValueError(f"a fault of kind {self.kind} does not say what goes wrong")
        return self


class Reaction(Model):
    """How long people take to answer."""

    proceed: Duration = timedelta(hours=4)
    attest: Duration = timedelta(hours=2)
    sign: Duration = timedelta(hours=20)
    decide: Duration = timedelta(hours=1)


class TurnBack(Model):
    """When the scripted lead says roll back, whatever the gates say: so long `after` a phase was
    entered, or a `step` of it began, or it came to a `stage`. `scope`: the first phase to undo."""

    phase: str
    step: str | None = None
    stage: str | None = None
    after: Duration = timedelta(0)
    attempt: int = 1
    scope: str = ""


class Operator(Model):
    """The scripted lead. `on_no_go` for every phase, or by phase with `default`."""

    on_go: Literal["proceed", "hold"] = "proceed"
    on_no_go: NoGo | dict[str, NoGo] = "hold"
    attest: YesNo | dict[str, YesNo] = "yes"
    sign: YesNo | dict[str, YesNo] = "yes"
    after_rollback: Literal["end", "retry"] = "end"
    roll_back_at: str | None = None
    """Say roll back when this phase becomes ready, whatever the gates say."""
    turns_back: list[TurnBack] = []
    patience: int = 2
    takes: Reaction = Reaction()

    def no_go_choice(self, phase: str) -> NoGo:
        if isinstance(self.on_no_go, str):
            return self.on_no_go
        return self.on_no_go.get(phase, self.on_no_go.get("default", "hold"))


class Expected(Model):
    """What must come out: a scenario is also a test of the plan."""

    outcome: Literal["completed", "held", "rolled_back", "aborted"]
    noticed_by: dict[str, str] = {}
    """Fault id -> check that must notice it."""
    phase: str | None = None


class Scenario(Model):
    scenario: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str
    seed: int = 1
    start: datetime = from_text("2026-01-05T16:00:00Z")
    world: dict[str, Any] = {}
    params: dict[str, Scalar] = {}
    operator: Operator = Operator()
    faults: list[Fault] = []
    expect: Expected

    @model_validator(mode="after")
    def _needed_faults_are_there(self) -> Scenario:
        known = {fault.id for fault in self.faults}
        for fault in self.faults:
            if missing := [name for name in fault.needs if name not in known]:
                raise ValueError(
                    f"fault {fault.id} needs {missing[0]}, which this scenario has not"
                )
        return self

    @field_validator("start", mode="before")
    @classmethod
    def _instant(cls, value: Any) -> Any:
        return from_text(value) if isinstance(value, str) else value
