"""A recorded log on the same screens: there and back, and nothing can be decided."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from builders import store_file
from golden_files import differences
from seats import Table, play
from view_stories import no_go_story

from rollout.tui.messages import Reading
from rollout.tui.replay import TICK_S, ReplayLink
from rollout.tui.replay_app import ReplayApp
from rollout.tui.screens.log import LogScreen
from rollout.tui.widgets.log_pane import LogPane
from rollout.view.text import cells


class HandReplay(ReplayLink):
    """Its thread only waits; `Table.look` looks instead, in the test's own thread."""

    def run(
        self, publish: Callable[[Reading], None], is_cancelled: Callable[[], bool] = lambda: False
    ) -> None:
        self.stop.wait()


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    store_file(tmp_path / "recorded.db", no_go_story)
    return tmp_path / "recorded.db"


def replay(store: Path, script: Callable[[Table], Any], **given: Any) -> None:
    play(store, script, link_of=HandReplay, app_of=ReplayApp, **given)


def link_of(table: Table) -> ReplayLink:
    assert isinstance(table.link, ReplayLink)
    return table.link


def seq_of(table: Table) -> int:
    return table.app.snapshot.state.seq


async def _go(table: Table, *keys: str) -> None:
    for key in keys:
        await table.press(key)
    await table.look()


def test_it_begins_at_the_beginning_and_says_that_it_is_a_replay(recorded: Path) -> None:
    async def script(table: Table) -> None:
        await table.look()
        seen = table.text()
        assert "◇ REPLAY" in seen.splitlines()[0]
        assert "#1 of 40" in seen
        assert "a recorded log: nothing can be decided" in seen
        assert "space play" in seen

    replay(recorded, script)


def test_events_are_stepped_through_on_and_back(recorded: Path) -> None:
    async def script(table: Table) -> None:
        await table.look()
        await _go(table, "full_stop", "full_stop")
        assert seq_of(table) == 3
        await _go(table, "comma")
        assert seq_of(table) == 2
        assert table.app.snapshot.state.phases["pilot"].stage == "running"
        await _go(table, "comma", "comma", "comma")
        assert seq_of(table) == 1

    replay(recorded, script)


def test_brackets_go_from_gate_to_gate_and_stop_at_the_ends(recorded: Path) -> None:
    async def script(table: Table) -> None:
        await table.look()
        await _go(table, "right_square_bracket")
        assert "pilot running" in table.text()
        for _ in range(20):
            await _go(table, "right_square_bracket")
        assert "#40 of 40" in table.text()
        await _go(table, "left_square_bracket")
        assert "gate watch no-go" in table.text()

    replay(recorded, script)


def test_it_plays_at_its_speed_and_pauses_at_the_end(recorded: Path) -> None:
    async def script(table: Table) -> None:
        await table.look()
        await _go(table, "space")
        assert "▸ 5/s" in table.text()
        before = seq_of(table)
        table.clock.at_s += max(TICK_S, 1 / 5)
        await table.look()
        assert seq_of(table) == before + 1
        await _go(table, *["greater_than_sign"] * 9)
        for _ in range(3):
            table.clock.at_s += 1
            await table.look()
        assert seq_of(table) == 40
        assert "paused, 500/s" in table.text()
        await _go(table, "less_than_sign")
        assert "paused, 200/s" in table.text()

    replay(recorded, script)


async def _jump(table: Table, text: str) -> None:
    keys = {" ": "space", ":": "colon", "-": "minus", "+": "plus", "%": "percent_sign"}
    keys |= {"_": "underscore", "#": "number_sign"}
    await table.press("at")
    await _go(table, *(keys.get(c, c) for c in text), "enter")


def test_where_to_go_is_asked_without_a_glyph_beyond_ascii(recorded: Path) -> None:
    async def script(table: Table) -> None:
        await table.look()
        await table.press("at")
        assert table.text().isascii(), [c for c in table.text() if ord(c) > 127]
        assert "or a phase: " in table.text()

    replay(recorded, script, ascii_only=True)


def test_a_jump_leads_to_a_number_a_share_a_time_or_a_phase(recorded: Path) -> None:
    async def script(table: Table) -> None:
        await table.look()
        for text, seq in (("#9", 9), ("100%", 40), ("care", 13), ("20:30", 30), ("-3h", 18)):
            await _jump(table, text)
            assert seq_of(table) == seq, text
        await table.press("at")
        await table.press("escape")
        await table.look()
        assert seq_of(table) == 18

    replay(recorded, script)


