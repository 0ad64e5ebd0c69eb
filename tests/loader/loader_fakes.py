"""Kinds of check and step for the loader's tests, and plans written to a folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from textwrap import dedent
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel, ConfigDict, Field, model_validator

from rollout.domain.effects import Answer
from rollout.domain.errors import ConditionProblem, PlanProblems
from rollout.domain.evidence import Observation
from rollout.domain.plan import Duration, Model, Plan
from rollout.kinds import (
    CheckContext,
    CheckKind,
    Done,
    Effect,
    Found,
    Move,
    NotFound,
    StepContext,
    StepKind,
)
from rollout.loader.documents import load_plan


class _Check:
    primary: ClassVar[str | None] = None
    metrics: ClassVar[Mapping[str, str] | None] = None
    default_go: ClassVar[Mapping[str, str]] = {}

    def observe(self, inputs: Any, context: CheckContext) -> Observation:
        return Observation(metrics={}, source="nowhere")


class SqlInputs(Model):
    sql: str
    on: str = "warehouse"
    at_most: int | None = None


class SqlCheck(_Check):
    """Named metrics of one row."""

    kind: ClassVar[str] = "sql"
    Inputs: ClassVar[type[BaseModel]] = SqlInputs


class RunInputs(Model):
    sync: str
    run: int | None = None
    of_step: str | None = None

    @model_validator(mode="after")
    def _one_way(self) -> RunInputs:
        if (self.run is None) == (self.of_step is None):
            raise ValueError("say which run, by either `run` or `of_step`")
        return self


class RunCheck(_Check):
    """The counters of one run."""

    kind: ClassVar[str] = "census_run"
    Inputs: ClassVar[type[BaseModel]] = RunInputs
    primary: ClassVar[str | None] = "status"
    metrics: ClassVar[Mapping[str, str] | None] = {"status": "", "error_rate": "", "processed": ""}
    default_go: ClassVar[Mapping[str, str]] = {"status": "= completed"}


class AttestInputs(Model):
    roles: list[str] = []
    title: str = ""


class AttestCheck(_Check):
    """A person says so."""

    kind: ClassVar[str] = "attest"
    Inputs: ClassVar[type[BaseModel]] = AttestInputs
    primary: ClassVar[str | None] = "confirmed"
    metrics: ClassVar[Mapping[str, str] | None] = {"confirmed": ""}
    default_go: ClassVar[Mapping[str, str]] = {"confirmed": "is true"}


class LooseInputs(BaseModel):
    size: int = 0

    @model_validator(mode="after")
    def _ask(self) -> LooseInputs:
        if self.size == 13:
            raise ConditionProblem("13 is no size")
        return self


class LooseCheck(_Check):
    """A kind whose model forgot to forbid unknown keys."""

    kind: ClassVar[str] = "loose"
    Inputs: ClassVar[type[BaseModel]] = LooseInputs
    primary: ClassVar[str | None] = "size"


class _Step:
    writes: ClassVar[bool] = False
    has_undo: ClassVar[bool] = False
    outputs: ClassVar[Sequence[str]] = ()

    def advance(self, inputs: Any, context: StepContext) -> Move:
        return Done({})

    def undo(self, inputs: Any, context: StepContext) -> Move:
        return Done({})

    def perform(self, effect: Effect, inputs: Any, context: StepContext) -> Answer[Any]:
        raise AssertionError("the loader performs nothing")

    def look_up(self, effect: Effect, inputs: Any, context: StepContext) -> Found | NotFound:
        return NotFound("the loader looks nothing up")


class Stratum(Model):
    name: str
    count: int = Field(gt=0)


class CohortInputs(Model):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
    source: str = Field(alias="from")
    seed: int
    strata: list[Stratum] = []


class SelectCohort(_Step):
    """Freeze a list of keys."""

    kind: ClassVar[str] = "select_cohort"
    Inputs: ClassVar[type[BaseModel]] = CohortInputs
    outputs: ClassVar[Sequence[str]] = ("rows", "evidence")


class RunSyncInputs(Model):
    sync: str
    within: Duration = timedelta(hours=1)
    expect: dict[str, str] = {}
    baseline: str | None = None


class RunSync(_Step):
    """Run a sync once."""

    kind: ClassVar[str] = "run_sync"
    Inputs: ClassVar[type[BaseModel]] = RunSyncInputs
    writes: ClassVar[bool] = True
    has_undo: ClassVar[bool] = True
    outputs: ClassVar[Sequence[str]] = ("run_id", "processed", "started_at")


class PauseInputs(Model):
    sync: str


class PauseSync(_Step):
    """Stop a sync."""

    kind: ClassVar[str] = "pause_sync"
    Inputs: ClassVar[type[BaseModel]] = PauseInputs
    writes: ClassVar[bool] = True
    has_undo: ClassVar[bool] = True


class ResumeSync(PauseSync):
    """Let a sync run."""

    kind: ClassVar[str] = "resume_sync"


class ScheduleInputs(Model):
    sync: str
    frequency: str


class SetSchedule(_Step):
    """When a sync runs by itself."""

    kind: ClassVar[str] = "set_schedule"
    Inputs: ClassVar[type[BaseModel]] = ScheduleInputs
    writes: ClassVar[bool] = True
    has_undo: ClassVar[bool] = True


class PublishInputs(Model):
    to: str


class Publish(_Step):
    """Cannot be taken back."""

    kind: ClassVar[str] = "publish"
    Inputs: ClassVar[type[BaseModel]] = PublishInputs
    writes: ClassVar[bool] = True


class StatementInputs(Model):
    statement: str
    undo: str


class Statement(_Step):
    """One statement and its way back."""

    kind: ClassVar[str] = "sql"
    Inputs: ClassVar[type[BaseModel]] = StatementInputs
    writes: ClassVar[bool] = True
    has_undo: ClassVar[bool] = True


class Question(Model):
    sql: str | None = None
    soql: str | None = None


class SnapshotInputs(Model):
    metrics: dict[str, Question]


class Snapshot(_Step):
    """Numbers of one moment."""

    kind: ClassVar[str] = "snapshot"
    Inputs: ClassVar[type[BaseModel]] = SnapshotInputs
    outputs: ClassVar[Sequence[str]] = ("*",)


class VerifyInputs(Model):
    gate: str


class Verify(_Step):
    """A gate within a phase."""

    kind: ClassVar[str] = "verify"
    Inputs: ClassVar[type[BaseModel]] = VerifyInputs
    outputs: ClassVar[Sequence[str]] = ("gate",)


CHECKS: dict[str, CheckKind] = {
    kind.kind: kind for kind in (SqlCheck(), RunCheck(), AttestCheck(), LooseCheck())
}
STEPS: dict[str, StepKind] = {
    kind.kind: kind
    for kind in (
        SelectCohort(),
        RunSync(),
        PauseSync(),
        ResumeSync(),
        SetSchedule(),
        Publish(),
        Statement(),
        Snapshot(),
        Verify(),
    )
}

HEAD = dedent(
    """\
    plan: small
    title: A small rollout
    timezone: America/Los_Angeles
    params: {expected: 50, share: 0.5, word: ready}
    connections:
      warehouse: {uses: databricks, token: "${env:DATABRICKS_TOKEN}"}
      census: {uses: census, token: "${file:/run/secrets/census}"}
    roles:
      lead: [{person: ann}]
      sales: [{person: ann}, {person: bob}]
    syncs:
      sync_a: {on: census, id: 1, operation: upsert, source: s, target: T, key: k}
    """
)

READY = dedent(
    """\
    gate: ready
    title: Everything is ready
    checks:
      - {check: told, kind: attest, title: They know, owner: lead, if_it_fails: Tell them.}
    """
)


def plan_of(phases: str, head: str = HEAD) -> str:
    """A plan text: the usual head and these phases (dedented, from `- phase:`)."""
    return head + "phases:\n" + dedent(phases).lstrip("\n")


def gate_of(checks: str, gate: str = "ready", extra: str = "") -> str:
    """A gate text with these checks (dedented, from `- check:`)."""
    return f"gate: {gate}\ntitle: Is it so?\n{extra}checks:\n" + dedent(checks).lstrip("\n")


def write(root: Path, **files: str) -> Path:
    """Write `plans/plan.yaml` and the gates by name; the plan's path. `a__sql` is `gates/sql/a.sql`."""
    (root / "plans").mkdir(exist_ok=True)
    (root / "gates" / "sql").mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        if name == "plan":
            path = root / "plans" / "plan.yaml"
        elif name.endswith("__sql"):
            path = root / "gates" / "sql" / f"{name.removesuffix('__sql')}.sql"
        else:
            path = root / "gates" / f"{name}.yaml"
        path.write_text(text, encoding="utf-8")
    return root / "plans" / "plan.yaml"


def load(path: Path, **how: Any) -> Plan:
    return load_plan(path, CHECKS, STEPS, **how)


def problems_of(path: Path, **how: Any) -> list[str]:
    """The problems of a plan, files named from its root."""
    with pytest.raises(PlanProblems) as raised:
        load(path, **how)
    return [line.replace(f"{path.parent.parent}/", "") for line in raised.value.problems]
