"""A picture whose parts stand side by side where there is room, and below each other where not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Container

from rollout.tui.lines import LinesFor
from rollout.tui.screens.base import RolloutScreen
from rollout.tui.snapshot import Snapshot
from rollout.tui.widgets.pane import Pane

PartFor = Callable[[str], LinesFor]
"""Lines of one part, by its name; of all parts together by the empty name."""


class PartsScreen(RolloutScreen):
    """A subclass names its parts and draws each. Below 100 columns one pane shows them all in their
    order; from there on each has a pane of its own."""

    NAME: ClassVar[str] = ""
    TITLE_OF_ALL: ClassVar[str] = ""
    PARTS: ClassVar[tuple[tuple[str, str], ...]] = ()
    """Name and title, in the order in which Tab visits them."""

    def compose_body(self) -> ComposeResult:
        yield Pane(self.TITLE_OF_ALL, id="all")
        panes = [Pane(title, id=f"part-{name}") for name, title in self.PARTS]
        yield Container(*panes, id="parts", classes=f"{self.NAME}-parts")

    def parts(self, snapshot: Snapshot) -> PartFor:
        """How each part looks in this snapshot."""
        raise AssertionError(f"{type(self).__name__} must say how its parts look")

    def draw(self, snapshot: Snapshot) -> None:
        if not snapshot.is_loaded:
            self._show_all(lambda _part: _not_read)
        else:
            self._show_all(self.parts(snapshot))
        self._hold_focus()

    @property
    def panes(self) -> list[Pane]:
        """Those that are seen at this width."""
        return [p for p in super().panes if p.id == "all" or self.query_one("#parts").display]

    def _hold_focus(self) -> None:
        """A pane that another width hides cannot keep the focus."""
        panes = self.panes
        if panes and self.focused not in panes:
            panes[0].focus()

    def _show_all(self, part_for: PartFor) -> None:
        for name, pane in [("", "all"), *((name, f"part-{name}") for name, _ in self.PARTS)]:
            self.query_one(f"#{pane}", Pane).show(_never_empty(part_for(name)))


def _never_empty(lines_for: LinesFor) -> LinesFor:
    """A pane without a word would look as if something were missing."""
    return lambda width: lines_for(width) or ["none"]


def _not_read(_width: int) -> Sequence[str]:
    return ["nothing was read yet"]
