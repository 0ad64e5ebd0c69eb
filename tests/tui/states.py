"""The states that pictures are kept of: stories, and what a seat in front of them comes through."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from builders import Story
from seats import Table
from view_stories import no_go_story, running_story, watching_story, whole_plan

Tell = Callable[[Story], Story]
Do = Callable[[Table], Awaitable[None]]


def begun_story(story: Story) -> Story:
    story.plan = whole_plan()
    return story.begin()


async def look(table: Table) -> None:
    await table.look(sign=True)


async def grow_stale(table: Table) -> None:
    await table.pass_(75)


async def lose(table: Table) -> None:
    table.clock.at_s += 3
    await table.look(lost="watched.db: the file is damaged", events=[], opened=None)


async def begin(_table: Table) -> None:
    """Nothing was read yet."""


ROADS: dict[str, tuple[Tell, tuple[tuple[str, Do], ...]]] = {
    "begun": (begun_story, (("first-load", begin), ("empty", look))),
    "running": (running_story, (("running", look), ("stale", grow_stale))),
    "watching": (watching_story, (("watching", look), ("lost", lose))),
    "no-go": (no_go_story, (("no-go", look),)),
}
"""Stories, and the states that a seat in front of them comes through, one after the other."""
