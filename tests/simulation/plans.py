"""Small plans with every kind of effect, for runs of a hundred events."""

from __future__ import annotations

from collections.abc import Callable
from datetime import time, timedelta
from functools import lru_cache
from typing import Any

from fakes import CENSUS_USER, SYNC, TOOL_USER
from small_plans import attest, check, gate, phase, plan, step

from rollout.checks.attest import Attest
from rollout.checks.baseline import Baseline
from rollout.checks.sql import Sql
from rollout.domain.plan import (
    CheckSpec,
    GateSpec,
    Phase,
    Plan,
    Rollback,
    SamplingPolicy,
    SignOffRule,
    Soak,
    StepSpec,
    SyncSpec,
    Window,
)
from rollout.kinds import CheckKinds, StepKinds
from rollout.steps.assess_changes import AssessChanges
from rollout.steps.baseline import CaptureBaseline
from rollout.steps.cohort import SelectCohort
from rollout.steps.end_runs import EndRuns
from rollout.steps.run_sync import RunSync
from rollout.steps.source import RestoreSource, RestrictSource
from rollout.steps.statement import Statement
from rollout.steps.sync_settings import PauseSync, ResumeSync, SetSchedule
from rollout.steps.verify import Verify
from rollout.steps.wait import WaitStep

NAME = "small"
SECOND = SYNC + 1
CHECKS: CheckKinds = {k.kind: k for k in (Sql(), Attest(), Baseline())}
STEPS: StepKinds = {
    k.kind: k
    for k in (
        CaptureBaseline(),
        SelectCohort(),
        RunSync(),
        RestrictSource(),
        RestoreSource(),
        PauseSync(),
        ResumeSync(),
        SetSchedule(),
        Statement(),
        Verify(),
        WaitStep(),
        EndRuns(),
        AssessChanges(),
    )
}
_SIGNED = SignOffRule(roles=["project_lead", "sales"], expires=timedelta(hours=20))


def asked(name: str, **changes: Any) -> CheckSpec:
    """A check that asks the warehouse; one is good."""
    inputs = {"sql": f"SELECT value FROM crm.facts WHERE name = '{name}'", "of": ["crm.facts"]}
    return check(name, kind="sql", go={"value": "= 1"}, inputs=inputs, **changes)


def _gates() -> list[GateSpec]:
    twice = SamplingPolicy(count=2, interval=timedelta(minutes=1))
    patient = SamplingPolicy(count=3, interval=timedelta(minutes=2), failure_limit=1)
    endless = SamplingPolicy(interval=timedelta(minutes=20), consecutive_error_limit=0)
    back = {"steps": ["base", "base_full"], "target": "Thing__c"}
    inputs = {**back, "users": [CENSUS_USER, TOOL_USER]}
    return [
        gate("ready", asked("views"), attest("told")),
        gate("landed", asked("counts", sampling=twice), asked("shadowed", shadow=True)),
        gate("pilot_ok", asked("flags", sampling=patient), asked("rows")),
        gate("full_ok", asked("matches", severity="P0")),
        gate("healthy", asked("health", sampling=endless)),
        gate("aged", asked("workflow")),
        gate("clean", asked("final")),
        gate("back", check("back_rows", kind="baseline", go=None, inputs=inputs)),
    ]


def _base(name: str) -> StepSpec:
    fields = ["Name", "Flag__c"]
    return step("capture_baseline", name, target="Thing__c", key="Key__c", fields=fields)


def _run(name: str, sync: str, baseline: str) -> StepSpec:
    return step(
        "run_sync",
        name,
        sync=sync,
        baseline=baseline,
        expect={"failed": "= 0"},
        stop_if={"error_rate": "> 30 %"},
        stop_after_rows=2,
        within="20m",
        poll="4m",
    )


def _pilot(**changes: Any) -> Phase:
    strata = [{"name": "any", "count": 2}]
    cohort = {"from": "crm.queue", "key": "key", "seed": 7, "strata": strata}
    return phase(
        "pilot",
        step("set_schedule", "manual", sync="a", frequency="never"),
        step("select_cohort", "cohort", **cohort),
        _base("base"),
        step("restrict_source", "narrow", view="crm.queue", to="cohort", key="key"),
        _run("pilot_run", "a", "base"),
        step("wait", "rest", **{"for": "15m"}),
        step("verify", "look", gate="landed"),
        entry=["ready"],
        exit=["pilot_ok"],
        **changes,
    )


def _full(**changes: Any) -> Phase:
    return phase(
        "full",
        step("restore_source", "widen", restricted_by="narrow"),
        _base("base_full"),
        _run("full_a", "a", "base_full"),
        _run("full_b", "b", "base_full"),
        entry=["landed"],
        exit=["full_ok"],
        **changes,
    )


def _watch() -> Phase:
    soak = Soak.model_validate(
        {
            "for": "4h",
            "checkpoints": {"2h": ["aged"]},
            "every": {"1h": ["healthy"]},
            "min_coverage": "75 %",
        }
    )
    return phase(
        "watch",
        step("set_schedule", "hourly", sync="a", frequency="hourly", minute=7),
        soak=soak,
        exit=["clean"],
        sign_off=_SIGNED,
    )


def _narrow_window() -> Window:
    days = {"days": ["tue", "wed", "thu", "fri"], "between": (time(9), time(14))}
    return Window.model_validate(days)


def _with_rollback(*phases: Phase) -> Plan:
    made = plan(*phases, gates=_gates())
    base = made.syncs["a"]
    second = SyncSpec(
        **{**base.model_dump(), "id": SECOND, "source": "crm.second", "operation": "update"}
    )
    pauses = [
        step("pause_sync", "stop_b", sync="b"),
        step("pause_sync", "stop_a", sync="a"),
    ]
    back = Rollback(steps=pauses, gates=["back"], within=timedelta(hours=6), user=TOOL_USER)
    changes: dict[str, Any] = {"syncs": {"a": base, "b": second}, "rollback": back}
    return made.model_copy(update=changes)


def _whole() -> Plan:
    return _with_rollback(_pilot(sign_off=_SIGNED), _full(window=_narrow_window()), _watch())


def _reverting() -> Plan:
    return _with_rollback(_pilot(), _full(on_no_go="rollback"))


def _watched() -> Plan:
    return _with_rollback(_pilot(on_no_go="rollback"), _watch())


def _short() -> Plan:
    """One run and one signature: most of the time there is something in flight."""
    only = phase(
        "pilot",
        _base("base"),
        _run("pilot_run", "a", "base"),
        entry=["ready"],
        exit=["pilot_ok"],
        sign_off=_SIGNED,
    )
    return _with_rollback(only)


def _settings() -> Plan:
    """Only settings of both syncs, and what takes them back."""
    only = phase(
        "pilot",
        step("set_schedule", "manual", sync="a", frequency="never"),
        step("pause_sync", "stop_b_first", sync="b"),
        step("set_schedule", "hourly", sync="a", frequency="hourly", minute=30),
        _base("base"),
        step("resume_sync", "go_b", sync="b"),
        _run("pilot_run", "b", "base"),
        exit=["clean"],
        on_no_go="rollback",
    )
    return _with_rollback(only)


PLANS: dict[str, Callable[[], Plan]] = {
    "short": _short,
    "settings": _settings,
    "reverting": _reverting,
    "watched": _watched,
    "whole": _whole,
}
"""Cheapest first."""
CHOICES = (
    ("short",) * 4 + ("settings",) * 2 + ("reverting",) * 3 + ("watched",) * 2 + ("whole",) * 2
)


@lru_cache
def plan_named(name: str) -> Plan:
    return PLANS[name]()
