"""Sync run, Monitor, Log and Runbook: what they show, in every state, and what their keys do."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from builders import NAME, Story, store_file
from golden_files import differences
from seats import Table, play
from states import ROADS, look
from view_stories import (
    hostile_story,
    no_go_story,
    running_story,
    watching_story,
)

from rollout.domain import events as e
from rollout.store.opening import open_store
from rollout.tui.screens.log import LogScreen
from rollout.tui.widgets.log_pane import LogPane
from rollout.view.text import cells

SCREENS = {"sync": "3", "monitor": "4", "log": "5", "runbook": "6"}
SIZES = ((80, 24), (140, 45))

DRAWN = {"sync-running-140x45", "monitor-watching-140x45", "log-no-go-80x24"}
"""Pictures whose colours and frames are kept too."""


def _store(path: Path, tell: Callable[[Story], Story]) -> Path:
    store_file(path, tell)
    return path


@pytest.fixture
def running(tmp_path: Path) -> Path:
    return _store(tmp_path / "running.db", running_story)


@pytest.fixture
def watched(tmp_path: Path) -> Path:
    return _store(tmp_path / "watched.db", watching_story)


# every state -----------------------------------------------------------------


async def _still(table: Table) -> None:
    """Until nothing goes on any more: filters, searches, the chain."""
    screen = table.app.screen
    assert isinstance(screen, LogScreen)
    for _ in range(200):
        await table.pilot.pause(0.02)
        if not screen.is_busy:
            break
    await table.settle()


@pytest.mark.parametrize("road", ROADS)
def test_every_screen_looks_as_it_should(road: str, tmp_path: Path) -> None:
    tell, states = ROADS[road]
    wrong: list[str] = []

    async def script(table: Table) -> None:
        for state, reach in states:
            await reach(table)
            for columns, lines in SIZES:
                await table.resize(columns, lines)
                wrong.extend([found async for found in _looked_at(table, state, columns, lines)])

    play(_store(tmp_path / "s.db", tell), script, size=SIZES[0])
    assert wrong == [], "\n".join(wrong)


async def _looked_at(table: Table, state: str, columns: int, lines: int) -> AsyncIterator[str]:
    """What is not as it was kept, screen by screen."""
    for screen, key in SCREENS.items():
        await table.press(key)
        if screen == "log":
            await _still(table)
        await table.work_done()
        seen = table.text()
        assert max(map(cells, seen.splitlines())) <= columns
        name = f"{screen}-{state}-{columns}x{lines}"
        found = [differences(name, seen)]
        if name in DRAWN:
            drawn = table.app.export_screenshot(title=name)
            found.append(differences(name, drawn, ".svg"))
        for difference in filter(None, found):
            yield difference


HOSTILE = (
    "\x1b[2J\x1b[31mred [bold]markup[/bold] [link=x] ab\u202ecd\u200b " + "例" * 60 + "x" * 10_000
)


def test_hostile_words_break_no_screen(tmp_path: Path) -> None:
    async def script(table: Table) -> None:
        await look(table)
        for key in SCREENS.values():
            await table.press(key)
            for columns in (60, 79, 100, 130):
                await table.resize(columns, 24)
                seen = table.text()
                assert max(map(cells, seen.splitlines())) <= columns
                assert not set(seen) & set("\x1b\u202e\u200b")
                assert "REHEARSAL" in seen.splitlines()[0]
                assert seen.splitlines()[-1].strip().endswith("q quit")

    path = tmp_path / "s.db"
    with open_store(path, create=True, relaxed=True) as store:
        story = hostile_story(HOSTILE)
        store.evidence.put(story.plan.model_dump(mode="json", by_alias=True))
        for event in story.events():
            store.log.append(NAME, event.seq - 1, event.at, event.actor, [event.payload])
    play(path, script)


def test_a_width_that_hides_a_pane_takes_its_focus_away(running: Path) -> None:
    async def script(table: Table) -> None:
        await look(table)
        await table.press("3")
        assert "▌Sync run" in table.text()
        await table.resize(140, 45)
        assert "▌Sync" in table.text()
        await table.resize(80, 24)
        assert "▌Sync run" in table.text()

    play(running, script)


# sync run --------------------------------------------------------------------


def test_the_speed_is_known_from_looks_before_the_screen_was_opened(running: Path) -> None:
    async def script(table: Table) -> None:
        await look(table)
        await table.press("3")
        assert "20 of 50 rows, 0.2/s, ETA 3m" in table.text()

    play(running, script)


def test_another_sync_can_be_looked_at(running: Path) -> None:
    async def script(table: Table) -> None:
        await look(table)
        await table.press("3")
        await table.press("o")
        assert "Sync B (sync_b" in table.text()
        await table.press("o")
        assert "Sync A (sync_a" in table.text()

    play(running, script)


def test_why_rows_were_refused_is_read_from_the_evidence(watched: Path) -> None:
    async def script(table: Table) -> None:
        await look(table)
        await table.resize(140, 45)
        await table.press("3")
        assert "4  too long" in table.text()

    play(watched, script)


# log -------------------------------------------------------------------------


def log_pane(table: Table) -> LogPane:
    return table.app.screen.query_one("#log", LogPane)


async def _open_log(table: Table) -> None:
    await look(table)
    await table.press("5")
    await _still(table)


async def _typed(table: Table, text: str) -> None:
    keys = {" ": "space", ":": "colon", "-": "minus", "_": "underscore"}
    await table.press("slash", *(keys.get(c, c) for c in text), "enter")
    await _still(table)


def _append(path: Path, *payloads: e.Payload) -> None:
    with open_store(path, create=False, relaxed=True) as store:
        head = store.log.head(NAME)
        at = next(iter(store.log.read(NAME))).at
        store.log.append(NAME, head.seq, at, "rollout", list(payloads))


def test_a_filter_hides_and_escape_shows_all(watched: Path) -> None:
    async def script(table: Table) -> None:
        await _open_log(table)
        whole = log_pane(table).rows
        await _typed(table, "kind:measured watch_rate")
        assert log_pane(table).rows == 4
        assert "4 of" in table.words()
        assert "kind:measured watch_rate; Esc shows all" in table.words()
        await table.press("escape")
        assert log_pane(table).rows == whole

    play(watched, script, size=(140, 45))


def test_a_filter_that_cannot_be_read_is_said_and_can_be_mended(watched: Path) -> None:
    async def script(table: Table) -> None:
        await _open_log(table)
        await _typed(table, "kind:mesured")
        assert "did you mean measured?" in table.words()
        await table.press("escape")
        assert "Esc shows all" not in table.words()

    play(watched, script, size=(140, 45))


def test_next_and_previous_go_among_all_events_or_from_row_to_row(watched: Path) -> None:
    async def script(table: Table) -> None:
        await _open_log(table)
        await table.press("n")
        assert "nothing was searched for yet" in table.words()
        await _typed(table, "kind:gate_decided")
        await table.press("home")
        first = log_pane(table).seq
        await table.press("n")
        second = log_pane(table).seq
        assert second > first
        await table.press("escape")
        assert log_pane(table).seq == second
        await table.press("N")
        await _still(table)
        assert log_pane(table).seq == first
        await table.press("N")
        await _still(table)
        assert log_pane(table).seq == first
        assert "nothing before that has kind:gate_decided" in table.words()

    play(watched, script, size=(140, 45))


def test_the_end_is_followed_until_somebody_moves(watched: Path) -> None:
    noise = e.StepStarted(phase="care", attempt=1, step="rest")

    async def script(table: Table) -> None:
        await _open_log(table)
        newest = log_pane(table).seq
        _append(watched, noise)
        await table.look()
        assert log_pane(table).seq == newest + 1
        await table.press("k")
        await table.press("k")
        _append(watched, noise, noise)
        await table.look()
        assert log_pane(table).seq == newest - 1
        assert "standing still, +2 new" in table.words()
        await table.press("f")
        assert log_pane(table).seq == newest + 3
        assert "following" in table.words()
        await table.press("f")
        assert "standing still" in table.words()
        await _typed(table, "kind:step_started")
        before = log_pane(table).rows
        _append(watched, noise)
        await table.look()
        await _still(table)
        assert log_pane(table).rows == before + 1

    play(watched, script, size=(140, 45))


def test_an_event_is_shown_in_three_densities_and_as_a_whole(watched: Path) -> None:
    async def script(table: Table) -> None:
        await _open_log(table)
        compact = table.text()
        await table.press("d")
        assert "2026-01-0" in table.text()
        await table.press("d")
        assert '{"attempt":1' in table.text()
        await table.press("d")
        assert table.text() == compact
        await table.press("enter")
        seen = table.words()
        assert "┆REHEARSAL┆ event #" in seen
        assert "follows" in seen
        await table.press("escape")
        assert table.text() == compact

    play(watched, script, size=(100, 30))


def test_the_whole_event_stands_beside_where_there_is_room(watched: Path) -> None:
    async def script(table: Table) -> None:
        await _open_log(table)
        await table.press("home")
        assert "Event #1" in table.text()
        assert '"kind": "rollout_created"' in table.words()

    play(watched, script, size=(140, 45))


def test_a_click_comes_to_an_event_and_another_one_opens_it(watched: Path) -> None:
    async def script(table: Table) -> None:
        await _open_log(table)
        await table.pilot.click("#log", offset=(10, 3))
        await table.settle()
        chosen = log_pane(table).seq
        assert chosen < log_pane(table).head
        await table.pilot.click("#log", offset=(10, 3))
        await table.settle()
        assert f"event #{chosen}" in table.text()

    play(watched, script)


def test_an_event_of_the_log_can_be_copied(watched: Path) -> None:
    async def script(table: Table) -> None:
        await _open_log(table)
        await table.press("y")
        assert "nothing to copy" not in table.words()
        assert table.app.clipboard.startswith("#34 ")

    play(watched, script)


def test_a_broken_chain_is_said_at_once(watched: Path) -> None:
    connection = sqlite3.connect(watched)
    connection.execute("DROP TRIGGER events_stay")
    connection.execute("UPDATE events SET actor = 'mallory' WHERE seq = 5")
    connection.commit()
    connection.close()

    async def script(table: Table) -> None:
        await _open_log(table)
        assert "✗ FAIL chain broken at #5" in table.text()

    play(watched, script, size=(140, 45))


def test_a_store_that_cannot_be_read_for_a_while_is_said(watched: Path) -> None:
    async def script(table: Table) -> None:
        _append(watched, *[e.StepStarted(phase="care", attempt=1, step="rest")] * 300)
        await _open_log(table)
        blocker = sqlite3.connect(watched, isolation_level=None)
        blocker.execute("BEGIN EXCLUSIVE")
        await table.press("home")
        assert "locked" in table.words() or "cannot be read now" in table.words()
        blocker.execute("ROLLBACK")
        blocker.close()
        log_pane(table).try_again()
        await table.settle()
        assert "cannot be read now" not in table.text()
        assert "#1 16:00:00" in table.text()

    play(watched, script, size=(140, 24))


# runbook ---------------------------------------------------------------------


def test_the_way_back_is_previewed_where_there_is_room(tmp_path: Path) -> None:
    async def script(table: Table) -> None:
        await look(table)
        await table.press("6")
        assert "preview of a rollback of everything" in table.text()

    play(_store(tmp_path / "s.db", no_go_story), script, size=(140, 45))
