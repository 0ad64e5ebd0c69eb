"""What still holds after the plan, the evidence or the request changed."""

from __future__ import annotations

from builders import Story, make_plan

from rollout.domain.evidence import Decision, Verdict
from rollout.domain.standing import plan_sha256_at, standing_signatures

PASSED = {"created": Verdict.PASS}
ROLE = "project_lead"


def asked_to_sign() -> Story:
    story = Story().begin()
    story.gate("pilot", "exit", "verified", PASSED, Decision.GO)
    return story.stage("pilot", "ask_sign_off", "exit_gate", "sign_off")


def test_the_plan_in_force_is_the_one_of_the_newest_adoption_so_far() -> None:
    story = asked_to_sign()
    first = story.state().plan_sha256
    story.adopt(make_plan(title="Another title"), "pilot")
    state = story.state()
    assert state.plan_sha256 != first
    assert plan_sha256_at(state, state.seq - 1) == first
    assert plan_sha256_at(state, state.seq) == state.plan_sha256
    assert plan_sha256_at(state, state.seq + 100) == state.plan_sha256
    assert plan_sha256_at(state, 0) == ""


def test_a_signature_stands_while_plan_and_evidence_are_the_same() -> None:
    state = asked_to_sign().sign("pilot", "verified", ROLE).state()
    assert [s.role for s in standing_signatures(state, "pilot")] == [ROLE]


def test_a_changed_plan_voids_what_was_signed_before() -> None:
    story = asked_to_sign().sign("pilot", "verified", ROLE)
    story.adopt(make_plan(title="Another title"), "pilot")
    assert standing_signatures(story.state(), "pilot") == []
    story.sign("pilot", "verified", ROLE)
    assert len(standing_signatures(story.state(), "pilot")) == 1


def test_new_evidence_voids_what_was_signed_before() -> None:
    story = asked_to_sign().sign("pilot", "verified", ROLE)
    story.gate("pilot", "exit", "verified", PASSED, Decision.GO, round=2)
    assert standing_signatures(story.state(), "pilot") == []


def test_a_refusal_ends_with_the_request_it_refused() -> None:
    story = asked_to_sign().sign("pilot", "verified", ROLE, approve=False)
    assert len(standing_signatures(story.state(), "pilot")) == 1
    story.stage("pilot", "sign_off_refused", "sign_off", "held")
    assert standing_signatures(story.state(), "pilot") == []
