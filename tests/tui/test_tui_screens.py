"""The program on the terminal, driven without one."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any, ClassVar

import pytest
from builders import completed_story, held_story, store_file
from seats import Table, play
from textual.timer import Timer

from rollout.tui.app import RolloutApp
from rollout.tui.widgets.pane import Pane
from rollout.view.text import cells


@pytest.fixture
def held(tmp_path: Path) -> Path:
    """A store whose rollout is held at its first gate."""
    path = tmp_path / "held.db"
    store_file(path, held_story)
    return path


def test_the_first_screen_says_where_we_are_and_what_blocks(held: Path) -> None:
    async def script(table: Table) -> None:
        await table.look()
        seen = table.text()
        assert "REHEARSAL" in seen
        assert "1 pilot held" in seen.lower() or "1 the pilot held" in seen.lower()
        assert "✗ FAIL" in seen
        assert "resume" in seen

    play(held, script)


def test_before_the_first_look_the_screen_says_that_it_reads(held: Path) -> None:
    async def script(table: Table) -> None:
        assert "READING" in table.text()
        assert "reading the store" in table.text()

    play(held, script)


def test_a_store_that_is_missing_is_a_state_and_not_an_end(tmp_path: Path) -> None:
    path = tmp_path / "later.db"

    async def script(table: Table) -> None:
        await table.look()
        assert "✗ LOST" in table.text()
        assert "there is no store" in table.words()
        store_file(path, held_story)
        await table.look()
        assert "LOST" not in table.text()
        assert "two-phases" in table.text()

    play(path, script)


def test_what_was_read_last_stays_when_the_store_is_lost(held: Path) -> None:
    async def script(table: Table) -> None:
        await table.look()
        table.clock.at_s += 3
        await table.look(lost="held.db: damaged", events=[], opened=None)
        seen = table.text()
        assert "✗ LOST 3s" in seen
        assert "held.db: damaged" in table.words()
        assert "✗ FAIL" in seen
        assert table.app.screen.has_class("-old")

    play(held, script)


def test_without_a_sign_of_life_the_link_grows_stale_and_comes_back(held: Path) -> None:
    async def script(table: Table) -> None:
        await table.look(sign=True)
        assert "✓ LIVE 0s" in table.text()
        await table.pass_(2)
        assert "▲ LAG 2s" in table.text()
        await table.pass_(8)
        assert "? STALE 10s" in table.text()
        assert "is `rollout rehearse --by-hand --resume` alive?" in table.words()
        await table.look(sign=True)
        assert "✓ LIVE 0s" in table.text()

    play(held, script)


def test_an_ended_rollout_needs_no_controller(tmp_path: Path) -> None:
    path = tmp_path / "done.db"
    store_file(path, completed_story)

    async def script(table: Table) -> None:
        await table.look()
        assert "✓ LIVE" in table.text()
        assert "the rollout has ended" in table.text()

    play(path, script)


@pytest.mark.parametrize("columns", [60, 79, 80, 99, 100, 129, 130, 140])
def test_no_line_is_wider_than_the_terminal_and_the_world_is_always_named(
    held: Path, columns: int
) -> None:
    async def script(table: Table) -> None:
        await table.look()
        assert max(cells(line) for line in table.screen()) <= columns
        assert "REHEARSAL" in table.screen()[0]
        assert "STALE" in table.screen()[0]

    play(held, script, size=(columns, 24))


def test_a_terminal_that_is_too_small_says_so_and_keeps_the_verdict(held: Path) -> None:
    async def script(table: Table) -> None:
        await table.look()
        assert "enlarge to 60x18" in table.text()
        assert "held" in table.text()
        await table.resize(60, 20)
        assert "enlarge" not in table.text()

    play(held, script, size=(59, 20))


class Busy(RolloutApp):
    """On a machine that has other things to do: a new size is handed on a quarter of a second late."""

    CSS_PATH: ClassVar[Any] = [
        Path(inspect.getfile(RolloutApp)).parent / name for name in RolloutApp.CSS_PATH
    ]

    def set_timer(self, delay: float, callback: Any = None, **given: Any) -> Timer:
        late = 0.25 if callback == self._check_resize else 0.0
        return super().set_timer(delay + late, callback, **given)


def test_a_resize_that_takes_its_time_is_waited_for(held: Path) -> None:
    async def script(table: Table) -> None:
        await table.look()
        for columns, lines in ((60, 20), (140, 45), (140, 45), (80, 24)):
            await table.resize(columns, lines)
            assert max(cells(line) for line in table.screen()) == columns
            assert len(table.screen()) == lines

    play(held, script, size=(80, 24), app_of=Busy)


def test_a_pane_is_zoomed_and_comes_back(held: Path) -> None:
    async def script(table: Table) -> None:
        await table.look()
        count = len([p for p in table.app.screen.query(Pane) if p.display])
        await table.press("tab", "z")
        assert len([p for p in table.app.screen.query(Pane) if p.display]) == 1
        await table.press("z")
        assert len([p for p in table.app.screen.query(Pane) if p.display]) == count

    play(held, script)


def test_themes_change_and_come_around(held: Path) -> None:
    async def script(table: Table) -> None:
        await table.look()
        first = table.app.theme
        seen = []
        for _ in range(3):
            await table.press("t")
            seen.append(table.app.theme)
        assert seen[-1] == first
        assert len(set(seen)) == 3

    play(held, script)
