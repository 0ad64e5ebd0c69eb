"""A seat in front of a store, without a terminal: looks happen when the test says so."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textual.geometry import Size
from textual.pilot import Pilot

from rollout.tui.app import RolloutApp
from rollout.tui.link import StoreLink
from rollout.tui.messages import Read, Reading
from rollout.tui.program import Seat

MOST_LOOKS = 250
"""After so many something is wrong; each waits until what was begun is done."""


class Monotonic:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.at_s = 100.0

    def __call__(self) -> float:
        return self.at_s


class HandLink(StoreLink):
    """Its thread only waits; `Table.look` looks instead, in the test's own thread."""

    def run(
        self, publish: Callable[[Reading], None], is_cancelled: Callable[[], bool] = lambda: False
    ) -> None:
        self.stop.wait()


@dataclass
class Table:
    """The app, its pilot, and what a test does with them."""

    app: RolloutApp
    pilot: Pilot[Any]
    link: StoreLink
    clock: Monotonic

    async def look(self, **given: Any) -> None:
        """One look at the store; `given` replaces what it found."""
        reading = self.link.look()
        self.app.post_message(Read(Reading(**{**vars(reading), **given})))
        await self.settle()

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.settle()

    async def settle(self) -> None:
        await self.pilot.pause()
        await self.pilot.pause()

    async def work_done(self) -> None:
        """Everything that was begun in the background, but for the link, has ended."""
        for _ in range(20):
            busy = [w for w in self.app.workers if w.group != "link" and not w.is_finished]
            if busy:
                await self.app.workers.wait_for_complete(busy)
            await self.settle()
            if not busy:
                return

    async def until(self, is_so: Callable[[], bool]) -> None:
        """On a busy machine what a key begins may begin late."""
        for _ in range(MOST_LOOKS):
            if is_so():
                return
            await self.work_done()
        raise AssertionError(f"after {MOST_LOOKS} looks it is not so:\n{self.text()}")

    async def pass_(self, seconds: float) -> None:
        """Time goes by and nothing is read."""
        self.clock.at_s += seconds
        self.app.grow_older()
        await self.settle()

    async def resize(self, columns: int, lines: int) -> None:
        """Until every screen is laid out anew, which the app puts off, and stands still."""
        await self.pilot.resize_terminal(columns, lines)
        before = ""
        for _ in range(MOST_LOOKS):
            seen = self.text() if self._is_laid_out(Size(columns, lines)) else ""
            if seen and seen == before:
                return
            before = seen
            await self.settle()
        raise AssertionError(f"after {MOST_LOOKS} looks the screen is not {columns}x{lines}")

    def _is_laid_out(self, size: Size) -> bool:
        return all(s.size == s._compositor.size == size for s in self.app.screen_stack)

    def screen(self) -> list[str]:
        """What a person sees, line by line."""
        strips = self.app.screen._compositor.render_strips()
        return [strip.text.rstrip() for strip in strips]

    def text(self) -> str:
        return "\n".join(self.screen()) + "\n"

    def words(self) -> str:
        """The same, wherever lines were broken."""
        return " ".join(self.text().split())


Script = Callable[[Table], Awaitable[None]]


def play(
    store: Path | str,
    script: Script,
    *,
    size: tuple[int, int] = (80, 24),
    link_of: type[StoreLink] = HandLink,
    app_of: type[RolloutApp] = RolloutApp,
    **seat: Any,
) -> RolloutApp:
    """Sit down in front of the store, do what the script says, leave."""
    clock = Monotonic()
    link = link_of(store, monotonic=clock)
    app = app_of(Seat(link=link, monotonic=clock, **seat))

    async def sit() -> None:
        async with app.run_test(size=size) as pilot:
            table = Table(app, pilot, link, clock)
            try:
                await table.settle()
                await script(table)
            finally:
                link.stop.set()
                link.close()

    asyncio.run(sit())
    return app
