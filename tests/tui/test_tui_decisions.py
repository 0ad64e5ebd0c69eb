"""Decisions as dialogs: nothing by accident, nothing unseen, nothing without its words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from builders import START, Story, completed_story, held_story, store_file
from deciding_stories import attesting_story, ready_story
from seats import Script, Table, play
from textual.widgets import Button, Input

from rollout.domain.errors import PlanProblems
from rollout.domain.events import Attested, DecisionMade, Event, StageChanged
from rollout.live.clocks import StandingClock
from rollout.store.opening import open_store
from rollout.store.reading import open_readonly
from rollout.tui.desk import StoreDesk
from rollout.tui.modals.decision import DecisionDialog
from rollout.tui.modals.fields import PickPane


def decided(tmp_path: Path, tell: Callable[[Story], Story], script: Script, **seat: object) -> Path:
    """Sit in front of a store that tells the story, and decide."""
    path = tmp_path / "rollout.db"
    store_file(path, tell)
    desk = StoreDesk(
        path,
        None,
        lambda: (open_store(path, create=False), StandingClock(START)),
        ["--state", "rollout.db"],
    )
    size = seat.pop("size", (80, 40))
    play(path, script, size=size, desk=desk, **seat)  # type: ignore[arg-type]
    return path


def newest(path: Path, count: int = 2) -> list[Event]:
    with open_readonly(path) as reader:
        return reader.events(reader.rollouts()[0], limit=count, newest=True)


def dialog(table: Table) -> DecisionDialog:
    assert isinstance(table.app.screen, DecisionDialog)
    return table.app.screen


def button(table: Table, name: str) -> Button:
    return dialog(table).query_one(f"#{name}", Button)


async def opened(table: Table, key: str) -> None:
    """A living controller, the key, and the plan read."""
    await table.look(sign=True)
    await table.press(key)
    await table.work_done()


def test_a_dialog_opens_with_cancel_focused_and_nothing_chosen(tmp_path: Path) -> None:
    async def script(table: Table) -> None:
        await opened(table, "g")
        assert table.app.focused is button(table, "d-cancel")
        assert button(table, "d-do").disabled
        assert "REHEARSAL" in table.text()
        assert "you saw #" in table.words()
        await table.press("enter")
        assert not isinstance(table.app.screen, DecisionDialog)

    path = decided(tmp_path, ready_story, script)
    assert not isinstance(newest(path, 1)[0].payload, DecisionMade)


def test_go_is_recorded_when_the_form_is_whole(tmp_path: Path) -> None:
    async def script(table: Table) -> None:
        await opened(table, "g")
        assert "still to do: write the reason; type `go pilot`" in table.words()
        dialog(table).query_one("#d-reason", Input).focus()
        await table.press(*"as planned".replace(" ", "_"))
        dialog(table).query_one("#d-reason", Input).value = "as planned"
        await table.press("enter")
        await table.press(*"go", "space", *"pilot")
        seen = table.words()
        assert "pilot: proj (project_lead) said proceed: as planned" in seen
        assert "pilot: ready to running by proceed: as planned" in seen
        assert "rollout decide go --by proj --role project_lead --reason 'as planned'" in seen
        assert not button(table, "d-do").disabled
        button(table, "d-do").press()
        await table.settle()
        await table.work_done()
        assert "recorded: #" in table.words()
        assert table.app.who == "proj (project_lead)"

    path = decided(tmp_path, ready_story, script)
    said, moved = (event.payload for event in newest(path))
    assert isinstance(said, DecisionMade)
    assert (said.decision, said.by, said.reason) == ("proceed", "proj", "as planned")
    assert isinstance(moved, StageChanged)
    assert moved.target == "running"


def test_on_a_low_screen_a_whole_form_shows_what_it_will_append(tmp_path: Path) -> None:
    async def script(table: Table) -> None:
        await opened(table, "a")
        await table.press("tab", "enter", "tab", "enter", "tab", "tab")
        dialog(table).query_one("#d-reason", Input).value = "told them"
        await table.settle()
        seen = table.words()
        assert not button(table, "d-do").disabled
        assert "will be recorded" in seen
        assert "the same as a command" in seen
        assert "rollout attest" in seen

    decided(tmp_path, attesting_story, script, size=(60, 20))


def test_the_phrase_cannot_be_pasted(tmp_path: Path) -> None:
    async def script(table: Table) -> None:
        await opened(table, "g")
        phrase = dialog(table).query_one("#d-phrase", Input)
        phrase.focus()
        await table.settle()
        from textual.events import Paste

        phrase.post_message(Paste("go pilot"))
        await table.settle()
        assert phrase.value == ""
        assert "pasting is refused" in table.words()

    decided(tmp_path, ready_story, script)


def test_rolling_back_takes_a_choice_a_phrase_and_three_seconds(tmp_path: Path) -> None:
    async def script(table: Table) -> None:
        await opened(table, "R")
        form = dialog(table)
        form.query_one("#d-reason", Input).value = "names are lost"
        await table.settle()
        assert "type `rollback everything REHEARSAL`" in table.words()
        form.query_one("#d-phrase", Input).value = "rollback everything REHEARSAL"
        await table.settle()
        assert button(table, "d-do").disabled
        assert "read it once more: 3 s" in table.words()
        table.clock.at_s += 2.9
        form.tick()
        await table.settle()
        assert button(table, "d-do").disabled
        table.clock.at_s += 0.2
        await table.look(sign=True)
        form.tick()
        await table.settle()
        assert not button(table, "d-do").disabled
        form.query_one("#d-phrase", Input).value = "rollback everything"
        await table.settle()
        assert button(table, "d-do").disabled

    decided(tmp_path, held_story, script)


def test_an_attestation_needs_yes_or_no_and_a_note(tmp_path: Path) -> None:
    async def script(table: Table) -> None:
        await opened(table, "a")
        form = dialog(table)
        assert "say yes or no" in table.words()
        form.query_one("#d-answer", PickPane).choose("no")
        form.query_one("#d-reason", Input).value = "nobody was told"
        await table.settle()
        assert "rollout attest told --no --by proj" in table.words()
        button(table, "d-do").press()
        await table.settle()
        await table.work_done()

    path = decided(tmp_path, attesting_story, script)
    said = newest(path, 1)[0].payload
    assert isinstance(said, Attested)
    assert (said.check, said.answer, said.note) == ("told", False, "nobody was told")


async def too_late(table: Table, path: Path) -> None:
    """Somebody else says it before the button is pressed."""
    with open_store(path, create=False) as store:
        story = Story(log=store.log, evidence=store.evidence)
        story.say("proceed", "pilot", reason="quicker")
        story.stage("pilot", "proceed", "ready", "running")
    button(table, "d-do").press()
    await table.until(lambda: button(table, "d-again").display)


def test_who_was_quicker_is_told_and_nothing_is_doubled(tmp_path: Path) -> None:
    path = tmp_path / "rollout.db"

    async def script(table: Table) -> None:
        await opened(table, "g")
        form = dialog(table)
        form.query_one("#d-reason", Input).value = "as planned"
        form.query_one("#d-phrase", Input).value = "go pilot"
        await table.settle()
        await too_late(table, path)
        seen = table.words()
        assert "refused: somebody was quicker" in seen
        assert "meanwhile #" in seen
        assert "quicker" in seen
        assert button(table, "d-again").display

    decided(tmp_path, ready_story, script)
    kinds = [e.payload for e in newest(path, 4) if isinstance(e.payload, DecisionMade)]
    assert len(kinds) == 1


def test_a_form_and_its_answer_are_ascii_where_nothing_else_is_wanted(tmp_path: Path) -> None:
    async def script(table: Table) -> None:
        await opened(table, "g")
        for part in ("you saw #", "(x) proj (project_lead)", "said proceed: ...", "[ Cancel ]"):
            assert part in table.text(), table.text()
        assert table.text().isascii(), [c for c in table.text() if ord(c) > 127]
        form = dialog(table)
        form.query_one("#d-reason", Input).value = "as planned"
        form.query_one("#d-phrase", Input).value = "go pilot"
        await table.settle()
        await too_late(table, tmp_path / "rollout.db")
        assert "X FAIL refused: somebody was quicker" in table.words(), table.text()
        assert table.text().isascii(), [c for c in table.text() if ord(c) > 127]

    decided(tmp_path, ready_story, script, ascii_only=True)


def test_while_the_link_is_stale_nothing_can_be_decided_and_it_says_why(tmp_path: Path) -> None:
    async def script(table: Table) -> None:
        await table.look()
        await table.press("g")
        assert not isinstance(table.app.screen, DecisionDialog)
        assert "STALE" in table.words()
        assert "(g go)" in table.text()
        await table.look(sign=True)
        await table.press("g")
        dialog(table).query_one("#d-reason", Input).value = "as planned"
        dialog(table).query_one("#d-phrase", Input).value = "go pilot"
        await table.settle()
        await table.pass_(11)
        await table.look()
        assert button(table, "d-do").disabled
        assert "locked, STALE" in table.words()

    decided(tmp_path, ready_story, script)


def test_a_locked_action_says_what_must_be_first(tmp_path: Path) -> None:
    async def script(table: Table) -> None:
        await table.look(sign=True)
        await table.press("s")
        assert "sign: only when a phase is in sign off; pilot is ready" in table.words()
        await table.press("E")
        assert "end: only when a phase is rolled back" in table.words()

    decided(tmp_path, ready_story, script)


def test_nothing_is_decided_about_what_has_ended(tmp_path: Path) -> None:
    async def script(table: Table) -> None:
        await table.look()
        for key in "gpaswrbRucAE":
            await table.press(key)
            assert not isinstance(table.app.screen, DecisionDialog), key
        assert "the rollout has ended" in table.words()

    decided(tmp_path, completed_story, script)


def test_who_is_named_at_the_start_speaks_for_nobody_else(tmp_path: Path) -> None:
    async def script(table: Table) -> None:
        await opened(table, "g")
        assert "say who you are" in table.words()
        assert "proj (project_lead)" not in table.words()

    decided(tmp_path, ready_story, script, by="sale", role="sales_ops")


def test_a_store_that_cannot_be_written_refuses_in_words(tmp_path: Path) -> None:
    path = tmp_path / "rollout.db"
    store_file(path, ready_story)

    def nobody() -> tuple[object, None]:
        raise PlanProblems(["belongs to the profile 'rehearsal'"])

    async def script(table: Table) -> None:
        await opened(table, "g")
        dialog(table).query_one("#d-reason", Input).value = "as planned"
        dialog(table).query_one("#d-phrase", Input).value = "go pilot"
        await table.settle()
        button(table, "d-do").press()
        await table.settle()
        await table.work_done()
        assert "belongs to the profile" in table.words()

    play(path, script, size=(80, 40), desk=StoreDesk(path, None, nobody))  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [(80, 24), (60, 20), (140, 45)])
@pytest.mark.parametrize("key", ["R", "g"])
def test_the_buttons_stay_in_sight_on_a_low_screen(
    tmp_path: Path, key: str, size: tuple[int, int]
) -> None:
    async def script(table: Table) -> None:
        await opened(table, key)
        seen = table.text()
        assert "[ Cancel ]" in seen
        assert "still to do" in seen

    decided(tmp_path, ready_story, script, size=size)
