"""Signatures in a report: who signed with which key, what does not count and why, who is waited for."""

from __future__ import annotations

import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from page_parts import page_of
from signing_desk import GATE, LEAD, SALLY, SAM, Desk, signed_plan

from rollout.adapters.sshsig import signer_of
from rollout.reports.gate_report import gate_report
from rollout.reports.markdown import gate_markdown
from rollout.reports.page import gate_page


def report_of(desk: Desk, state: Any = None, **options: Any) -> dict[str, Any]:
    found = state if state is not None else desk.story.state()
    gate = next(g for g in found.gates if g.gate == GATE)
    return gate_report(
        found, desk.plan, desk.store.evidence, gate, **{"signer_of": signer_of, **options}
    )


def words(report: dict[str, Any]) -> str:
    return page_of(gate_page(report)).words


def test_a_key_that_signed_is_named_and_verified() -> None:
    desk = Desk()
    desk.signed(SALLY, "sally", "sales_ops")
    report = report_of(desk)
    [given] = report["sign_off"]["given"]
    assert (given["counts"], given["fingerprint"]) == (True, SALLY.fingerprint)
    said = words(report)
    assert "✓ SIGNED sales ops : sally," in said
    assert f"With the key {SALLY.fingerprint}, verified." in said
    assert "◇ WAITS project lead has not signed: lead or deputy" in said
    assert f"key {SALLY.fingerprint}, verified" in gate_markdown(report).replace("\\", "")


def test_whoever_is_waited_for_is_told_how_and_until_when() -> None:
    desk = Desk()
    report = report_of(desk)
    assert report["sign_off"]["missing"] == ["project_lead", "sales_ops"]
    said = words(report)
    assert "Until Thu 8 Jan 2026, 17:00 UTC ; after that the request expires" in said
    assert (
        'rollout sign verified --approve --by NAME --role sales_ops --reason "…" '
        "or without the store" in said
    )
    assert "--request request.json" in said
    assert "until 2026-01-08T17:00:00Z" in gate_markdown(report)


def test_nobody_is_told_how_to_sign_what_is_not_asked() -> None:
    desk = Desk()
    desk.story.stage("pilot", "signed", "sign_off", "passed")
    report = report_of(desk)
    assert (report["sign_off"]["commands"], report["sign_off"]["by"]) == ([], None)
    assert "How to sign" not in words(report)


def test_an_open_request_is_shown_until_it_is_signed() -> None:
    desk = Desk()
    asked = desk.asked("sam")
    assert "sam (sales ops) was asked for a signature that counts until" in words(report_of(desk))
    desk.take_in(asked.message, SAM.sign(asked.message))
    assert "was asked for a signature" not in words(report_of(desk))


def test_a_changed_field_makes_a_signature_void() -> None:
    desk = Desk()
    desk.signed(SALLY, "sally", "sales_ops")
    state = desk.story.state()
    state.signatures[0].reason = "another reason"
    report = report_of(desk, state)
    assert report["sign_off"]["missing"] == ["project_lead", "sales_ops"]
    assert report["sign_off"]["given"][0]["proof"] is None
    assert "? VOID sales ops" in words(report)
    assert "Does not count: is forged:" in words(report)


def test_where_nobody_can_verify_nothing_counts() -> None:
    desk = Desk()
    desk.signed(SALLY, "sally", "sales_ops")
    state = desk.story.state()
    gate = next(g for g in state.gates if g.gate == GATE)
    report = gate_report(state, desk.plan, desk.store.evidence, gate)
    assert report["sign_off"]["given"][0]["counts"] is False


def test_a_word_without_a_signature_does_not_count_in_production() -> None:
    desk = Desk()
    desk.story.sign("pilot", GATE, "sales_ops")
    assert "carries no signature" in words(report_of(desk))
    assert "sales_ops" in report_of(desk)["sign_off"]["missing"]


def test_a_signer_who_decided_since_no_longer_stands() -> None:
    desk = Desk()
    desk.signed(SALLY, "sally", "sales_ops")
    desk.story.say("resume", "pilot", by="sally")
    report = report_of(desk)
    assert "its signer decided in this attempt since" in words(report)
    assert "sales_ops" in report["sign_off"]["missing"]


