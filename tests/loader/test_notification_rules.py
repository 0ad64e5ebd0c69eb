"""Who is told: what a plan may say, and what it is told when it says something else."""

from __future__ import annotations

from datetime import time, timedelta
from pathlib import Path

import pytest
from loader_fakes import CHECKS, HEAD, READY, STEPS, gate_of, load, plan_of, problems_of, write

from rollout.checks.channel import Channel
from rollout.domain.errors import PlanProblems
from rollout.domain.plan import Plan
from rollout.loader.documents import load_plan
from rollout.steps.notify import Notify

CONNECTED = HEAD.replace(
    "connections:\n",
    'connections:\n  team: {uses: notify, urls: ["${env:TEAM_URL}", "${file:url}"]}\n'
    '  oncall: {uses: notify, urls: ["${env:PAGE_URL}"]}\n',
)
assert CONNECTED != HEAD
TOLD = """
notifications:
  forget_after: 12h
  routes:
    P0: [{channels: [oncall]}, {channels: [team], after: 15m}]
    P3: [{channels: [team], weekly: {day: tue, at: "08:30"}}]
  occasions:
    phase_held: {channels: [team], title: "{phase} is held", body: "Look at {subject}: {reason}"}
    finding_raised: {title: "{severity}: {title}"}
"""
PHASES = "- {phase: pilot, title: Pilot, entry: [ready]}\n"


def told(tmp_path: Path, head: str) -> list[str]:
    """Problems without their places."""
    path = write(tmp_path, plan=plan_of(PHASES, head), ready=READY)
    return [line.split(": ", 1)[1] for line in problems_of(path)]


def changed(tmp_path: Path, old: str, new: str) -> list[str]:
    head = CONNECTED + TOLD
    assert old in head
    return told(tmp_path, head.replace(old, new, 1))


def test_a_plan_says_who_is_told(tmp_path: Path) -> None:
    path = write(tmp_path, plan=plan_of(PHASES, CONNECTED + TOLD), ready=READY)
    plan: Plan = load(path)
    rules = plan.notifications
    assert rules is not None
    assert rules.forget_after == timedelta(hours=12)
    assert [route.after for route in rules.routes["P0"]] == [timedelta(0), timedelta(minutes=15)]
    weekly = rules.routes["P3"][0].weekly
    assert weekly is not None
    assert (weekly.day, weekly.at) == ("tue", time(8, 30))
    assert rules.occasions["phase_held"].body == "Look at {subject}: {reason}"


def test_a_plan_need_not_tell_anybody(tmp_path: Path) -> None:
    path = write(tmp_path, plan=plan_of(PHASES), ready=READY)
    assert load(path).notifications is None


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("channels: [oncall]", "channels: [oncal]", "no connection `oncal` uses notify"),
        ("channels: [team], title", "channels: [census], title", "`census` uses notify"),
        ("channels: [oncall]", "channels: []", "at least"),
        ("channels: [oncall]", "channels: [oncall], after: 5m", "paged at once"),
        ("P0: [{channels: [oncall]}, {channels: [team], after: 15m}]", "", "paged at once"),
        ("weekly: {day: tue", "after: 5m, weekly: {day: tue", "not both"),
        ("day: tue", "day: tuesday", "day"),
        ("finding_raised: {", "finding_raised: {channels: [team], ", "name these channels in"),
        ("phase_held:", "phase_helt:", "phase_helt"),
        ("{reason}", "{reasn}", "`{reasn}` is not filled in"),
        ("{reason}", "{reason.__class__}", "is not filled in"),
        ("Look at", "${{ steps.a.b }}", "not filled here"),
        ('"${env:TEAM_URL}"', "slack://T0/canary-token/x", "a channel's URL is a secret"),
        ('"${env:TEAM_URL}"', '"slack://${env:TEAM_URL}"', "a channel's URL is a secret"),
        ('["${env:PAGE_URL}"]', "[]", "needs `urls`, a list"),
        (
            'urls: ["${env:PAGE_URL}"]',
            'url: "${env:PAGE_URL}"',
            "has no `url`; did you mean `urls`",
        ),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, old: str, new: str, what: str) -> None:
    said = changed(tmp_path, old, new)
    assert any(what in line for line in said), said
    assert not any("canary-token" in line for line in said)


def test_a_step_and_a_check_speak_of_channels_only(tmp_path: Path) -> None:
    gate = gate_of(
        "- {check: c, kind: channel, title: T, owner: lead, if_it_fails: F, channel: census}\n"
    )
    step = "{step: notify, id: n, to: [team, temm], subject: S, message: M, irreversible: said}"
    phases = f"- {{phase: pilot, title: Pilot, entry: [ready], steps: [{step}]}}\n"
    path = write(tmp_path, plan=plan_of(phases, CONNECTED), ready=gate)
    with pytest.raises(PlanProblems) as caught:
        load_plan(path, {**CHECKS, "channel": Channel()}, {**STEPS, "notify": Notify()})
    said = "\n".join(caught.value.problems)
    assert "no channel `census`" in said
    assert "no channel `temm`" in said


def test_a_notify_step_must_say_that_it_cannot_be_taken_back(tmp_path: Path) -> None:
    step = "{step: notify, id: n, to: [team], subject: S, message: M}"
    phases = f"- {{phase: pilot, title: Pilot, entry: [ready], steps: [{step}]}}\n"
    path = write(tmp_path, plan=plan_of(phases, CONNECTED), ready=READY)
    with pytest.raises(PlanProblems, match="irreversible"):
        load_plan(path, CHECKS, {**STEPS, "notify": Notify()})
