"""Words an attacker would choose, and a rollout in which every foreign word is one of them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from builders import FAIL, START, Story, make_check, make_plan, make_run

from rollout.domain import events as e
from rollout.domain.evidence import Decision, Observation, Verdict
from rollout.domain.plan import GateSpec, Plan

PAYLOADS: list[str] = [
    json.loads(line)
    for line in Path(__file__).with_name("hostile.jsonl").read_text(encoding="utf-8").splitlines()
]
"""One JSON text a line in `hostile.jsonl`: markup, templates, formulas, escape sequences, look-alikes."""

STEERS = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\U000e0000-\U000e007f]"
)
"""What steers a terminal, hides text or reorders it; a line's own end is no part of it."""

Say = Callable[[], str]
"""Gives the next foreign word."""


def always(text: str) -> Say:
    """The same word everywhere; a place that must not be empty gets a letter."""
    return lambda: text or "t"


def in_turn(start: int) -> Say:
    """Another payload for every place; another `start` gives every place another one."""
    places = count()
    return lambda: PAYLOADS[(start + next(places) * 37) % len(PAYLOADS)] or "t"


def hostile_plan(say: Say) -> Plan:
    plan = make_plan(title=say())

    def words() -> dict[str, Any]:
        return {"title": say(), "if_it_fails": say(), "owner": say()}

    checks = [
        make_check("empty_keys", **words(), inputs={"key": say(), "sql": say()}),
        make_check("told", kind="attest", go="is true", **words()),
        make_check("drift", shadow=True, **words()),
    ]
    gate = GateSpec(gate="ready", title=say(), number=1, checks=checks)
    phases = [plan.phases[0].model_copy(update={"title": say()}), *plan.phases[1:]]
    return plan.model_copy(update={"gates": {**plan.gates, "ready": gate}, "phases": phases})


def hostile_story(say: Say) -> Story:
    """A log with a word of `say` wherever a service, a person or a plan may put one."""
    story = Story(plan=hostile_plan(say))
    story.begin(title=say(), scenario=say(), params={say(): say()})
    story.stage("pilot", "open_entry", "pending", "entry_gate", reason=say())
    for rows in (1, 5, 2, 3):
        story.wait(minutes=5).add(make_run(sync=say(), status=say(), processed=rows))
    found = Observation(
        metrics={"rows": 3, say() + " metric": say(), "share": 0.5},
        source=say(),
        query=say(),
        as_of=START,
        sample=[{"note": say(), say() + " column": say(), "n": 1}],
        detail={say(): say()},
    )
    story.gate(
        "pilot",
        "entry",
        "ready",
        {"empty_keys": (FAIL, found), "told": (Verdict.ERROR, found), "drift": (FAIL, found)},
        Decision.NO_GO,
    )
    _people(story, say)
    _machines(story, say)
    return story.add(e.RolloutEnded(outcome="aborted", reason=say()))


def _people(story: Story, say: Say) -> None:
    place: dict[str, Any] = {"phase": "pilot", "attempt": 1}
    name = say()
    story.add(
        e.FindingRaised(
            **place, finding=name, check="empty_keys", severity="P1", title=say(), owner=say(),
            due_at=None, evidence=None, detail=say(),
        ),
        e.Attested(**place, check="told", by=say(), role=say(), answer=False, note=say()),
        e.FindingResolved(finding=name, how="waived", by=say(), reason=say()),
    )  # fmt: skip
    story.say("hold", "pilot", reason=say(), by=say(), role=say(), subject=say())
    story.say("waive", "pilot", reason=say(), by=say(), role=say(), subject="drift")


def _machines(story: Story, say: Say) -> None:
    place: dict[str, Any] = {"phase": "pilot", "attempt": 1}
    effect = say()
    story.add(
        e.StepStarted(**place, step="rest"),
        e.StepProgressed(**place, step="rest", memory={say(): say()}),
        e.StepFailed(**place, step="rest", reason=say()),
        e.EffectIntended(
            **place, effect=effect, step="rest", action=say(), target=say(),
            request={say(): say()}, idempotent=False,
        ),
        e.EffectAnswered(effect=effect, answer=say(), detail=say()),
        e.EffectResolved(effect=effect, how="needs_human", detail=say(), value=say()),
        e.NoticeAnswered(
            notice=say(), channel=say(), severity="P1", title=say(), answer=say(), detail=say()
        ),
        e.StageChanged(
            **place, trigger="entry_no_go", source="entry_gate", target="held", reason=say()
        ),
    )  # fmt: skip
