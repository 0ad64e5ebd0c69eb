"""Every event in words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from strategies import payloads

from rollout.domain import events as e
from rollout.domain.evidence import Decision, Verdict
from rollout.view.sentences import _SAID, sentence

PLACE: dict[str, Any] = {
    "phase": "pilot",
    "attempt": 1,
    "moment": "exit",
    "gate": "verified",
    "round": 1,
}


def test_every_kind_of_event_has_a_sentence() -> None:
    assert set(_SAID) == set(e.KINDS.values())


@settings(max_examples=300)
@given(payloads)
def test_a_sentence_is_one_printable_line(payload: e.Payload) -> None:
    said = sentence(payload)
    assert said.strip()
    assert said.isprintable() or all(ord(c) >= 32 for c in said)
    assert "\n" not in said


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (
            e.GateDecided(
                **PLACE,
                decision=Decision.NO_GO,
                reasons=["created fail: 47 of 50"],
                evidence_sha256="a",
            ),
            "pilot: gate verified after the steps is no-go: created fail: 47 of 50",
        ),
        (
            e.Measured(
                **{**PLACE, "attempt": 2},
                check="created",
                verdict=Verdict.ERROR,
                reason="no answer",
                observed={},
            ),
            "pilot (attempt 2): created measured error: no answer",
        ),
        (
            e.GateOpened(**{**PLACE, "moment": "every:12h#3", "round": 2}, checks=["a"]),
            "pilot: gate verified in look 3 of every 12h, round 2 opened with 1 check",
        ),
        (
            e.EffectAnswered(
                effect="pilot/1/run/trigger",
                answer="no",
                detail="429",
                retry_at=datetime(2026, 1, 6, 18, tzinfo=UTC),
            ),
            "pilot/1/run/trigger: the answer was no: 429, again from 2026-01-06 18:00:00Z",
        ),
        (
            e.PlanAdopted(
                phase="pilot", attempt=1, by="ann", role="project_lead", reason="a wrong figure",
                before_sha256="a" * 64, plan_sha256="b" * 64, title="T", phases=[], params={},
                changed=["params.rows"], changes=1, gates=["verified"], checks=["created"],
                seen_seq=1, seen_head="h",
            ),
            "pilot: ann (project_lead) adopted a changed plan (plan aaaaaaaaaaaa to bbbbbbbbbbbb, "
            "1 change; asked anew: verified): a wrong figure",
        ),
        (
            e.EffectAnswered(effect="pilot/1/run/trigger", answer="resent", detail="429"),
            "pilot/1/run/trigger: about to be sent again: 429",
        ),
        (
            e.RunObserved(
                sync="sync_a", run_id=7, phase="pilot", attempt=1, ours=False, status="working",
                processed=1200, accepted=None, failed=None, invalid=None,
            ),
            "pilot: somebody else's run 7 of sync_a is working, processed 1,200",
        ),
        (
            e.StepFailed(phase="pilot", attempt=1, step="run", reason="time-out", undo=True),
            "pilot: step run could not be undone: time-out",
        ),
        (
            e.RolledBack(
                phase="pilot", attempt=1, verified=False,
                restored_rows=3, deleted_rows=2, left_rows=1,
            ),
            "pilot: rollback stopped, not proven: restored 3, deleted 2, left 1 rows",
        ),
    ],
)  # fmt: skip
def test_a_sentence_says_what_matters(payload: e.Payload, said: str) -> None:
    assert sentence(payload) == said


def test_escape_sequences_of_foreign_systems_do_not_reach_the_terminal() -> None:
    said = sentence(e.StepFailed(phase="p", attempt=1, step="s", reason="\x1b]0;owned\x07 bad"))
    assert "\x1b" not in said
    assert "\x07" not in said
