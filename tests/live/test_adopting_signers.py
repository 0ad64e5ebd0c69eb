"""A changed plan under which nobody could sign: refused where its keys can be added, told where not."""

from __future__ import annotations

from typing import Any

import pytest
from adoptions import rest_of
from signing_desk import SALLY, Desk, signed_plan

from rollout.domain.adopting import ADOPT, Proposal
from rollout.domain.events import PhaseOutline
from rollout.domain.plan import Plan
from rollout.live.adopting import Comparison, adopt_plan, compare
from rollout.live.deciding import Recorded, Refused, Wish

LEAD_SAYS = Wish(ADOPT, "lead", "project_lead", "a laptop was stolen")


def proposal(plan: Plan) -> Proposal:
    outline = [
        PhaseOutline(id=p.phase, title=p.title, steps=[s.id for s in p.steps]) for p in plan.phases
    ]
    return Proposal(plan, outline, frozenset())


def without_steps(document: Any) -> None:
    document["phases"][0]["steps"] = []


PLAN = rest_of(signed_plan(), without_steps)


def sales(*people: dict[str, Any]) -> Plan:
    """The plan with other sellers."""
    return rest_of(PLAN, lambda d: d["roles"].update(sales_ops=list(people)))


KEYLESS = sales({"person": "sally"}, {"person": "sam"})
REVOKED = sales({"person": "sally", "keys": [{"key": SALLY.line, "revoked": True}]})


def adopted(desk: Desk, plan: Plan) -> Recorded | Refused:
    return adopt_plan(desk.store, None, proposal(plan), LEAD_SAYS, desk.clock)


def looked(desk: Desk, plan: Plan) -> Comparison:
    return compare(desk.store, None, proposal(plan), LEAD_SAYS, desk.clock)


def before_it_begins(profile: str = "prod") -> Desk:
    desk = Desk(PLAN, profile)
    desk.story.say("hold", "pilot", by="lead")
    desk.story.stage("pilot", "hold", "sign_off", "held")
    desk.story.say("retry", "pilot", by="lead")
    desk.story.stage("pilot", "retry", "held", "pending", attempt=2)
    return desk


@pytest.mark.parametrize("plan", [KEYLESS, REVOKED])
def test_a_plan_that_nobody_could_sign_is_refused_with_what_is_missing(plan: Plan) -> None:
    desk = before_it_begins()
    before = desk.store.log.head(desk.plan.plan)
    said = adopted(desk, plan)
    assert isinstance(said, Refused)
    assert "phase pilot: nobody who signs as sales_ops has a key" in said.reason
    assert "ssh-keygen -t ed25519" in said.reason
    assert desk.store.log.head(desk.plan.plan) == before
    assert "nobody who signs" in looked(desk, plan).refusal


def test_a_stolen_key_is_revoked_at_once_and_told_to_leave_nobody_who_could_sign() -> None:
    desk = Desk(PLAN)
    found = looked(desk, REVOKED)
    assert found.refusal == ""
    assert found.unsigned[0].startswith("phase pilot: nobody who signs as sales_ops has a key")
    assert isinstance(adopted(desk, REVOKED), Recorded)


def test_where_words_are_enough_no_key_is_asked_for() -> None:
    assert isinstance(adopted(before_it_begins("rehearsal"), KEYLESS), Recorded)


def test_what_was_signed_already_needs_no_key_any_more() -> None:
    desk = Desk(PLAN)
    desk.story.stage("pilot", "signed", "sign_off", "passed")
    assert isinstance(adopted(desk, KEYLESS), Recorded)
