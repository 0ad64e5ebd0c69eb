"""The command palette: every action by name, locked ones with their reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Protocol, cast

from textual.command import CommandPalette, DiscoveryHit, Hit, Hits, Provider, SearchIcon


class PaletteHost(Protocol):
    """What the palette asks of the program."""

    def palette(self) -> Iterator[tuple[str, str, Callable[[], object]]]: ...


class Actions(Provider):
    """Name, what it does or why not, and the doing."""

    async def discover(self) -> Hits:
        for name, about, run in self._entries():
            yield DiscoveryHit(name, partial(_ignoring, run), help=about)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for name, about, run in self._entries():
            score = matcher.match(name)
            if score > 0:
                yield Hit(score, matcher.highlight(name), partial(_ignoring, run), help=about)

    def _entries(self) -> Iterator[tuple[str, str, Callable[[], object]]]:
        return cast("PaletteHost", self.app).palette()


class Palette(CommandPalette):
    """Textual's, in our words, and without a glyph beyond ASCII where none is wanted."""

    def __init__(self, *, ascii_only: bool) -> None:
        super().__init__(placeholder="an action by name", id="--command-palette")
        self._ascii_only = ascii_only

    def on_mount(self) -> None:
        if self._ascii_only:
            self.query_one(SearchIcon).icon = ">"


def _ignoring(run: Callable[[], object]) -> None:
    run()
