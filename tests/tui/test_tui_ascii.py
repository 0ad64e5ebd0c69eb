"""Without a glyph beyond ASCII: every screen, pane and dialog still shows all that it has to say."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders import store_file
from seats import Table, play
from states import look
from view_stories import no_go_story

from rollout.tui.modals.help import HelpDialog
from rollout.tui.widgets.pane import Pane


@pytest.fixture
def stood_against(tmp_path: Path) -> Path:
    path = tmp_path / "s.db"
    store_file(path, no_go_story)
    return path


def _is_plain(table: Table) -> None:
    assert table.text().isascii(), [c for c in table.text() if ord(c) > 127]


def _panes_are_filled(table: Table) -> None:
    """Of every pane in sight the first line is drawn, whole: its text alone would prove nothing."""
    panes = [pane for pane in table.app.screen.query(Pane) if pane.region.area]
    for pane in panes:
        assert pane.lines[0].strip() in table.text(), f"{pane.id} is empty:\n{table.text()}"


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (140, 45)])
def test_every_screen_is_ascii_and_shows_what_its_panes_hold(
    size: tuple[int, int], stood_against: Path
) -> None:
    async def script(table: Table) -> None:
        await look(table)
        for key in "1234569":
            await table.press(key)
            _is_plain(table)
            _panes_are_filled(table)

    play(stood_against, script, size=size, ascii_only=True)


def test_help_and_the_palette_are_ascii_and_show_what_they_hold(stood_against: Path) -> None:
    async def script(table: Table) -> None:
        await look(table)
        await table.press("question_mark")
        assert isinstance(table.app.screen, HelpDialog)
        _is_plain(table)
        _panes_are_filled(table)
        await table.press("escape", "slash")
        _is_plain(table)
        assert "only lines that hold this" in table.text()
        await table.press("escape", "colon", *"theme")
        await table.pilot.pause(0.3)
        _is_plain(table)
        assert "dark, light, 16 colours" in table.text(), table.text()

    play(stood_against, script, ascii_only=True)
