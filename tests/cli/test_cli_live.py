"""The live picture of a rehearsal: redrawn on change, not too often, gone afterwards."""

from __future__ import annotations

import io

from builders import START, Story, held_story
from rich.console import Console

from rollout.cli.live import AT_MOST_EVERY_S, LiveStatus


class Seconds:
    """A stopwatch that the test winds."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def screen() -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    return Console(file=out, force_terminal=True, width=90, height=30, color_system=None), out


def test_a_change_is_drawn_and_no_change_is_not() -> None:
    console, out = screen()
    seconds = Seconds()
    story = held_story()
    with LiveStatus(ascii_only=True, console=console, seconds=seconds) as watch:
        watch(story.state(), START)
        first = out.getvalue()
        assert "Two phases" in first
        assert "gate ready" in first
        seconds.now += 10
        watch(story.state(), START)
        assert out.getvalue() == first
        story.say("hold", "pilot")
        watch(story.state(), START)
        assert len(out.getvalue()) > len(first)


def test_it_draws_at_most_ten_times_a_second() -> None:
    console, out = screen()
    seconds = Seconds()
    story = Story().begin()
    with LiveStatus(ascii_only=True, console=console, seconds=seconds) as watch:
        watch(story.state(), START)
        drawn = out.getvalue()
        for _ in range(5):
            story.say("hold", "pilot")
            seconds.now += AT_MOST_EVERY_S / 10
            watch(story.state(), START)
        assert out.getvalue() == drawn
        seconds.now += AT_MOST_EVERY_S
        watch(story.state(), START)
        assert out.getvalue() != drawn


def test_a_small_window_gets_a_picture_that_fits() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=40, height=6, color_system=None)
    with LiveStatus(ascii_only=True, console=console, seconds=Seconds()) as watch:
        watch(held_story().state(), START)
    assert "Two phases" in out.getvalue()
    assert "empty_keys" not in out.getvalue()
