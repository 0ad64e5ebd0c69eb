"""Mission, Gate and the dialogs as a person sees them, in every state: as text, and a few in colour."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from boards import NOTICED, board
from builders import START, Story, held_story, store_file
from deciding_stories import attesting_story, ready_story, signing_story
from golden_files import DOCUMENTS, differences
from seats import Table, play
from signing_desk import signed_plan
from states import ROADS, Do, Tell, grow_stale, look, lose
from textual.widgets import Input
from view_stories import no_go_story, running_story, watching_story

from rollout.live.clocks import StandingClock
from rollout.rehearsal.board import write_board
from rollout.store.opening import open_store
from rollout.tui.desk import StoreDesk
from rollout.tui.modals.fields import PickPane
from rollout.view.link_state import MARKS as LINK_MARKS
from rollout.view.marks import MARKS
from rollout.view.text import cells

SCREENS = {"mission": "1", "gates": "2"}
SIZES = ((80, 24), (140, 45), (60, 20))


@pytest.mark.parametrize("road", ROADS)
def test_mission_and_gate_look_as_they_should(road: str, tmp_path: Path) -> None:
    tell, states = ROADS[road]
    store_file(tmp_path / "s.db", tell)
    wrong: list[str] = []

    async def script(table: Table) -> None:
        for state, reach in states:
            await reach(table)
            for columns, lines in SIZES:
                await table.resize(columns, lines)
                for screen, key in SCREENS.items():
                    await table.press(key)
                    await table.work_done()
                    seen = table.text()
                    assert max(map(cells, seen.splitlines())) <= columns
                    found = differences(f"{screen}-{state}-{columns}x{lines}", seen)
                    wrong.extend([found] if found else [])

    play(tmp_path / "s.db", script, size=SIZES[0])
    assert wrong == [], "\n".join(wrong)


# dialogs -----------------------------------------------------------------------


def _typed(**fields: str) -> Do:
    async def do(table: Table) -> None:
        for name, text in fields.items():
            table.app.screen.query_one(f"#d-{name}", Input).value = text
        await table.settle()

    return do


def _chosen(name: str, value: str) -> Do:
    async def do(table: Table) -> None:
        table.app.screen.query_one(f"#d-{name}", PickPane).choose(value)
        await _typed(reason="seen with my own eyes")(table)

    return do


def _signed_by_key(story: Story) -> Story:
    story.plan = signed_plan()
    return signing_story(story, profile="prod")


async def _by_key(table: Table) -> None:
    form = table.app.screen
    form.query_one("#d-who", PickPane).choose("sally\nsales_ops")
    form.query_one("#d-way", PickPane).choose("own")
    await _chosen("answer", "yes")(table)


async def _wait_two_seconds(table: Table) -> None:
    await _typed(reason="names are lost", phrase="rollback everything REHEARSAL")(table)
    await table.pass_(2)
    await look(table)


async def _nothing(_table: Table) -> None:
    """As it opens."""


DIALOGS: dict[str, tuple[Tell, str, Do]] = {
    "go-opened": (ready_story, "g", _nothing),
    "go-whole": (ready_story, "g", _typed(reason="as planned", phrase="go pilot")),
    "hold": (ready_story, "p", _typed(reason="a question first")),
    "roll-back-arming": (held_story, "R", _wait_two_seconds),
    "retry": (held_story, "r", _typed(reason="the view is mended")),
    "waive": (held_story, "w", _typed(reason="known and small")),
    "close-finding": (held_story, "c", _typed(reason="mended")),
    "attest-no": (attesting_story, "a", _chosen("answer", "no")),
    "sign": (signing_story, "s", _chosen("answer", "yes")),
    "sign-with-a-key": (_signed_by_key, "s", _by_key),
    "abort": (held_story, "A", _nothing),
    "leave": (held_story, "q", _nothing),
    "help": (held_story, "question_mark", _nothing),
}


@pytest.mark.parametrize("name", DIALOGS)
def test_every_dialog_looks_as_it_should(name: str, tmp_path: Path) -> None:
    tell, key, fill = DIALOGS[name]
    path = tmp_path / "s.db"
    store_file(path, tell)
    wrong: list[str] = []

    async def script(table: Table) -> None:
        await look(table)
        await table.press(key)
        await table.work_done()
        await fill(table)
        for columns, lines in ((80, 40), (80, 24), (60, 20)):
            await table.resize(columns, lines)
            found = differences(f"dialog-{name}-{columns}x{lines}", table.text())
            wrong.extend([found] if found else [])

    desk = StoreDesk(
        path,
        None,
        lambda: (open_store(path, create=False), StandingClock(START)),
        ["--state", "rollout.db"],
    )
    play(path, script, size=(80, 40), desk=desk)
    assert wrong == [], "\n".join(wrong)


# colour ------------------------------------------------------------------------


async def _light(table: Table) -> None:
    await table.press("t")


async def _sixteen(table: Table) -> None:
    await table.press("t", "t")


async def _sign(table: Table) -> None:
    await table.press("s")
    await table.work_done()
    await _by_key(table)


async def _to_runbook(table: Table) -> None:
    await table.press("6")


async def _to_rehearsal(table: Table) -> None:
    setting = table.app.setting
    assert isinstance(setting, Path)
    write_board(setting, board(faults=[*board().faults, NOTICED]))
    await table.press("9")


async def _roll_back(table: Table) -> None:
    await table.press("R")
    await table.work_done()
    await _typed(reason="names are lost")(table)


COLOURS: dict[str, tuple[Tell, tuple[int, int], Sequence[Do]]] = {
    "mission-narrow": (running_story, (80, 24), ()),
    "mission-light": (watching_story, (100, 30), (_light,)),
    "mission-sixteen": (no_go_story, (80, 24), (_sixteen,)),
    "sign": (_signed_by_key, (86, 45), (_sign,)),
    "stale": (running_story, (80, 24), (grow_stale,)),
    "lost": (watching_story, (80, 24), (lose,)),
    "runbook": (no_go_story, (140, 45), (_to_runbook,)),
    "rehearsal": (held_story, (100, 30), (_to_rehearsal,)),
    "roll-back": (held_story, (80, 40), (_roll_back,)),
}


@pytest.mark.parametrize("name", COLOURS)
def test_colours_are_as_they_should_be(name: str, tmp_path: Path) -> None:
    tell, size, steps = COLOURS[name]
    path = tmp_path / "s.db"
    store_file(path, tell)
    found: list[str] = []

    async def script(table: Table) -> None:
        await look(table)
        for step in steps:
            await step(table)
        table.app.say("")
        await table.settle()
        drawn = table.app.export_screenshot(title="rollout tui")
        found.append(differences(name, drawn, ".svg", DOCUMENTS))

    desk = StoreDesk(path, None, lambda: (open_store(path, create=False), None))
    play(path, script, size=size, desk=desk)
    assert found == [""], f"docs/pictures/{name}.svg is not what is seen: {found}"


def test_in_greyscale_every_state_is_still_told_by_glyph_and_word() -> None:
    """What the pictures as text show is all that is left without colour."""
    shown = {mark.shown() for mark in MARKS.values()}
    assert len(shown) == len({s.split()[0] + s.split()[1] for s in shown}) == len(MARKS)
    assert len({mark.shown(ascii_only=True) for mark in MARKS.values()}) == len(MARKS)
    assert len(set(LINK_MARKS)) == len(LINK_MARKS)
    folder = Path(__file__).parent / "goldens"
    for path in folder.glob("*-no-go-80x24.txt"):
        assert re.search(r"[✗✓?▸◇] (FAIL|PASS|UNKN|RUN|WAIT|NO-GO)", path.read_text()), path
