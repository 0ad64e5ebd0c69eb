"""Sign-offs of a live rollout: what counts, and every way in which a signature does not."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from signing_desk import DEPUTY, GATE, LEAD, SALLY, SAM, STRANGER, Desk, signed_plan
from ssh_signatures import ed25519_key

from rollout.adapters.sshsig import signer_of
from rollout.domain import events as e
from rollout.domain.errors import PlanProblems, SignatureRefused
from rollout.domain.evidence import Decision, Verdict
from rollout.domain.sign_off import parse_statement, statement_bytes, statement_of
from rollout.live.deciding import Recorded, Refused, Wish, submit
from rollout.live.request_files import read_signed, ssh_command, write_request
from rollout.live.signing import open_requests, request


def test_a_signature_is_asked_for_verified_and_recorded_with_what_proves_it() -> None:
    desk = Desk()
    before = desk.store.log.head(desk.plan.plan)
    signed = desk.signed(SALLY, "sally", "sales_ops")
    assert desk.kinds()[-2:] == ["sign_off_requested", "signed_off"]
    assert (signed.seen_seq, signed.seen_head) == (before.seq, before.hash)
    assert (signed.fingerprint, signed.rehearsed) == (SALLY.fingerprint, False)
    assert signed.plan_sha256 == desk.plan.sha256()
    said = statement_of(desk.plan.plan, signed)
    assert signed.signature is not None
    assert signer_of(signed.signature, statement_bytes(said)) == SALLY.fingerprint
    assert desk.story.state().requests[signed.nonce].signed_seq == desk.story.state().seq


def test_who_holds_no_key_cannot_sign_and_no_field_can_be_changed_afterwards() -> None:
    desk = Desk()
    signed = desk.signed(SALLY, "sally", "sales_ops")
    for field in msgspec.structs.fields(e.SignedOff):
        if field.name in {"signature", "fingerprint", "rehearsed"}:
            continue
        value = getattr(signed, field.name)
        other = {bool: not value, int: 99}.get(type(value), f"{value}x")
        changed = msgspec.structs.replace(signed, **{field.name: other})
        with pytest.raises(SignatureRefused, match="does not fit"):
            signer_of(str(signed.signature), statement_bytes(statement_of(desk.plan.plan, changed)))


def test_a_stakeholder_signs_a_file_without_the_store_and_the_signature_is_taken_in(
    tmp_path: Path,
) -> None:
    desk = Desk()
    asked = desk.asked()
    write_request(asked, tmp_path / "pilot.json")
    on_their_laptop = (tmp_path / "pilot.json").read_bytes()
    assert parse_statement(on_their_laptop).by == "sally"
    (tmp_path / "pilot.json.sig").write_text(SALLY.sign(on_their_laptop))
    desk.clock.pass_(hours=20)
    said = desk.take_in(
        read_signed(tmp_path / "pilot.json"), read_signed(tmp_path / "pilot.json.sig").decode()
    )
    assert isinstance(said, Recorded)
    assert said.events[0].actor == "sally"


def test_the_same_question_is_asked_once() -> None:
    desk = Desk()
    first, again = desk.asked(), desk.asked()
    assert (first.seq, first.message) == (again.seq, again.message)
    assert desk.asked(reason="another reason").seq > first.seq
    assert len(open_requests(desk.story.state(), desk.clock.now())) == 2
    desk.clock.pass_(hours=72)
    assert open_requests(desk.story.state(), desk.clock.now()) == []


def test_the_same_question_of_the_same_look_is_asked_once_and_of_another_log_never() -> None:
    desk = Desk()
    seen, head = desk.story.state().seq, desk.story.state().head
    first = desk.asked(seen=seen, seen_head=head)
    assert desk.asked(seen=seen).seq == first.seq
    assert desk.asked(seen=first.seq).seq > first.seq
    said = request(desk.store, None, desk.ask(seen=seen, seen_head="f" * 64), desk.clock)
    assert isinstance(said, Refused)
    assert "is not in this log" in said.reason


def test_a_signature_survives_mail_that_changes_line_ends() -> None:
    desk = Desk()
    asked = desk.asked()
    mailed = "\r\n\r\n" + SALLY.sign(asked.message).replace("\n", "\r\n") + "\r\n"
    assert isinstance(desk.take_in(asked.message, mailed), Recorded)


def test_everybody_who_must_has_signed_then_the_phase_passes() -> None:
    desk = Desk()
    desk.signed(LEAD, "lead", "project_lead")
    desk.signed(SALLY, "sally", "sales_ops")
    assert [s.by for s in desk.story.state().signatures] == ["lead", "sally"]


# what was signed is something else ------------------------------------------------


def changed(message: bytes, **fields: Any) -> bytes:
    said = parse_statement(message)
    return statement_bytes(msgspec.structs.replace(said, **fields))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"rollout": "another"}, "for the rollout 'another', and here it would be 'two-phases'"),
        ({"phase": "full"}, "for the phase 'full', and here it would be 'pilot'"),
        ({"attempt": 2}, "for the attempt 2, and here it would be 1"),
        ({"gate": "all_done"}, "no decided exit gate 'all_done' to sign; name one of verified"),
        ({"plan_sha256": "0" * 64}, "over another plan (000000000000)"),
        ({"evidence_sha256": "0" * 64}, "over another evidence (000000000000)"),
        ({"roster_sha256": "0" * 64}, "over another roster (000000000000)"),
        ({"nonce": "0" * 32}, "this log has no request with its nonce"),
        ({"log_head": "0" * 64}, "differs from what was asked as #12 in log_head"),
        ({"log_seq": 3}, "differs from what was asked as #12 in log_seq"),
        ({"expires": "2030-01-01T00:00:00Z"}, "differs from what was asked as #12 in expires"),
        ({"decision": "reject"}, "differs from what was asked as #12 in decision"),
        ({"reason": "because"}, "differs from what was asked as #12 in reason"),
        ({"role": "project_lead"}, "'sally' does not hold the role 'project_lead'"),
        ({"role": "pope"}, "the plan has no role 'pope'"),
        ({"role": "data_engineering", "by": "dan"}, "needs project_lead, sales_ops, not data"),
        ({"by": "sam"}, "differs from what was asked as #12 in by"),
        ({"by": "nobody"}, "'nobody' does not hold the role 'sales_ops'"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_good_signature_over_another_statement_is_refused(
    fields: dict[str, Any], reason: str
) -> None:
    desk = Desk()
    message = changed(desk.asked().message, **fields)
    assert reason in desk.refusal(message, SALLY.sign(message))


def test_a_signature_counts_once() -> None:
    desk = Desk()
    asked = desk.asked()
    armored = SALLY.sign(asked.message)
    assert isinstance(desk.take_in(asked.message, armored), Recorded)
    assert "was used already, as #13" in desk.refusal(asked.message, armored)


def test_a_signature_of_an_earlier_attempt_does_not_count_in_the_next_one() -> None:
    desk = Desk()
    asked = desk.asked()
    desk.story.stage("pilot", "hold", "sign_off", "held").say("retry", "pilot", by="lead")
    desk.story.stage("pilot", "retry", "held", "pending", attempt=2)
    assert "for the attempt 1, and here it would be 2" in desk.refusal(
        asked.message, SALLY.sign(asked.message)
    )


def test_a_request_from_before_a_hold_is_asked_anew() -> None:
    desk = Desk()
    asked = desk.asked()
    desk.story.stage("pilot", "hold", "sign_off", "held").say("resume", "pilot", by="lead")
    desk.story.stage("pilot", "resume_sign_off", "held", "sign_off")
    assert "before the phase came to its sign-off again" in desk.refusal(
        asked.message, SALLY.sign(asked.message)
    )
    assert desk.asked().seq > asked.seq


def test_who_is_late_is_asked_anew_once_the_phase_is_resumed() -> None:
    desk = Desk()
    late = desk.asked()
    desk.story.wait(hours=72).stage("pilot", "sign_off_refused", "sign_off", "held")
    desk.story.say("resume", "pilot", by="lead")
    desk.story.stage("pilot", "resume_sign_off", "held", "sign_off")
    desk.clock.at = desk.story.now + timedelta(hours=1)
    desk.refusal(late.message, SALLY.sign(late.message))
    desk.signed(SALLY, "sally", "sales_ops")


def test_nothing_is_signed_while_the_phase_does_not_ask() -> None:
    desk = Desk()
    asked = desk.asked()
    desk.story.stage("pilot", "hold", "sign_off", "held")
    reason = "cannot sign while pilot is held"
    assert reason in desk.refusal(asked.message, SALLY.sign(asked.message))
    said = request(desk.store, None, desk.ask(), desk.clock)
    assert isinstance(said, Refused)
    assert reason in said.reason


def again_decided(desk: Desk, **given: Any) -> None:
    desk.story.gate("pilot", "exit", GATE, {"created": Verdict.PASS}, Decision.GO, **given)


def test_new_evidence_voids_what_was_signed_and_the_same_keeps_it() -> None:
    desk = Desk()
    asked = desk.asked("lead", "project_lead")
    desk.signed(SALLY, "sally", "sales_ops")
    again_decided(desk)  # the same evidence
    assert "sally has signed already" in desk.not_signed(SALLY, "sally", "sales_ops")
    again_decided(desk, round=2)
    assert "over another evidence" in desk.refusal(asked.message, LEAD.sign(asked.message))
    desk.signed(SALLY, "sally", "sales_ops")


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (b"", "cannot be read"),
        (b"{}", "missing required field `format`"),
        (b"x" * 20_000, "longer than 16,384 bytes"),
    ],
)
def test_a_request_that_is_none_is_refused(message: bytes, reason: str) -> None:
    assert reason in Desk().refusal(message, SALLY.sign(message))


def test_a_request_that_an_editor_saved_again_is_refused() -> None:
    desk = Desk()
    message = desk.asked().message + b"\n"
    assert "its bytes were changed" in desk.refusal(message, SALLY.sign(message))


# who signed is somebody else ------------------------------------------------------


def test_a_strangers_and_a_colleagues_key_are_refused() -> None:
    desk = Desk()
    assert f"the key {STRANGER.fingerprint} is nobody's in this plan" in desk.not_signed(
        STRANGER, "sally", "sales_ops"
    )
    assert f"the key {SAM.fingerprint} belongs to sam, it is not one of sally's" in (
        desk.not_signed(SAM, "sally", "sales_ops")
    )


def with_keys(*keys: dict[str, Any]) -> Desk:
    roles = {
        "project_lead": [{"person": "lead", "key": LEAD.line}],
        "sales_ops": [{"person": "sally", "keys": list(keys)}],
    }
    return Desk(signed_plan(roles=roles))


def test_a_revoked_and_an_expired_key_are_refused_and_a_second_one_counts() -> None:
    lost, old, good = ed25519_key(11), ed25519_key(12), ed25519_key(13)
    desk = with_keys(
        {"key": lost.line, "revoked": True, "reason": "laptop stolen"},
        {"key": old.line, "valid_until": "2026-01-05T17:30:00Z"},
        {"key": good.line, "valid_until": "2027-01-01T00:00:00+01:00"},
    )
    assert "of sally was revoked: laptop stolen" in desk.not_signed(lost, "sally", "sales_ops")
    assert "of sally was valid until 2026-01-05T17:30:00Z" in (
        desk.not_signed(old, "sally", "sales_ops")
    )
    assert desk.asked().fingerprints == (good.fingerprint,)
    desk.signed(good, "sally", "sales_ops")


def test_one_person_with_two_keys_is_one_person() -> None:
    first, second = ed25519_key(11), ed25519_key(12)
    desk = with_keys({"key": first.line}, {"key": second.line})
    desk.signed(first, "sally", "sales_ops")
    assert "sally has signed already" in desk.not_signed(second, "sally", "sales_ops")


def test_one_person_signs_one_role_only() -> None:
    desk = Desk()
    desk.signed(LEAD, "lead", "project_lead")
    assert "lead has signed already; a second role needs a second person" in (
        desk.not_signed(LEAD, "lead", "sales_ops")
    )


def test_a_role_is_signed_once() -> None:
    desk = Desk()
    desk.signed(SAM, "sam", "sales_ops")
    assert "sales_ops has signed already" in desk.not_signed(SALLY, "sally", "sales_ops")


# four eyes -------------------------------------------------------------------------


def test_whoever_decided_or_waived_signs_as_the_lead_only() -> None:
    desk = Desk()
    assert "lead said proceed in this attempt (#4): whoever decides signs as project_lead only" in (
        desk.not_signed(LEAD, "lead", "sales_ops")
    )
    desk.story.say("waive", "pilot", by="sally", role="sales_ops", subject="created")
    assert "sally said waive in this attempt" in desk.not_signed(SALLY, "sally", "sales_ops")
    desk.signed(SAM, "sam", "sales_ops")


def test_who_waives_after_signing_takes_the_signature_back() -> None:
    desk = Desk()
    desk.signed(SALLY, "sally", "sales_ops")
    desk.story.say("waive", "pilot", by="sally", role="sales_ops", subject="created")
    desk.signed(SAM, "sam", "sales_ops")


def sign_off(desk_plan: dict[str, Any], **rule: Any) -> Desk:
    plan = signed_plan()
    phases = [
        p.model_copy(update={"sign_off": p.sign_off and p.sign_off.model_copy(update=rule)})
        for p in plan.phases
    ]
    return Desk(plan.model_copy(update={"phases": phases, **desk_plan}))


def test_one_signature_is_by_somebody_who_neither_decided_nor_wrote_the_plan() -> None:
    desk = sign_off({"author": "sally"})
    desk.signed(LEAD, "lead", "project_lead")
    assert (
        "only lead and sally would have signed, who decided in this attempt or wrote the plan"
        in (desk.not_signed(SALLY, "sally", "sales_ops"))
    )
    desk.signed(SAM, "sam", "sales_ops")


def test_a_lead_alone_needs_another_lead() -> None:
    desk = sign_off({}, roles=["project_lead"])
    assert "only lead would have signed" in desk.not_signed(LEAD, "lead", "project_lead")
    desk.signed(DEPUTY, "deputy", "project_lead")


def test_without_four_eyes_the_lead_may_sign_alone() -> None:
    desk = sign_off({}, roles=["project_lead"], four_eyes=False)
    desk.signed(LEAD, "lead", "project_lead")


def test_whoever_decided_may_still_refuse() -> None:
    desk = Desk()
    assert not desk.signed(LEAD, "lead", "sales_ops", approve=False).approve


# when -------------------------------------------------------------------------------


def test_a_request_expires_by_the_logs_time_and_no_clock_brings_it_back() -> None:
    desk = Desk()
    asked = desk.asked()
    desk.clock.pass_(hours=72)
    armored = SALLY.sign(asked.message)
    late = desk.refusal(asked.message, armored)
    assert "the request expired at 2026-01-08T17:00:00Z" in late
    assert "once it is resumed, ask for a signature anew" in late
    desk.story.wait(hours=80).say("waive", "pilot", by="lead", subject="created")
    desk.clock.pass_(hours=-72)  # somebody sets the clock back
    assert "set the clock right, then sign" in desk.refusal(asked.message, armored)
    desk.clock.at = desk.story.now - timedelta(seconds=30)  # two machines' clocks
    assert "the request expired" in desk.refusal(asked.message, armored)


def test_a_sandbox_whose_clock_was_read_a_moment_ago_may_sign() -> None:
    desk = Desk(profile="sandbox")
    desk.clock.at = desk.story.now - timedelta(minutes=5)
    desk.signed(SALLY, "sally", "sales_ops")


# unsigned ----------------------------------------------------------------------------


def unsigned(desk: Desk, by: str = "sally", role: str = "sales_ops") -> Recorded | Refused:
    return submit(desk.store, None, Wish("sign", by, role, "it is right", GATE), desk.clock)


def test_in_production_a_word_is_no_signature() -> None:
    said = unsigned(Desk())
    assert isinstance(said, Refused)
    assert "in prod sally's sign-off needs a signature" in said.reason


def test_in_a_sandbox_only_who_has_no_key_may_sign_by_their_word() -> None:
    assert isinstance(unsigned(Desk(profile="sandbox")), Refused)
    keyless = signed_plan(roles={r: [{"person": r[:4]}] for r in ("project_lead", "sales_ops")})
    assert isinstance(unsigned(Desk(keyless, "sandbox"), "sale"), Recorded)
    assert isinstance(unsigned(Desk(keyless), "sale"), Refused)


def test_a_rehearsed_word_counts_in_a_rehearsal_and_nowhere_else() -> None:
    assert isinstance(unsigned(Desk(profile="rehearsal")), Recorded)


# files ------------------------------------------------------------------------------


def test_a_request_file_holds_the_bytes_to_sign_and_never_replaces_another(tmp_path: Path) -> None:
    desk = Desk()
    path = tmp_path / "request.json"
    write_request(desk.asked(), path)
    write_request(desk.asked(), path)  # the same again
    assert path.read_bytes() == desk.asked().message
    with pytest.raises(PlanProblems, match="is there already and asks something else"):
        write_request(desk.asked("sam"), path)
    with pytest.raises(PlanProblems, match="cannot be written"):
        write_request(desk.asked(), tmp_path / "no" / "where")


def test_a_file_that_is_not_there_or_far_too_large_is_named(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"x" * 20_000)
    with pytest.raises(PlanProblems, match="larger than 16,384 bytes"):
        read_signed(tmp_path / "large")
    with pytest.raises(PlanProblems, match="cannot be read: No such file"):
        read_signed(tmp_path / "none")


@pytest.mark.parametrize("reason", ["a\nb", "a\u202eb", "a\u200bb", "x" * 2001])
def test_a_reason_that_does_not_show_what_it_says_is_not_signed(reason: str) -> None:
    said = request(*(lambda d: (d.store, None, d.ask(reason=reason), d.clock))(Desk()))
    assert isinstance(said, Refused)
    assert "reason" in said.reason


def test_the_line_for_the_signer_can_be_pasted() -> None:
    assert ssh_command("my request.json") == (
        "ssh-keygen -Y sign -n rollout-signoff@v1 -f ~/.ssh/id_ed25519 'my request.json'"
    )
