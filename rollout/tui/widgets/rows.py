"""A pane with a cursor: one row a thing, held on the thing while rows around it come and go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content, Span
from textual.message import Message

from rollout.tui.lines import clean, content
from rollout.tui.widgets.pane import EMPTY, Pane


@dataclass(frozen=True)
class Row:
    """`id` says which thing it is; `line` is how it looks at the width it was made for; a `dim` one
    does nothing now, which the line itself says as well."""

    id: str
    line: str
    dim: bool = False


_NOTHING_HOLDS = "no row holds that (Esc shows all)"

RowsFor = Callable[[int], Sequence[Row]]


class RowsPane(Pane):
    """Tens of rows, not thousands. Posts `Picked` on Enter or a click on the row under the cursor,
    `Moved` when the cursor comes to another thing."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "cursor(1)", show=False, id="rows.down"),
        Binding("up,k", "cursor(-1)", show=False, id="rows.up"),
        Binding("pagedown,ctrl+d", "cursor(10)", show=False, id="rows.page_down"),
        Binding("pageup,ctrl+u", "cursor(-10)", show=False, id="rows.page_up"),
        Binding("home", "cursor(-100000)", show=False, id="rows.home"),
        Binding("end,G", "cursor(100000)", show=False, id="rows.end"),
        Binding("enter", "pick", show=False, id="rows.pick"),
    ]

    class OfRow(Message):
        """About one row of one pane."""

        def __init__(self, pane: RowsPane, row: str) -> None:
            super().__init__()
            self.pane, self.row = pane, row

        @property
        def control(self) -> RowsPane:
            return self.pane

    class Picked(OfRow):
        """A person wants to see, or do, this."""

    class Moved(OfRow):
        """The cursor is on another thing. No kind of `Picked`: who moves has decided nothing."""

    def __init__(
        self,
        title: str,
        *,
        id: str,  # noqa: A002 - Textual's name
        empty: str = EMPTY,
        about: str = "",
    ) -> None:
        super().__init__(title, id=id, about=about)
        self._empty = empty
        self._rows: Sequence[Row] = ()
        self._cursor = ""
        self._position = 0

    def show_rows(self, rows_for: RowsFor, title: str | None = None) -> None:
        """Draw these rows; a row's line should leave two columns for the cursor."""

        def lines_for(width: int) -> list[str]:
            found = list(rows_for(width - 2))
            self._rows = [row for row in found if self._filter in row.line.casefold()]
            is_hidden = bool(found) and not self._rows
            self._hold()
            bar = ">" if self.app.has_class("-ascii") else "▌"
            return [
                f"{bar if row.id == self._cursor else ' '} {row.line}" for row in self._rows
            ] or [_NOTHING_HOLDS if is_hidden else self._empty]

        self.show(lines_for, title)

    @property
    def selected(self) -> str:
        """The id of the row under the cursor; empty without rows."""
        return self._cursor if self._rows else ""

    def select(self, row: str) -> None:
        """Put the cursor on a thing, if it is there."""
        if any(r.id == row for r in self._rows):
            self._cursor = row
            self._redraw()

    def copied_row(self) -> str:
        return next((clean(r.line) for r in self._rows if r.id == self._cursor), "")

    def action_cursor(self, by: int) -> None:
        if self._rows:
            self._go_to(min(max(self._position + by, 0), len(self._rows) - 1))

    def action_pick(self) -> None:
        if self.selected:
            self.post_message(self.Picked(self, self.selected))

    def on_click(self, event: events.Click) -> None:
        """The first click comes to a row, the next one on it opens it."""
        offset = event.get_content_offset(self)
        if offset is None:
            return
        row = offset.y + self.scroll_offset.y
        if 0 <= row < len(self._rows):
            again = self._rows[row].id == self._cursor
            self._go_to(row)
            if again:
                self.action_pick()

    def _go_to(self, position: int) -> None:
        self._position, before = position, self._cursor
        self._cursor = self._rows[position].id
        self._redraw()
        if self._cursor != before:
            self.post_message(self.Moved(self, self._cursor))

    def _redraw(self) -> None:
        self._draw()
        y, top, height = self._position, round(self.scroll_y), self.content_size.height
        if height and not top <= y < top + height:
            self.scroll_to(y=y if y < top else y - height + 1, animate=False)

    def _hold(self) -> None:
        """The cursor stays on its thing; when that is gone, on its place."""
        if not self._rows:
            return
        ids = [row.id for row in self._rows]
        if self._cursor in ids:
            self._position = ids.index(self._cursor)
        else:
            self._position = min(self._position, len(ids) - 1)
            self._cursor = ids[self._position]

    def _filtered(self, lines: list[str]) -> list[str]:
        return lines  # rows were left out already, so that the cursor knows

    def _content(self, lines: Sequence[str]) -> Content:
        shown = content(lines)
        if not self._rows:
            return shown
        spans, start = list(shown.spans), 0
        for number, (row, line) in enumerate(zip(self._rows, lines, strict=True)):
            end = start + len(clean(line))
            if row.dim:
                spans.append(Span(start, end, "$mark-dim"))
            if number == self._position:
                spans.append(Span(start, end, "on $cursor-row"))
            start = end + 1
        return Content(shown.plain, spans, strip_control_codes=False)
