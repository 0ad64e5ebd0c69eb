"""The lines above and below every screen."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from builders import completed_story, held_story, undone_story
from hypothesis import given
from hypothesis import strategies as st

from rollout.view.environment import environment_of
from rollout.view.footer import FooterKey, footer_line
from rollout.view.heading import HeadingView, heading_line, rail_line
from rollout.view.link_state import live_link
from rollout.view.model import PhaseView
from rollout.view.plan_words import PlanWords
from rollout.view.status import status_view
from rollout.view.text import cells

NOW = datetime(2026, 1, 6, 12, 4, 11, tzinfo=UTC)
TITLES = [
    "Pilot with 50 creates and 50 updates",
    "Full Sync A, create every missing property",
    "Full Sync B, update every property that differs",
    "48 hours of monitoring",
    "Hand over to daily operation",
]


def phase(number: int, stage: str, word: str, attempt: int = 1) -> PhaseView:
    return PhaseView(
        id=["pilot", "full_sync_a", "full_sync_b", "monitoring", "operationalize"][number],
        title=TITLES[number],
        stage=stage,
        word=word,
        attempt=attempt,
        since=None,
        reason="",
        steps_done=0,
        steps_total=0,
    )


FIVE = [
    phase(0, "passed", "PASS"),
    phase(1, "running", "RUN", attempt=2),
    *(phase(n, "pending", "TODO") for n in (2, 3, 4)),
]


def heading(**given: object) -> HeadingView:
    said: dict[str, object] = {
        "environment": environment_of("prod"),
        "rollout": "property-feature-sync",
        "who": "kim (project_lead)",
        "now": NOW,
        "link": live_link(0.4),
        "phases": FIVE,
        "current_share": 0.62,
    }
    return HeadingView(**{**said, **given})  # type: ignore[arg-type]  # names checked by the Struct


def test_the_heading_names_world_rollout_person_time_and_link() -> None:
    assert heading_line(heading(), 80) == (
        " ▐PROD▌  property-feature-sync       kim (project_lead)   12:04:11Z   ✓ LIVE 0s "
    )


def test_the_person_goes_before_the_time_and_never_the_world_or_the_link() -> None:
    line = heading_line(heading(), 60)
    assert "kim" not in line
    assert "12:04:11Z" in line
    assert "PROD" in line
    assert "✓ LIVE 0s" in line
    assert "12:04:11Z" not in heading_line(heading(), 40)
    assert "✓ LIVE 0s" in heading_line(heading(), 40)


def test_the_rail_shows_every_phase_and_how_far_the_current_one_is() -> None:
    wide = rail_line(heading(), 200)
    assert "✓ 1 Pilot ─ ▸ 2 Full Sync A running 62% attempt 2 ─ ○ 3 Full Sync B" in wide
    assert (
        rail_line(heading(), 66) == " ✓ 1 ─ ▸ 2 full_sync_a running 62% attempt 2 ─ ○ 3 ─ ○ 4 ─ ○ 5"
    )
    for number in "12345":
        assert number in rail_line(heading(), 70)


@pytest.mark.parametrize("width", [20, 40, 59, 60, 79, 80, 99, 100, 129, 130, 140])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_no_line_above_or_below_is_too_wide(width: int, ascii_only: bool) -> None:
    keys = [FooterKey("g", "go", "held"), *(FooterKey(str(n), "a label") for n in range(9))]
    lines = [
        heading_line(heading(), width, ascii_only=ascii_only),
        rail_line(heading(), width, ascii_only=ascii_only),
        footer_line(keys, width, ascii_only=ascii_only),
    ]
    assert max(cells(line) for line in lines) <= width
    if ascii_only:
        assert "".join(lines).isascii()


@given(st.text(max_size=60), st.integers(10, 150))
def test_foreign_names_cannot_break_the_heading(name: str, width: int) -> None:
    line = heading_line(heading(rollout=name, who=name), width)
    assert cells(line) <= width
    assert "\n" not in line
    assert "\x1b" not in line


def test_the_rail_of_real_states_names_the_stage() -> None:
    for tell, words in ((held_story, "held"), (completed_story, "2 Everything")):
        view = status_view(tell().state(), PlanWords())
        assert words in rail_line(heading(phases=view.phases, current_share=None), 100)


def test_the_rail_says_what_was_undone() -> None:
    view = heading(
        phases=status_view(undone_story().state(), PlanWords()).phases, current_share=None
    )
    assert rail_line(view, 100) == " ▲ 1 The pilot undone ─ ▲ 2 Everything rolled back"
    assert rail_line(view, 46) == " ▲ 1 pilot undone ─ ▲ 2 full rolled back"
    assert rail_line(view, 34) == " ▲ 1 ─ ▲ 2 full rolled back"


def test_a_locked_key_keeps_its_place_in_brackets() -> None:
    keys = [
        FooterKey("g", "go", "the pilot is held"),
        FooterKey("p", "hold"),
        FooterKey("?", "help"),
    ]
    assert footer_line(keys, 80) == " (g go)  p hold  ? help"


def test_the_last_keys_stay_as_they_lead_to_all_the_others() -> None:
    keys = [FooterKey(str(n), "some label") for n in range(5)]
    keys += [FooterKey(":", "all"), FooterKey("?", "help")]
    line = footer_line(keys, 40)
    assert line.endswith(": all  ? help")
    assert "0 some label" in line
