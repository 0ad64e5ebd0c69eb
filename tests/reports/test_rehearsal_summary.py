"""The summary of a rehearsal, and who noticed which fault."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from builders import FAIL, PASS, START, Found, Story, completed_story, held_story, observed

from rollout.domain.events import RolledBack
from rollout.domain.evidence import Decision, Verdict
from rollout.rehearsal.detection import detections
from rollout.rehearsal.faults import FiredFault
from rollout.rehearsal.harness import Rehearsal
from rollout.rehearsal.scenario import Expected, Fault, Scenario
from rollout.rehearsal.summary import summary

SAMPLE_KEYS = {
    "id", "kind", "verdict", "observed", "condition", "reason", "shadow", "samples", "evidence",
}  # fmt: skip


def make_fault(name: str, **given: Any) -> Fault:
    said: dict[str, Any] = {
        "id": name,
        "kind": "sql",
        "at": {"phase": "pilot"},
        "statement": "DELETE FROM t",
    }
    return Fault.model_validate({**said, **given})


def rehearsal(
    story: Story,
    fired: dict[str, tuple[Fault, datetime, int]] | None = None,
    faults: tuple[Fault, ...] = (),
    outcome: str = "held",
) -> Rehearsal:
    found = fired or {}
    scenario = Scenario(
        scenario="calm",
        title="Calm",
        expect=Expected(outcome="held"),
        faults=[*(fault for fault, _, _ in found.values()), *faults],
    )
    return Rehearsal(
        plan=story.plan,
        scenario=scenario,
        seed=7,
        state=story.state(),
        outcome=outcome,
        fired={name: FiredFault(fault, at, seq) for name, (fault, at, seq) in found.items()},
        simulated_s=3600.0,
        log=story.log,
        evidence=story.evidence,
    )


def watched(*looks: tuple[str, Verdict], hours: float = 1) -> Story:
    """One gate a look, each `hours` after the one before: (check, verdict)."""
    story = Story().begin().stage("pilot", "open_entry", "pending", "running")
    for number, (check, verdict) in enumerate(looks, 1):
        story.wait(hours=hours)
        gate = "verified" if check == "created" else "ready"
        story.gate("pilot", f"every:1h#{number}", gate, {check: verdict}, Decision.GO)
    return story


def after_start(name: str = "f", **given: Any) -> dict[str, tuple[Fault, datetime, int]]:
    return {name: (make_fault(name, **given), START, 2)}


def test_the_summary_has_exactly_the_agreed_keys() -> None:
    found = summary(rehearsal(held_story(), after_start()), 1.23456)
    assert list(found) == [
        "plan", "scenario", "seed", "outcome", "phases", "gates", "findings", "runs", "faults",
        "rollback", "events", "log_head", "simulated_s", "wall_s",
    ]  # fmt: skip
    assert set(found["plan"]) == {"name", "sha256"}
    assert set(found["gates"][0]) == {"phase", "gate", "attempt", "decision", "checks"}
    assert all(set(check) == SAMPLE_KEYS for check in found["gates"][0]["checks"])
    assert set(found["findings"][0]) == {"id", "check", "phase", "severity", "state"}
    assert set(found["faults"][0]) == {"id", "kind", "fired", "detected_by", "after_s"}
    assert (found["seed"], found["wall_s"], found["simulated_s"]) == (7, 1.235, 3600.0)
    msgspec.json.encode(found)


def test_phases_gates_and_runs_are_told_in_order() -> None:
    story = completed_story()
    found = summary(rehearsal(story, outcome="completed"), 1.0)
    assert found["phases"] == [
        {"id": "pilot", "state": "passed", "attempts": 1},
        {"id": "full", "state": "passed", "attempts": 1},
    ]
    assert [(g["gate"], g["decision"]) for g in found["gates"]] == [
        ("ready", "go"), ("verified", "go"), ("all_done", "go"),
    ]  # fmt: skip
    assert found["runs"] == [
        {
            "sync": "sync_a", "run_id": 7, "phase": "pilot", "attempt": 1, "ours": True,
            "status": "completed", "processed": 50, "updated": 49, "failed": 1, "invalid": 0,
        }
    ]  # fmt: skip
    head = story.log.head(story.plan.plan)
    assert (found["events"], found["log_head"]) == (head.seq, head.hash)
    assert found["plan"]["sha256"] == story.plan.sha256()


def test_a_check_has_its_kind_its_filled_in_condition_and_its_evidence() -> None:
    checks = {c["id"]: c for c in summary(rehearsal(held_story()), 1.0)["gates"][0]["checks"]}
    assert checks["told"]["kind"] == "attest"
    assert checks["drift"]["shadow"] is True
    failed = checks["empty_keys"]
    assert (failed["verdict"], failed["condition"], failed["samples"]) == ("fail", "= 0", 1)
    assert failed["observed"] == {"rows": 3}
    assert failed["reason"] == "empty_keys reason"
    assert len(failed["evidence"]) == 64


def test_every_round_is_there_and_a_gate_without_a_decision_is_not() -> None:
    story = held_story()
    found: dict[str, Found] = {"empty_keys": PASS, "told": PASS, "drift": PASS}
    story.stage("pilot", "resume_entry_gate", "held", "entry_gate")
    story.gate("pilot", "entry", "ready", found, Decision.GO, round=2)
    story.gate("pilot", "exit", "verified", {"created": PASS}, None)
    gates = summary(rehearsal(story), 1.0)["gates"]
    assert [(g["gate"], g["decision"]) for g in gates] == [("ready", "no_go"), ("ready", "go")]


def test_the_engines_own_gate_is_in_the_summary() -> None:
    story = Story().begin().stage("pilot", "open_entry", "pending", "running")
    story.gate("pilot", "soak", "soak_coverage", {"soak_coverage": PASS}, Decision.GO)
    (gate,) = summary(rehearsal(story), 1.0)["gates"]
    assert gate["checks"][0]["kind"] == "soak_coverage"


def test_the_rollback_is_told_or_null() -> None:
    story = held_story()
    assert summary(rehearsal(story), 1.0)["rollback"] is None
    story.add(
        RolledBack(
            phase="pilot", attempt=1, verified=True, restored_rows=3, deleted_rows=2, left_rows=1
        )
    )
    told = summary(rehearsal(story), 1.0)["rollback"]
    assert told["phase"] == "pilot"
    assert told["verified"] is True
    assert (told["restored_rows"], told["deleted_rows"], told["left_rows"]) == (3, 2, 1)


# detection -------------------------------------------------------------------


def test_the_first_check_that_failed_after_the_fault_noticed_it() -> None:
    story = watched(("created", PASS), ("created", Verdict.INCONCLUSIVE), ("empty_keys", FAIL))
    found = detections(rehearsal(story, after_start()))["f"]
    assert (found.phase, found.gate, found.check) == ("pilot", "ready", "empty_keys")
    assert found.after_s == 3 * 3600


def test_without_a_failure_the_first_doubt_noticed_it() -> None:
    story = watched(
        ("created", PASS), ("created", Verdict.ERROR), ("empty_keys", Verdict.INCONCLUSIVE)
    )
    found = detections(rehearsal(story, after_start()))["f"]
    assert (found.check, found.after_s) == ("created", 2 * 3600)


def test_what_failed_before_the_fault_did_not_notice_it() -> None:
    story = watched(("empty_keys", FAIL), ("created", FAIL))
    late = {"f": (make_fault("f"), START + timedelta(hours=1), 6)}
    assert detections(rehearsal(story, late))["f"].check == "created"


def test_order_in_the_log_decides_even_at_the_same_instant() -> None:
    story = watched(("empty_keys", FAIL), ("created", FAIL), hours=0)
    first = next(e.seq for e in story.events() if e.payload.__class__.__name__ == "Measured")
    fired = {"f": (make_fault("f"), START, first)}
    found = detections(rehearsal(story, fired))["f"]
    assert (found.check, found.after_s) == ("created", 0.0)


def test_a_fault_that_names_its_checks_is_noticed_by_none_other() -> None:
    story = watched(("empty_keys", FAIL), ("created", Verdict.INCONCLUSIVE))
    named = after_start(noticed_by=["created", "missing"])
    assert detections(rehearsal(story, named))["f"].check == "created"
    elsewhere = after_start(noticed_by=["missing"])
    assert detections(rehearsal(story, elsewhere)) == {}


def test_shadow_checks_notice_nothing() -> None:
    assert detections(rehearsal(watched(("drift", FAIL)), after_start())) == {}


def test_a_fault_that_never_fired_was_noticed_by_nobody() -> None:
    story = watched(("created", FAIL))
    rows = summary(rehearsal(story, faults=(make_fault("idle"),)), 1.0)["faults"]
    assert rows == [
        {"id": "idle", "kind": "sql", "fired": False, "detected_by": None, "after_s": None}
    ]


def test_a_fault_nobody_noticed_is_told_so() -> None:
    rows = summary(rehearsal(watched(("created", PASS)), after_start()), 1.0)["faults"]
    assert (rows[0]["fired"], rows[0]["detected_by"], rows[0]["after_s"]) == (True, None, None)


@pytest.mark.parametrize("jump", [timedelta(hours=5), timedelta(minutes=-30)])
def test_a_clock_that_jumped_does_not_bend_the_time_to_detection(jump: timedelta) -> None:
    """The log is stamped by the controller's clock, the fault by the true one."""
    story = Story().begin().stage("pilot", "open_entry", "pending", "running")
    clock = make_fault("jump", kind="clock", statement=None, jump=jump)
    story.now += timedelta(hours=1) + jump
    story.gate("pilot", "every:1h#1", "verified", {"created": FAIL}, Decision.NO_GO)
    fired = {"jump": (clock, START, 2), "f": (make_fault("f"), START, 2)}
    found = detections(rehearsal(story, fired))
    assert found["f"].after_s == found["jump"].after_s == 3600


def test_forgiven_samples_are_in_the_observations() -> None:
    story = Story().begin().stage("pilot", "open_entry", "pending", "running")
    place: dict[str, Any] = {
        "phase": "pilot", "attempt": 1, "moment": "exit", "gate": "verified", "round": 1,
    }  # fmt: skip
    story.gate("pilot", "exit", "verified", {"created": PASS}, None)
    story.measure(place, "created", Verdict.FAIL, observed(created=49))
    story.decide(place, {"created": PASS}, Decision.GO)
    check = summary(rehearsal(story), 1.0)["gates"][0]["checks"][0]
    assert (check["samples"], check["observed"]) == (2, {"created": 49})
