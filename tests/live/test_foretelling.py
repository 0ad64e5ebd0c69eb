"""What a decision would become is what it becomes."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders import NAME, START, Story, held_story, store_file
from hypothesis import given
from hypothesis import strategies as st
from signing_desk import SALLY, Desk, signed_plan

from rollout.domain.events import Payload
from rollout.domain.machine import PlanMachine
from rollout.live.clocks import StandingClock
from rollout.live.deciding import Recorded, Refused, Wish, submit
from rollout.live.foretelling import foretell, foretell_signature
from rollout.store.opening import open_store

CLOCK = StandingClock(START)


def told(story: Story, wish: Wish) -> list[Payload] | Refused:
    machine = PlanMachine([p.phase for p in story.plan.phases])
    return foretell(story.plan, machine, story.state(), wish, START)


def wish(name: str, subject: str = "", **given: object) -> Wish:
    said: dict[str, object] = {"by": "proj", "role": "project_lead", "reason": "because"}
    return Wish(name, subject=subject, **{**said, **given})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "asked",
    [
        wish("retry"),
        wish("resume"),
        wish("roll_back"),
        wish("abort"),
        wish("waive", "empty_keys"),
        wish("close_finding", "pilot-1-empty_keys"),
    ],
)
def test_what_was_foretold_is_what_is_recorded(tmp_path: Path, asked: Wish) -> None:
    path = tmp_path / "held.db"
    store_file(path, held_story)
    expected = told(held_story(), asked)
    assert isinstance(expected, list)
    with open_store(path, create=False) as store:
        before = store.log.head(NAME).seq
        done = submit(store, NAME, asked, CLOCK)
        assert isinstance(done, Recorded)
        assert [e.seq for e in done.events] == [before + n for n in range(1, len(expected) + 1)]
    found = [e.payload for e in done.events]
    assert [type(p) for p in found] == [type(p) for p in expected]
    assert found == expected


@given(
    name=st.sampled_from(["proceed", "retry", "sign", "settle", "dance"]),
    by=st.sampled_from(["proj", "sale", "", "nobody"]),
    reason=st.sampled_from(["", " ", "because"]),
)
def test_what_would_be_refused_says_why(name: str, by: str, reason: str) -> None:
    outcome = told(held_story(), wish(name, by=by, reason=reason))
    if isinstance(outcome, Refused):
        assert outcome.reason
    else:
        assert (name, by) == ("retry", "proj")
        assert reason == "because"


def test_a_decision_seen_in_another_log_is_refused_at_the_commit(tmp_path: Path) -> None:
    path = tmp_path / "held.db"
    store_file(path, held_story)
    with open_store(path, create=False) as store:
        head = store.log.head(NAME)
        other = submit(store, NAME, wish("retry", seen=head.seq, seen_head="f" * 64), CLOCK)
        assert isinstance(other, Refused)
        assert "is not in this log" in other.reason
        assert store.log.head(NAME) == head
        same = submit(store, NAME, wish("retry", seen=head.seq, seen_head=head.hash), CLOCK)
        assert isinstance(same, Recorded)


def test_the_two_events_of_a_signature_are_foretold_as_they_are_recorded() -> None:
    desk = Desk()
    ask = desk.ask()
    machine = PlanMachine([p.phase for p in desk.plan.phases])
    expected = foretell_signature(desk.plan, machine, desk.story.state(), ask, desk.at())
    assert isinstance(expected, list)
    said = desk.signed(SALLY, "sally", "sales_ops")
    asked = desk.story.events()[-2].payload
    ours = {"nonce": "", "signature": ""}
    for payload, found in zip(expected, (asked, said), strict=True):
        for name in payload.__struct_fields__:
            if name not in ours:
                foretold = getattr(payload, name)
                assert foretold == getattr(found, name), name


def test_who_has_no_key_that_counts_is_foretold_a_refusal() -> None:
    desk = Desk(signed_plan(roles={"project_lead": [{"person": "lead"}], "sales_ops": [{"person": "sally"}]}))  # fmt: skip
    machine = PlanMachine([p.phase for p in desk.plan.phases])
    said = foretell_signature(desk.plan, machine, desk.story.state(), desk.ask(), desk.at())
    assert isinstance(said, Refused)
    assert "the plan has no key of sally that counts now" in said.reason
