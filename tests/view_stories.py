"""Logs of rollouts that run syncs and watch, for tests of views and screens."""

from __future__ import annotations

import unicodedata
from datetime import timedelta
from typing import Any

from builders import Story, make_check, make_plan, make_run, observed
from hypothesis import strategies as st

from rollout.domain import events as e
from rollout.domain.evidence import Decision, Verdict
from rollout.domain.plan import GateSpec, Phase, Plan, SyncSpec
from rollout.view.plan_words import PlanWords, plan_words


def sync_plan(**given: Any) -> Plan:
    """`pilot` runs sync_a with brakes and expectations, `full` runs sync_b; both are in a window."""
    run_a = {
        "sync": "sync_a",
        "within": "15m",
        "stop_if": {"error_rate": "> 10 %"},
        "stop_after_rows": 10,
        "expect": {"processed": "= ${{ params.size }}", "failed": "= 0"},
    }
    syncs = {
        name: SyncSpec(
            on="census",
            id=number,
            title=f"Sync {name[-1].upper()}",
            operation="upsert",
            source="crm.queue",
            target="Thing__c",
            key="Key__c",
        )
        for name, number in (("sync_a", 101), ("sync_b", 102))
    }
    phases = [
        Phase.model_validate(
            {
                "phase": "pilot",
                "title": "The pilot",
                "steps": [
                    {"step": "run_sync", "id": "run_a", "title": "Run A", "inputs": run_a},
                    {"step": "wait", "id": "rest"},
                ],
                "exit": ["verified"],
                "window": {"days": ["tue", "wed"], "between": ["10:00", "12:00"]},
            }
        ),
        Phase.model_validate(
            {
                "phase": "full",
                "title": "Everything",
                "steps": [{"step": "run_sync", "id": "run_b", "inputs": {"sync": "sync_b"}}],
                "exit": ["all_done"],
            }
        ),
    ]
    return make_plan(**{"syncs": syncs, "phases": phases, "params": {"size": 50}, **given})


def words_of(story: Story) -> PlanWords:
    return plan_words(story.plan.model_dump(mode="json", by_alias=True))


def started(story: Story | None = None) -> Story:
    """The pilot is running; nothing was triggered yet."""
    story = (story or Story(plan=sync_plan())).begin(params={"size": 50})
    story.stage("pilot", "open_entry", "pending", "running")
    return story.add(e.StepStarted(phase="pilot", attempt=1, step="run_a"))


def intended(story: Story, name: str = "trigger-1", **given: Any) -> Story:
    said: dict[str, Any] = {
        "effect": f"pilot/1/run_a/{name}",
        "phase": "pilot",
        "attempt": 1,
        "step": "run_a",
        "action": "trigger",
        "target": "sync 101",
        "request": {"sync": 101},
        "idempotent": False,
    }
    return story.add(e.EffectIntended(**{**said, **given}))


def triggered(story: Story | None = None, run_id: int = 7) -> Story:
    """The trigger was acknowledged."""
    story = intended(story or started())
    return story.add(e.EffectResolved(effect="pilot/1/run_a/trigger-1", how="done", value=run_id))


def looked_at(story: Story, *counts: int, gap_s: float = 60, **given: Any) -> Story:
    """The run after each of these counts, `gap_s` apart; created when it was triggered."""
    created = given.pop("created_at", story.now)
    for count in counts:
        story.wait(seconds=gap_s)
        story.add(running(count, created_at=created, **given))
    return story


def running(processed: int, **given: Any) -> e.RunObserved:
    said: dict[str, Any] = {
        "status": "working",
        "processed": processed,
        "accepted": processed,
        "failed": 0,
        "source_rows": 50,
    }
    return make_run(**{**said, **given})


def ended(story: Story, **given: Any) -> Story:
    """The run is over and accounted for; five of fifty rows were refused."""
    created = story.now - timedelta(minutes=5)
    rows = {"processed": 50, "accepted": 45, "failed": 5, "source_rows": 50}
    story.add(make_run(**{**rows, "created_at": created, "completed_at": story.now, **given}))
    rejected = [{"key": str(n), "reason": "too long", "status": "rejected"} for n in range(4)]
    rejected.append({"key": "9", "reason": "no \x1b[31mname", "status": "rejected"})
    digest = story.evidence.put({"run": {"id": 7}, "rejected": rejected})
    outputs: dict[str, Any] = {"run_id": 7, "status": "completed", "evidence": digest}
    return story.add(e.StepCompleted(phase="pilot", attempt=1, step="run_a", outputs=outputs))


hostile = st.text(
    st.one_of(st.characters(codec="utf-8"), st.sampled_from("\x1b\x00\r\n\u202e\u200b[]例\u0308")),
    max_size=60,
)
"""What a foreign system may slip in: escapes, line ends, marks that reorder, wide characters."""


def steers_nothing(line: str) -> bool:
    """Nothing in it moves the cursor, ends the line, hides or reorders."""
    return not any(
        unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"} or c in "\u202e\u200b\u2066"
        for c in line
    )


