"""A changed plan in the state: what it replaces, what it voids, and what it leaves alone."""

from __future__ import annotations

from builders import Story, make_plan

from rollout.domain import events as e
from rollout.domain.evidence import Decision, Verdict
from rollout.domain.state import RolloutState

FAILED = {"created": Verdict.FAIL}


def begun() -> Story:
    """The pilot's gate said no-go; its check was waived, and something was confirmed."""
    story = Story().begin()
    story.gate("pilot", "exit", "verified", FAILED, Decision.NO_GO)
    story.stage("pilot", "exit_no_go", "exit_gate", "held")
    story.say("waive", "pilot", subject="created")
    return story.add(
        e.Attested(
            phase="pilot", attempt=1, check="created", by="p", role="r", answer=True, note="seen"
        )
    )


def adopted(**given: object) -> RolloutState:
    return begun().adopt(make_plan(title="Another title"), "pilot", **given).state()


def test_the_state_speaks_of_the_new_plan_and_knows_the_old_one() -> None:
    before, state = begun().state(), adopted(params={"rows": 2})
    assert (state.title, state.params) == ("Another title", {"rows": 2})
    assert [p.plan_sha256 for p in state.plans] == [before.plan_sha256, state.plan_sha256]
    assert state.plans[-1].seq == state.seq


def test_what_means_the_same_stays_as_it_was() -> None:
    before, state = begun().state(), adopted()
    assert state.gates == before.gates
    assert state.decisions[:-1] == before.decisions
    assert (state.decisions[-1].decision, state.decisions[-1].by) == ("adopt_plan", "proj")
    assert state.confirmations == before.confirmations
    assert state.phases["pilot"] == before.phases["pilot"]


def test_what_was_said_of_a_changed_check_is_void_and_still_to_be_read() -> None:
    state = adopted(gates=["verified"], checks=["created"])
    gate = state.gate("pilot", 1, "exit", "verified")
    assert gate is not None
    assert (gate.decision, gate.void_seq) == (Decision.NO_GO, state.seq)
    assert state.waiver("pilot", 1, "created") is None
    assert state.waiver("pilot", 1, "created", at=state.seq - 1) is not None
    assert state.waiver("pilot", 1, "created", at=gate.decided_seq) is None  # given later than that
    assert state.confirmations[0].void_seq == state.seq


def test_a_second_change_does_not_move_where_the_first_one_voided() -> None:
    story = begun().adopt(make_plan(title="2"), "pilot", gates=["verified"], checks=["created"])
    first = story.state().seq
    story.adopt(make_plan(title="3"), "pilot", gates=["verified"], checks=["created"])
    gate = story.state().gate("pilot", 1, "exit", "verified")
    assert gate is not None
    assert gate.void_seq == first
    assert story.state().confirmations[0].void_seq == first


def test_a_look_of_the_past_is_not_taken_again_and_one_under_way_is() -> None:
    story = Story().begin()
    for number, decision in enumerate((Decision.GO, None), start=1):
        story.gate("pilot", f"every:1h#{number}", "verified", {}, decision)
    state = story.adopt(make_plan(title="2"), "pilot", gates=["verified"]).state()
    assert [gate.void_seq for gate in state.gates] == [0, state.seq]


def test_phases_are_those_of_the_new_plan_and_keep_what_happened() -> None:
    story = begun()
    outline = [
        e.PhaseOutline(id="pilot", title="Pilot, renamed"),
        e.PhaseOutline(id="extra", title="One more"),
    ]
    state = story.adopt(make_plan(title="2"), "pilot", phases=outline).state()
    assert list(state.phases) == ["pilot", "extra"]
    assert (state.phases["pilot"].stage, state.phases["pilot"].title) == ("held", "Pilot, renamed")
    assert (state.phases["extra"].stage, state.phases["extra"].since) == ("pending", story.now)


def test_a_held_phase_may_have_to_resume_where_its_gate_is_asked() -> None:
    assert adopted().phases["pilot"].held_from == "exit_gate"
    assert adopted(resumes="entry_gate").phases["pilot"].held_from == "entry_gate"