def test_a_jump_that_leads_nowhere_says_why(recorded: Path) -> None:
    async def script(table: Table) -> None:
        await table.look()
        await _jump(table, "sync_z")
        assert "no phase 'sync_z' began" in table.words()
        assert seq_of(table) == 1
        await _jump(table, "a b")
        assert "is no place in a log" in table.words()

    replay(recorded, script, size=(140, 24))


def test_nothing_can_be_decided(recorded: Path) -> None:
    async def script(table: Table) -> None:
        link_of(table).seek(40)
        await table.look()
        assert "✗ 2 A day of watching held" in table.text()
        await table.press("R")
        assert "a recorded log" in table.words()
        assert len(table.app.screen_stack) == 1
        await table.press("9")
        assert "a recorded log has no controls" in table.words()

    replay(recorded, script)


def test_help_names_the_keys_of_a_replay(recorded: Path) -> None:
    async def script(table: Table) -> None:
        await table.look()
        await table.press("question_mark")
        assert "play the log on, or pause" in table.words()

    replay(recorded, script, size=(140, 45))


def test_the_log_ends_where_the_replay_is(recorded: Path) -> None:
    async def script(table: Table) -> None:
        link_of(table).seek(30)
        await table.look()
        await table.press("5")
        pane = table.app.screen.query_one("#log", LogPane)
        assert pane.rows == 30
        await _go(table, "comma")
        assert pane.rows == 29
        assert pane.seq == 29

    replay(recorded, script)


def test_speeds_and_reasons_are_known_wherever_one_goes(recorded: Path) -> None:
    async def script(table: Table) -> None:
        link_of(table).seek(8)
        await table.look()
        await table.resize(140, 45)
        await table.press("3")
        assert "20 of 50 rows, 0.2/s" in table.text()
        link_of(table).seek(20)
        await table.look()
        assert "4  too long" in table.text()
        link_of(table).seek(8)
        await table.look()
        assert "20 of 50 rows, 0.2/s" in table.text()

    replay(recorded, script)


def test_a_damaged_log_is_a_state_and_not_an_end(tmp_path: Path) -> None:
    async def script(table: Table) -> None:
        await table.look()
        assert "✗ LOST" in table.text()
        assert "there is no store" in table.words()

    replay(tmp_path / "none.db", script)


def test_every_screen_looks_as_it_should_in_a_replay(recorded: Path) -> None:
    wrong: list[str] = []

    async def script(table: Table) -> None:
        link_of(table).seek(30)
        await table.look()
        for columns, lines in ((80, 24), (140, 45)):
            await table.resize(columns, lines)
            for screen, key in (("sync", "3"), ("monitor", "4"), ("log", "5"), ("runbook", "6")):
                await table.press(key)
                while isinstance(table.app.screen, LogScreen) and table.app.screen.is_busy:
                    await table.pilot.pause(0.02)
                await table.settle()
                seen = table.text()
                assert max(map(cells, seen.splitlines())) <= columns
                found = differences(f"{screen}-replay-{columns}x{lines}", seen)
                wrong.extend([found] if found else [])

    replay(recorded, script)
    assert wrong == [], "\n".join(wrong)


def test_the_thread_reads_on_its_own(recorded: Path) -> None:
    link = ReplayLink(recorded)
    seen: list[Reading] = []

    def publish(reading: Reading) -> None:
        seen.append(reading)
        if len(seen) == 1:
            link.jump("care")
        elif len(seen) == 2:
            link.stop.set()

    link.run(publish)
    assert [r.replay.seq for r in seen if r.replay is not None] == [1, 13]


@pytest.mark.parametrize(
    ("made_of", "said"), [(None, "there is no store"), (b"a letter", "not a database")]
)
def test_a_file_that_is_no_recording_is_lost_with_words(
    made_of: bytes | None, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "none.db"
    if made_of is not None:
        path.write_bytes(made_of)
    link = ReplayLink(path)
    told: list[Reading] = []

    def publish(reading: Reading) -> None:
        told.append(reading)
        link.stop.set()

    link.run(publish, is_cancelled=iter((False, False, True)).__next__)
    assert len(told) == 1, "nobody was told"
    assert said in told[0].lost