# a watch ---------------------------------------------------------------------

CHECKPOINTS = {"2h": ["early"], "24h": ["late"]}
EVERY = {"1h": ["watch"], "12h": ["daily"]}


def watch_plan(**soak: Any) -> Plan:
    """One phase that is watched for a day."""
    gates = {
        name: GateSpec(
            gate=name,
            title=f"The {name} gate",
            checks=[make_check(f"{name}_rate", go={"rate": "<= 1 %"})],
        )
        for name in ("early", "late", "watch", "daily")
    }
    said = {"for": "24h", "checkpoints": CHECKPOINTS, "every": EVERY, "min_coverage": "90 %"}
    phase = {"phase": "care", "title": "A day of watching", "soak": {**said, **soak}}
    return make_plan(phases=[Phase.model_validate(phase)], gates=gates)


def watching(story: Story | None = None) -> Story:
    """The watch has just begun."""
    story = (story or Story(plan=watch_plan())).begin()
    story.stage("care", "proceed", "ready", "running")
    return story.add(e.SoakStarted(phase="care", attempt=1))


def look(
    story: Story,
    moment: str,
    gate: str,
    verdict: Verdict = Verdict.PASS,
    decision: Decision | None = Decision.GO,
    rate: float = 0.002,
) -> Story:
    return story.gate(
        "care", moment, gate, {f"{gate}_rate": (verdict, observed(rate=rate))}, decision
    )


def watched(
    story: Story | None = None, hours: int = 5, asleep: frozenset[int] = frozenset()
) -> Story:
    """So many hours of it, all go; nobody looked in the hours `asleep`."""
    story = watching(story)
    for hour in range(1, hours + 1):
        story.wait(hours=1)
        if hour in asleep:
            continue
        look(story, f"every:1h#{hour}", "watch", rate=0.001 * (hour % 9))
        if hour == 2:
            look(story, "after:2h", "early")
        if hour % 12 == 0:
            look(story, f"every:12h#{hour // 12}", "daily")
    return story


def breached(story: Story | None = None) -> Story:
    """The sixth look is no-go and holds the phase."""
    story = watched(story).wait(hours=1)
    look(story, "every:1h#6", "watch", Verdict.FAIL, Decision.NO_GO, rate=0.05)
    return story.stage(
        "care", "soak_no_go", "running", "held", reason="watch is no_go: watch_rate fail"
    )


# a whole rollout -------------------------------------------------------------


def whole_plan() -> Plan:
    """`pilot` runs sync_a, `care` is watched for a day."""
    sync, watch = sync_plan(), watch_plan()
    return make_plan(
        syncs=sync.syncs,
        params={"size": 50},
        phases=[sync.phases[0], watch.phases[0]],
        gates={**sync.gates, **watch.gates},
    )


def running_story(story: Story | None = None) -> Story:
    """Sync A is two fifths through its run."""
    story = story or Story()
    story.plan = whole_plan()
    return looked_at(triggered(started(story)), 0, 10, 20, failed=1)


def watching_story(story: Story | None = None) -> Story:
    """The pilot is passed; the watch goes on since five hours, of which one was slept through."""
    story = ended(running_story(story).wait(minutes=3))
    story.add(make_run(run_id=9, ours=False, processed=3, accepted=3, failed=0))
    story.stage("pilot", "exit_go", "running", "passed")
    story.stage("care", "proceed", "ready", "running")
    story.add(e.SoakStarted(phase="care", attempt=1))
    for hour in range(1, 6):
        story.wait(hours=1)
        if hour != 3:
            look(story, f"every:1h#{hour}", "watch", rate=0.001 * hour)
        if hour == 2:
            look(story, "after:2h", "early")
    return story


def no_go_story(story: Story | None = None) -> Story:
    """A look of the watch was no-go; the phase is held and a finding is open."""
    story = watching_story(story).wait(hours=1)
    look(story, "every:1h#6", "watch", Verdict.FAIL, Decision.NO_GO, rate=0.05)
    story.add(
        e.FindingRaised(
            finding="care-1-watch_rate",
            check="watch_rate",
            phase="care",
            attempt=1,
            severity="P1",
            title="The watch rate is right",
            owner="sales_ops",
            due_at=story.now + timedelta(hours=2),
            evidence=None,
            detail="rate is 5 %, required <= 1 %. Stop and look.",
        )
    )
    return story.stage("care", "gate_no_go", "running", "held", reason="watch is no_go: watch_rate")


def hostile_story(text: str) -> Story:
    """Foreign words wherever a foreign system may write."""
    story = Story(plan=sync_plan())
    looked_at(triggered(started(story)), 0, 10, status=text[:200])
    story.add(e.StepFailed(phase="pilot", attempt=1, step="run_a", reason=text))
    story.add(make_run(run_id=8, status=text[:50], ours=False))
    return story.stage("pilot", "step_failed", "running", "held", reason=text)
