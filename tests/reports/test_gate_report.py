"""A gate report: what is in it, in which order, and that it never says more than the store."""

from __future__ import annotations

from typing import Any

import pytest
from builders import (
    FAIL,
    PASS,
    START,
    Found,
    Story,
    completed_story,
    held_story,
    make_plan,
    observed,
    undone_story,
)

from rollout.domain.errors import LogDamaged
from rollout.domain.events import Attested, RolledBack
from rollout.domain.evidence import Decision, Verdict
from rollout.reports.gate_report import FORMAT, gate_report
from rollout.store.memory import MemoryEvidenceStore


def report_of(story: Story, position: int = -1, **options: Any) -> dict[str, Any]:
    state = story.state()
    return gate_report(state, story.plan, story.evidence, state.gates[position], **options)


def check_of(report: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(c for c in report["checks"] if c["id"] == name)
    return found


def test_the_first_things_are_question_decision_what_blocks_and_who_signs() -> None:
    report = report_of(held_story())
    assert list(report)[:6] == [
        "format", "question", "title", "decision", "blocking", "sign_off",
    ]  # fmt: skip
    assert report["format"] == FORMAT
    assert report["question"] == "May “The pilot” begin?"
    assert report["decision"] == "no_go"
    assert report["blocking"] == [
        "empty_keys fail: empty_keys reason",
        "drift fail: drift reason",
    ]
    assert report["sign_off"]["roles"] == []
    assert report["sign_off"]["proceed"] == "project_lead"


def test_a_check_says_observed_required_margin_samples_and_evidence() -> None:
    check = check_of(report_of(held_story()), "empty_keys")
    assert (check["verdict"], check["required"]) == ("fail", "= 0")
    assert check["rulings"] == [
        {
            "metric": "rows",
            "metric_in_words": "rows",
            "observed": 3,
            "observed_in_words": "3",
            "condition": "= 0",
            "condition_in_words": "exactly 0",
            "refuses": False,
            "met": False,
            "fine": False,
            "margin": -3.0,
            "margin_in_words": "-3",
        }
    ]
    assert check["samples"]["taken"] == check["samples"]["failed"] == 1
    assert check["query"] == "SELECT 1"
    assert check["source"] == "warehouse"
    assert check["as_of"] == "2026-01-05T16:00:00Z"
    assert len(check["evidence"]) == 64
    assert check["if_it_fails"] == "Stop and look."


def test_keys_of_sample_rows_are_hashed_unless_asked_otherwise() -> None:
    row = check_of(report_of(held_story()), "empty_keys")["sample_rows"][0]
    assert row == {"property_key": "85337816d263", "company": "Acme", "n": 3}
    shown = check_of(report_of(held_story(), show_keys=True), "empty_keys")["sample_rows"][0]
    assert shown["property_key"] == "a1b2"
    assert report_of(held_story())["keys_hashed"] is True


def test_a_plan_may_say_that_a_checks_keys_are_shown() -> None:
    plan = make_plan()
    checks = [
        check.model_copy(update={"show_keys": check.check == "empty_keys"})
        for check in plan.gates["ready"].checks
    ]
    gate = plan.gates["ready"].model_copy(update={"checks": checks})
    shown = plan.model_copy(update={"gates": {**plan.gates, "ready": gate}})
    report = report_of(held_story(Story(plan=shown)))
    check = check_of(report, "empty_keys")
    assert check["sample_rows"][0]["property_key"] == "a1b2"
    assert (check["keys_hashed"], report["keys_hashed"]) == (False, False)
    assert check_of(report, "told")["keys_hashed"] is True


def test_no_key_is_anywhere_in_the_report() -> None:
    assert "a1b2" not in repr(report_of(held_story()))


def test_an_error_has_no_observation_and_says_so() -> None:
    story = Story().begin().stage("pilot", "open_entry", "pending", "entry_gate")
    found = {"empty_keys": (Verdict.ERROR, observed(rows=0))}
    story.gate("pilot", "entry", "ready", found, Decision.INCONCLUSIVE)
    check = check_of(report_of(story), "empty_keys")
    assert (check["source"], check["query"], check["sample_rows"]) == ("", "", [])
    assert check["required"] == "= 0"
    assert check["verdict"] == "error"


def test_signatures_count_only_for_the_evidence_they_saw() -> None:
    story = completed_story()
    report = report_of(story, 1)
    assert report["question"] == "Is “The pilot” done, and may “Everything” follow?"
    assert report["sign_off"]["missing"] == []
    assert [s["by"] for s in report["sign_off"]["given"]] == ["proj", "sale"]
    state = story.state()
    state.gates[1].evidence_sha256 = "0" * 64
    changed = gate_report(state, story.plan, story.evidence, state.gates[1])
    assert changed["sign_off"]["missing"] == ["project_lead", "sales_ops"]


def test_a_refusal_is_not_a_signature() -> None:
    story = Story().begin().stage("pilot", "open_entry", "pending", "exit_gate")
    story.gate("pilot", "exit", "verified", {"created": PASS}, Decision.GO)
    story.stage("pilot", "ask_sign_off", "exit_gate", "sign_off")
    story.sign("pilot", "verified", "sales_ops", approve=False)
    assert "sales_ops" in report_of(story)["sign_off"]["missing"]


def test_a_waiver_is_in_the_report_of_the_round_it_counted_for() -> None:
    story = held_story().say("waive", "pilot", subject="empty_keys", reason="known")
    assert report_of(story)["waivers"] == []
    story.stage("pilot", "resume_entry_gate", "held", "entry_gate")
    found: dict[str, Found] = {"empty_keys": (FAIL, observed(rows=3)), "told": PASS, "drift": PASS}
    story.gate("pilot", "entry", "ready", found, Decision.GO, round=2)
    report = report_of(story)
    assert [w["subject"] for w in report["waivers"]] == ["empty_keys"]
    assert check_of(report, "empty_keys")["waived_by"] == "proj (project_lead): known"
    assert report["blocking"] == []


def test_findings_confirmations_and_decisions_of_the_attempt_are_listed() -> None:
    story = held_story()
    story.add(
        Attested(
            phase="pilot", attempt=1, check="told", by="proj", role="project_lead",
            answer=True, note="all were told",
        )
    )  # fmt: skip
    story.say("hold", "pilot").say("hold", "full")
    report = report_of(story)
    assert [f["id"] for f in report["findings"]] == ["pilot-1-empty_keys"]
    assert [c["note"] for c in report["confirmations"]] == ["all were told"]
    assert [d["decision"] for d in report["decisions"]] == ["hold"]


def test_the_report_says_where_in_the_log_it_stands() -> None:
    story = held_story()
    report = report_of(story)
    head = story.log.head(story.plan.plan)
    assert (report["verify"]["log_seq"], report["verify"]["log_head"]) == (head.seq, head.hash)
    decided = story.state().gates[-1]
    assert report["verify"]["decided_seq"] == decided.decided_seq
    assert report["verify"]["evidence_sha256"] == decided.evidence_sha256


@pytest.mark.parametrize(
    ("moment", "question"),
    [
        ("step:look", "May “The pilot” go on after “look”?"),
        ("after:4h", "Is “The pilot” still clean?"),
        ("rollback", "Is the target back at its baseline?"),
        ("soak", "Was “The pilot” really watched?"),
    ],
)
def test_every_moment_has_its_question(moment: str, question: str) -> None:
    story = Story().begin().stage("pilot", "open_entry", "pending", "running")
    story.gate("pilot", moment, "verified", {"created": PASS}, Decision.GO)
    assert report_of(story)["question"] == question


def test_the_last_phase_closes_the_rollout() -> None:
    assert report_of(completed_story())["question"].endswith("and with it the rollout?")


def test_a_gate_the_plan_does_not_know_is_reported_by_its_name() -> None:
    story = Story().begin().stage("pilot", "open_entry", "pending", "running")
    story.gate("pilot", "soak", "soak_coverage", {"soak_coverage": PASS}, Decision.GO)
    report = report_of(story)
    assert report["title"] == "soak coverage"
    assert check_of(report, "soak_coverage")["required"] == "= 0"


def test_a_gate_that_is_still_open_has_no_decision() -> None:
    story = Story().begin().stage("pilot", "open_entry", "pending", "entry_gate")
    story.gate("pilot", "entry", "ready", {"empty_keys": PASS}, None)
    report = report_of(story)
    assert (report["decision"], report["decided_at"]) == (None, None)
    assert report["verify"]["decided_seq"] is None


def test_missing_evidence_is_an_error_and_not_an_empty_report() -> None:
    story = held_story()
    story.evidence = MemoryEvidenceStore()
    with pytest.raises(LogDamaged, match="empty_keys"):
        report_of(story)


def test_the_same_store_gives_the_same_report() -> None:
    assert report_of(held_story()) == report_of(held_story())
    assert START.isoformat() not in repr(report_of(held_story()))


def test_a_rolled_back_phase_still_reports_its_gates() -> None:
    story = held_story().add(
        RolledBack(
            phase="pilot", attempt=1, verified=True, restored_rows=1, deleted_rows=0, left_rows=0
        )
    )
    assert report_of(story)["decision"] == "no_go"


def test_a_gate_of_a_phase_that_was_undone_says_so() -> None:
    said = report_of(undone_story())["standing"]
    assert said == "The phase passed, and what it did was undone since, by a rollback."
    assert report_of(undone_story(scope="full"))["standing"] == "The phase is passed."
