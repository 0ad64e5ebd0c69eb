"""`rollout verify` holds every recorded signature against the plan in force, the log and its own fields."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from signing_desk import SALLY, SAM, Desk, signed_plan
from ssh_signatures import Key

from rollout.adapters.sshsig import signer_of
from rollout.domain import events as e
from rollout.store.verification import Verification, verify_store


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(where=str(tmp_path / "signed.db"))


def verified(desk: Desk) -> Verification:
    return verify_store(desk.where, signer_of=signer_of)


def append(desk: Desk, payload: e.Payload) -> None:
    """As somebody could who writes to the store with this very program's code."""
    name = desk.plan.plan
    desk.store.log.append(name, desk.store.log.head(name).seq, desk.at(), "sally", [payload])


def test_a_good_signature_verifies(desk: Desk) -> None:
    desk.signed(SALLY, "sally", "sales_ops")
    assert verified(desk).ok


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"by": "sam"}, "is not what this log asked for"),
        ({"reason": "I was told to"}, "is not what this log asked for"),
        ({"approve": False}, "is not what this log asked for"),
        ({"signature": None}, "carries no signature, and sally must sign with a key"),
        ({}, "was used before"),
    ],
    ids=["person", "reason", "decision", "no signature", "twice"],
)
def test_a_sign_off_that_was_written_by_hand_is_damage(
    desk: Desk, fields: dict[str, Any], reason: str
) -> None:
    signed = desk.signed(SALLY, "sally", "sales_ops")
    append(desk, msgspec.structs.replace(signed, **fields))
    (problem,) = verified(desk).problems
    assert reason in str(problem)
    assert problem.seq == 14


@pytest.mark.parametrize(
    ("named", "reason"),
    [(SAM, "belongs to sam, it is not one of sally's"), (SALLY, "and was made with")],
)
def test_a_signature_by_another_key_is_damage_even_when_it_was_asked_for(
    desk: Desk, named: Key, reason: str
) -> None:
    asked = desk.asked()
    said = asked.statement
    forged = e.SignedOff(
        phase="pilot",
        attempt=1,
        gate=said.gate,
        by="sally",
        role="sales_ops",
        approve=True,
        reason=said.reason,
        plan_sha256=said.plan_sha256,
        evidence_sha256=said.evidence_sha256,
        seen_seq=said.log_seq,
        seen_head=said.log_head,
        signature=SAM.sign(asked.message),
        fingerprint=named.fingerprint,
        roster_sha256=said.roster_sha256,
        nonce=said.nonce,
        expires=said.expires,
    )
    append(desk, forged)
    (problem,) = verified(desk).problems
    assert reason in str(problem)


def test_words_of_a_plan_without_keys_are_no_damage(tmp_path: Path) -> None:
    keyless = signed_plan(roles={r: [{"person": r[:4]}] for r in ("project_lead", "sales_ops")})
    desk = Desk(keyless, "sandbox", where=str(tmp_path / "words.db"))
    desk.story.sign("pilot", "verified", "sales_ops")
    assert verified(desk).ok


def test_the_command_ends_with_5_when_a_signature_is_forged(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    from rollout.cli.front import run

    signed = desk.signed(SALLY, "sally", "sales_ops")
    assert run(["verify", "--state", desk.where]) == 0
    append(desk, msgspec.structs.replace(signed, reason="other"))
    assert run(["verify", "--state", desk.where]) == 5
    assert "the sign-off of sally (sales_ops) is not what this log asked for" in (
        capsys.readouterr().out
    )
