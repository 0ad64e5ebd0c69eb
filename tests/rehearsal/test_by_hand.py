"""A rehearsal that people drive: their decisions, the pace, faults injected and cleared, a resume."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from hands import Hands, driven

from rollout.live.deciding import Recorded, Refused
from rollout.rehearsal import control


def through(hands: Hands) -> Iterator[None]:
    """Confirm, proceed, wait for the end, sign."""
    yield
    hands.say("attest", "told")
    yield
    assert hands.stage == "ready"
    hands.say("proceed")
    while hands.stage != "sign_off":
        yield
    hands.say("sign", "over", by="bea")  # ann let it proceed
    yield


def test_people_drive_it_to_its_end(tmp_path: Path) -> None:
    outcome, hands, rehearsal = driven(tmp_path, through)
    assert outcome == "completed"
    assert hands.board.outcome == "completed"
    assert [(d.decision, d.by) for d in rehearsal.state.decisions] == [("proceed", "ann")]
    assert all(s.rehearsed for s in rehearsal.state.signatures)
    assert 60 < hands.seconds < 75  # an hour at 60 times, and moments for people


def test_time_passes_as_it_really_would_while_people_are_asked(tmp_path: Path) -> None:
    def think(hands: Hands) -> Iterator[None]:
        for _ in range(300):
            yield
        assert hands.board.people_asked
        passed = hands.ready.stage.clock.now() - hands.board.began
        assert timedelta(seconds=25) < passed < timedelta(seconds=40)

    assert driven(tmp_path, think, speed=0.0)[0] == ""


def test_it_stands_still_while_it_is_paused_and_a_step_leaps(tmp_path: Path) -> None:
    def pause(hands: Hands) -> Iterator[None]:
        yield
        hands.say("attest", "told")
        yield
        hands.ask(control.Pause())
        hands.say("proceed")
        while hands.board.next_at is None:
            yield
        assert hands.board.paused
        assert hands.board.next_at is not None
        before = hands.ready.stage.clock.now()
        for _ in range(50):
            yield
        assert hands.ready.stage.clock.now() == before
        due = hands.board.next_at
        hands.ask(control.Step())
        yield
        yield
        assert hands.ready.stage.clock.now() == due
        assert hands.board.answer.startswith("one step: to what is due next")
        hands.ask(control.Go())
        yield
        yield
        assert not hands.board.paused

    assert driven(tmp_path, pause)[0] == ""


def test_the_speed_is_heard_and_nonsense_is_refused(tmp_path: Path) -> None:
    def turn(hands: Hands) -> Iterator[None]:
        for request, speed, answer in (
            (control.Faster(), 600.0, "time passes: x600"),
            (control.Slower(), 60.0, "time passes: x60"),
            (control.SetSpeed(7.5), 7.5, "time passes: x7.5"),
            (control.SetSpeed(0), 0.0, "time passes: as fast as it goes"),
            (control.SetSpeed(-1), 0.0, "refused: a speed of -1.0 is none"),
            (control.SetSpeed(3600), 3600.0, "time passes: x3600"),
        ):
            hands.ask(request)
            yield
            yield
            assert hands.board.speed == speed
            assert hands.board.answer.startswith(answer)
        with control.control_path(hands.state).open("ab") as file:
            file.write(b'{"do": "explode"}\nnot json\n')
        yield
        yield
        assert "not understood" in hands.board.answer

    driven(tmp_path, turn)


def test_a_fault_is_injected_noticed_by_nobody_and_cleared(tmp_path: Path) -> None:
    def break_it(hands: Hands) -> Iterator[None]:
        truth = hands.ready.stage.world.truth
        yield
        hands.ask(control.Inject("others.renamed"))
        yield
        yield
        assert truth.select("SELECT count(*) FROM product_property WHERE Name = 'x'").rows == [(1,)]
        named = {f.id: f for f in hands.board.faults}
        assert (named["renamed"].state, named["renamed"].injected) == ("active", True)
        assert named["late"].state == "waiting"
        hands.ask(control.Clear("renamed"))
        yield
        yield
        assert truth.select("SELECT count(*) FROM product_property WHERE Name = 'x'").rows == [(0,)]
        assert {f.id: f.state for f in hands.board.faults}["renamed"] == "cleared"
        hands.ask(control.Inject("others.renamed"))
        yield
        yield
        assert {f.id: f.state for f in hands.board.faults}["renamed_2"] == "active"

    driven(tmp_path, break_it)


def test_what_cannot_be_injected_or_cleared_is_refused(tmp_path: Path) -> None:
    def try_it(hands: Hands) -> Iterator[None]:
        yield
        for request, said in (
            (control.Inject("nothing"), "there is no fault 'nothing'"),
            (control.Clear("nothing"), "has no fault 'nothing'"),
            (control.Clear("late"), "late: cleared"),
            (control.Clear("late"), "cleared already"),
            (control.Inject("others.gone"), "gone: active"),
            (control.Clear("gone"), "what it changed stays"),
            (control.Inject("others.busy"), "busy: armed"),
            (control.Clear("busy"), "busy: cleared"),
        ):
            hands.ask(request)
            yield
            yield
            assert said in hands.board.answer

    driven(tmp_path, try_it)


def test_a_resumed_rehearsal_has_the_same_world_and_the_same_faults(tmp_path: Path) -> None:
    def begin(hands: Hands) -> Iterator[None]:
        yield
        hands.say("attest", "told")
        hands.ask(control.Inject("others.renamed"))
        yield
        hands.ask(control.Inject("others.busy"))
        yield
        hands.ask(control.Clear("late"))
        yield
        yield

    assert driven(tmp_path, begin)[0] == ""

    def go_on(hands: Hands) -> Iterator[None]:
        yield
        found = {f.id: f.state for f in hands.board.faults}
        assert found == {"late": "cleared", "renamed": "active", "busy": "armed"}
        truth = hands.ready.stage.world.truth
        assert truth.select("SELECT count(*) FROM product_property WHERE Name = 'x'").rows == [(1,)]
        assert hands.stage == "ready"

    driven(tmp_path, go_on, resume=True)


def test_an_illegal_decision_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    said: list[Recorded | Refused] = []

    def early(hands: Hands) -> Iterator[None]:
        yield
        said.append(hands.say("proceed"))
        yield
        assert hands.stage == "entry_gate"

    driven(tmp_path, early)
    assert isinstance(said[0], Refused)


def test_a_step_where_nothing_is_due_is_a_quarter_of_an_hour(tmp_path: Path) -> None:
    def leap(hands: Hands) -> Iterator[None]:
        yield
        before = hands.ready.stage.clock.now()
        hands.ask(control.Step())
        yield
        yield
        passed = hands.ready.stage.clock.now() - before
        assert timedelta(minutes=15) <= passed < timedelta(minutes=16)

    driven(tmp_path, leap)