def test_other_evidence_makes_every_signature_void() -> None:
    desk = Desk()
    desk.signed(SALLY, "sally", "sales_ops")
    state = desk.story.state()
    next(g for g in state.gates if g.gate == GATE).evidence_sha256 = "0" * 64
    assert "Does not count: was given for other evidence." in words(report_of(desk, state))


def test_a_signature_by_a_key_of_nobody_is_void_for_the_plan_that_forgot_it() -> None:
    desk = Desk()
    desk.signed(SALLY, "sally", "sales_ops")
    other = signed_plan(roles={"project_lead": [{"person": "lead", "key": LEAD.line}]})
    state = desk.story.state()
    gate = next(g for g in state.gates if g.gate == GATE)
    report = gate_report(state, other, desk.store.evidence, gate, signer_of=signer_of)
    assert "another roster than the plan's" in words(report)


@pytest.mark.parametrize(
    "reason", ["it is right", "'; touch ran; echo '", 'a "b" $(touch ran) `c`']
)
def test_anybody_can_verify_with_ssh_keygen_what_the_page_says(reason: str, tmp_path: Path) -> None:
    desk = Desk()
    desk.signed(SALLY, "sally", "sales_ops", reason=reason)
    [given] = report_of(desk)["sign_off"]["given"]
    script = given["proof"]["commands"]
    assert " ".join(script.split()) in words(report_of(desk))
    done = subprocess.run(
        ["bash", "-eu", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert 'Good "rollout-signoff@v1" signature for signer with ED25519 key' in done.stdout
    assert (tmp_path / "statement.json").read_text("utf-8") == given["proof"]["statement"]
    assert msgspec.json.decode(given["proof"]["statement"])["reason"] == reason
    assert not (tmp_path / "ran").exists()


def test_a_passed_phase_keeps_its_signatures() -> None:
    desk = Desk()
    desk.signed(SALLY, "sally", "sales_ops")
    desk.clock.at += timedelta(hours=1)
    desk.signed(LEAD, "lead", "project_lead")
    desk.story.stage("pilot", "signed", "sign_off", "passed")
    report = report_of(desk)
    assert report["sign_off"]["missing"] == []
    assert [g["counts"] for g in report["sign_off"]["given"]] == [True, True]


def _documents(report: dict[str, Any]) -> tuple[str, str]:
    return words(report), gate_markdown(report).replace("\\", "")


def test_only_who_may_still_sign_is_named_in_every_form() -> None:
    desk = Desk()  # in which the lead said proceed
    report = report_of(desk)
    assert report["sign_off"]["people"] == {
        "project_lead": ["lead", "deputy"],
        "sales_ops": ["sally", "sam"],
    }
    page, text = _documents(report)
    assert "sales ops has not signed: sally or sam" in page
    assert "sally or sam or lead" not in page + text
    assert "sales_ops (sally or sam)" in text
    assert desk.not_signed(LEAD, "lead", "sales_ops").startswith("lead said proceed")


def test_who_signed_as_something_else_or_has_no_key_is_not_named_either() -> None:
    roles = {
        "project_lead": [{"person": "sam", "key": SAM.line}, {"person": "dan"}],
        "sales_ops": [{"person": "sally", "key": SALLY.line}, {"person": "sam", "key": SAM.line}],
    }
    desk = Desk(plan=signed_plan(roles=roles))
    assert report_of(desk)["sign_off"]["people"]["project_lead"] == ["sam"]
    desk.signed(SAM, "sam", "sales_ops")
    report = report_of(desk)
    assert report["sign_off"]["missing"] == ["project_lead"]
    assert report["sign_off"]["people"]["project_lead"] == []
    page, text = _documents(report)
    assert "project lead has not signed, and nobody of the plan can now" in page
    assert "project_lead (nobody of the plan can now)" in text


def test_the_command_names_the_one_who_is_left() -> None:
    desk = Desk()
    desk.story.say("resume", "pilot", by="sally")
    [_, sales] = report_of(desk)["sign_off"]["commands"]
    assert "--by sam --role sales_ops" in sales["here"]
