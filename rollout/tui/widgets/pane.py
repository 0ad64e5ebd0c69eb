"""A framed pane of plain lines that are made anew for its width; focused, it can be zoomed and copied."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from rollout.tui.lines import LinesFor, clean, content

EMPTY = "nothing yet"


class Pane(VerticalScroll, can_focus=True):
    """Shows the lines that `show` was given a maker of. Its border title never scrolls away."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "scroll_down", show=False, id="pane.down"),
        Binding("up,k", "scroll_up", show=False, id="pane.up"),
        Binding("pagedown,ctrl+d", "page_down", show=False, id="pane.page_down"),
        Binding("pageup,ctrl+u", "page_up", show=False, id="pane.page_up"),
        Binding("home", "scroll_home", show=False, id="pane.home"),
        Binding("end,G", "scroll_end", show=False, id="pane.end"),
    ]

    def __init__(
        self,
        title: str,
        *,
        id: str,  # noqa: A002 - Textual's name
        about: str = "",
    ) -> None:
        super().__init__(id=id, classes="pane")
        self._title, self.about = title, about
        self._filter = ""
        self._lines_for: LinesFor = _nothing
        self._shown: Sequence[str] = ()
        self._text = Static(markup=False)

    def compose(self) -> ComposeResult:
        yield self._text

    def on_mount(self) -> None:
        self._entitle()

    def show(self, lines_for: LinesFor, title: str | None = None) -> None:
        """Draw what `lines_for` gives for the width there is, now and after each resize."""
        self._lines_for = lines_for
        if title is not None:
            self._title = title
        self._draw()

    @property
    def room(self) -> int:
        """Columns for a line. One stays free for the scrollbar, so that it never moves the text."""
        return max(self.scrollable_content_region.width, 0)

    @property
    def lines(self) -> Sequence[str]:
        """As shown now."""
        return self._shown

    def copied(self) -> str:
        """What `Y` copies."""
        return "\n".join(clean(line).rstrip() for line in self._shown)

    def copied_row(self) -> str:
        """What `y` copies: a plain pane has no cursor, so all of it."""
        return self.copied()

    def on_resize(self, _event: events.Resize) -> None:
        self._draw()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self._count_hidden()

    def watch_has_focus(self, has_focus: bool) -> None:
        super().watch_has_focus(has_focus)
        self._entitle()

    def _draw(self) -> None:
        self._entitle()
        if self.room == 0:
            return
        lines = self._filtered(list(self._lines_for(self.room)))
        if lines != self._shown:
            self._shown = lines
            self._text.update(self._content(lines))
        self._count_hidden()

    def filter(self, text: str) -> None:
        """Only lines that hold the text, whatever its case; empty shows all again."""
        self._filter = text.strip().casefold()
        self._draw()

    def _filtered(self, lines: list[str]) -> list[str]:
        if not self._filter:
            return lines
        found = [line for line in lines if self._filter in line.casefold()]
        return found or [f"nothing holds {self._filter!r}: Esc in the filter shows all"]

    @property
    def title(self) -> str:
        """Of the frame, without the mark of the focus."""
        return self._title

    def _count_hidden(self) -> None:
        """What does not fit is never cut without a word."""
        below = len(self._shown) - round(self.scroll_y) - self.content_size.height
        self.border_subtitle = f"{below} more below" if below > 0 else ""

    def _content(self, lines: Sequence[str]) -> Content:
        return content(lines)

    def _entitle(self) -> None:
        """Focus shows in the title too: a border's colour alone is not enough."""
        ascii_only = self.app.has_class("-ascii")
        mark = ("> " if ascii_only else "▌") if self.has_focus else ""
        only = f"  only: {self._filter}" if self._filter else ""
        self.border_title = Content(clean(f"{mark}{self._title}{only}"))


def _nothing(_width: int) -> list[str]:
    return [EMPTY]
