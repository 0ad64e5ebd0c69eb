"""Plain lines on screen, keys, themes: small pure things."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.domain.errors import PlanProblems
from rollout.tui.app import SCREENS, known_keys
from rollout.tui.keymap import checked, keymap_of
from rollout.tui.lines import content, rail_content
from rollout.tui.theme import BADGES, DARK, LIGHT, SIXTEEN, STYLES, THEMES, next_theme, theme_for
from rollout.view.marks import MARKS


def test_every_mark_is_coloured_where_it_stands() -> None:
    for mark in MARKS.values():
        for ascii_only in (True, False):
            shown = mark.shown(ascii_only=ascii_only)
            found = content([f"  {shown}  rest", f"{shown}PORT"])
            assert [(s.start, s.end, s.style) for s in found.spans] == [
                (2, 2 + len(shown), STYLES[mark.word])
            ]


def test_the_world_the_link_and_decisions_are_coloured_and_words_beside_them_are_not() -> None:
    line = " ▐PROD▌  GO-live  ? STALE 12s  ✗ NO-GO  ✓ GO-AHEAD  # PROD"
    found = {line[s.start : s.end]: s.style for s in content([line]).spans}
    assert found == {
        "▐PROD▌": BADGES["PROD"],
        "? STALE": STYLES["UNKN"],
        "✗ NO-GO": STYLES["FAIL"],
    }


def test_the_rail_shows_where_it_stands_in_colour() -> None:
    line = " ✓ 1 The pilot - X 2 Full sync 2 held"
    found = {line[s.start : s.end]: s.style for s in rail_content(line).spans}
    assert found == {"✓ 1": STYLES["PASS"], "X 2": STYLES["FAIL"]}


def test_markup_in_a_line_is_text() -> None:
    assert content(["[bold red]x[/]", "[@click=app.quit]y[/]"]).plain == (
        "[bold red]x[/]\n[@click=app.quit]y[/]"
    )


@given(st.lists(st.text(max_size=30), max_size=5))
def test_no_line_can_steer_the_terminal_or_become_two(lines: list[str]) -> None:
    text = content(lines).plain
    assert len(text.split("\n")) == max(len(lines), 1)
    assert not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 for c in text.replace("\n", ""))


def test_themes_are_chosen_by_what_the_environment_says() -> None:
    assert theme_for(None, None) == DARK
    assert theme_for("rollout-light", None) == LIGHT
    assert theme_for("textual-light", None) == LIGHT
    assert theme_for("ansi-light", 256) == SIXTEEN
    assert theme_for("nord", 8) == SIXTEEN
    assert {next_theme(name) for name in THEMES} == set(THEMES)
    assert next_theme("nord") == DARK


def _luminance(colour: str) -> float:
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("name", [DARK, LIGHT])
def test_every_word_can_be_read_on_its_ground(name: str) -> None:
    theme = THEMES[name]
    for ground in (theme.background, theme.surface):
        assert ground is not None
        for variable, colour in theme.variables.items():
            if variable.startswith("mark-"):
                pair = sorted((_luminance(colour), _luminance(ground)))
                assert (pair[1] + 0.05) / (pair[0] + 0.05) >= 4.5, (variable, ground)


def test_ids_of_keys_are_unique_and_every_screen_has_one() -> None:
    known = known_keys()
    assert {f"screen.{entry.id}" for entry in SCREENS} <= set(known)
    assert len({entry.key for entry in SCREENS}) == len(SCREENS)


def test_a_keymap_moves_keys(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    path.write_text('keys:\n  app.quit: "ctrl+x"\n  pane.zoom: "f5,+"\n')
    assert keymap_of(path, known_keys()) == {"app.quit": "ctrl+x", "pane.zoom": "f5,+"}


def test_every_mistake_in_a_keymap_is_said_at_once() -> None:
    with pytest.raises(PlanProblems) as wrong:
        checked({"app.quitt": "x", "pane.zoom": "q"}, known_keys(), "keys.yaml")
    said = "\n".join(wrong.value.problems)
    assert "no key 'app.quitt'" in said
    assert "'q' would be both" in said


def test_a_keymap_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    path.write_text("app.quit: q\n")
    with pytest.raises(PlanProblems):
        keymap_of(path, known_keys())


def test_the_keymap_that_the_documents_show_can_be_used(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "tui.md").read_text()
    path = tmp_path / "keys.yaml"
    path.write_text(page.partition("```yaml\n")[2].partition("```")[0])
    assert keymap_of(path, known_keys())["app.quit"] == "ctrl+x"
