"""Every mark can be read: 4.5 to 1 at least, in each theme, when the link is old, and without colour."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from builders import store_file
from rich.color_triplet import ColorTriplet
from rich.segment import Segment
from seats import Table, play
from states import lose
from textual.color import Color
from view_stories import no_go_story

from rollout.tui.theme import DARK, LIGHT, STYLES, THEMES
from rollout.view.marks import MARKS

LEAST = 4.5
"""Source: WCAG 2.2, 1.4.3."""


PANES = {THEMES[LIGHT].background, THEMES[LIGHT].surface}
"""Beside them (heading, cursor) a light WARN has less: a darker one is too near to FAIL for deuteranopes.
It is underlined there as everywhere."""


def _luminance(colour: ColorTriplet) -> float:
    parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour.normalized]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one: ColorTriplet, other: ColorTriplet) -> float:
    """1 for the same colour to 21 for black and white."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_as_the_guidelines_define_it() -> None:
    black, white, grey = (
        ColorTriplet(0, 0, 0),
        ColorTriplet(255, 255, 255),
        ColorTriplet(*[119] * 3),
    )
    assert contrast(black, white) == pytest.approx(21)
    assert contrast(white, grey) == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("name", [DARK, LIGHT])
def test_every_mark_of_a_theme_can_be_read_on_every_ground(name: str) -> None:
    theme = THEMES[name]
    for word, style in STYLES.items():
        colour = Color.parse(theme.variables[style.rpartition("$")[2]])
        for ground in (theme.background, theme.surface, theme.panel, theme.variables["cursor-row"]):
            assert ground is not None
            seen = contrast(colour.rich_color.get_truecolor(), _triplet(ground))
            is_pale = (name, word) == (LIGHT, "WARN") and ground not in PANES
            assert seen >= (3.85 if is_pale else LEAST), (word, ground, seen)


def _triplet(text: str) -> ColorTriplet:
    return Color.parse(text).rich_color.get_truecolor()


def _marks(table: Table) -> Iterator[tuple[str, Segment]]:
    """Every word of a mark in the panes, as it is drawn at last."""
    for strip in table.app.screen._compositor.render_strips()[2:-2]:
        for segment in strip:
            found = [m.word for m in MARKS.values() if m.shown() == segment.text.strip()]
            yield from ((word, segment) for word in found)


@pytest.mark.parametrize("theme", [DARK, LIGHT])
@pytest.mark.parametrize("without_colour", [False, True])
def test_marks_of_an_old_picture_can_still_be_read(
    theme: str, without_colour: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if without_colour:
        monkeypatch.setenv("NO_COLOR", "1")
    else:
        monkeypatch.delenv("NO_COLOR", raising=False)
    store_file(tmp_path / "s.db", no_go_story)

    async def script(table: Table) -> None:
        await table.look(sign=True)
        await lose(table)
        assert table.app.screen.has_class("-old")
        assert table.app.no_color is without_colour
        seen = list(_marks(table))
        assert {word for word, _ in seen} >= {"FAIL", "WAIT"}
        for word, segment in seen:
            style = segment.style
            assert style is not None
            assert style.color is not None
            assert style.bgcolor is not None
            assert not style.dim
            text, ground = style.color.get_truecolor(), style.bgcolor.get_truecolor()
            assert contrast(text, ground) >= LEAST, (word, text, ground)
            if without_colour:
                assert len(set(text)) == len(set(ground)) == 1

    play(tmp_path / "s.db", script, theme=theme)
