"""A log of any length on screen: only the lines that are seen are read and drawn."""

from __future__ import annotations

from collections import OrderedDict
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.visual import Visual

from rollout.domain.errors import LogDamaged, StoreUnavailable
from rollout.domain.events import Event
from rollout.tui.lines import clean, content
from rollout.view.log_page import LogPages, LogSource, Matches
from rollout.view.log_text import DENSITIES, log_line

LINES_KEPT = 2_000


class LogPane(ScrollView, can_focus=True):
    """Rows are numbers of events, all of them or those of `matches`. Follows the newest one until
    somebody moves; posts `Moved` when the cursor comes to another event, `Picked` on Enter."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", show=False, id="log.down"),
        Binding("up,k", "move(-1)", show=False, id="log.up"),
        Binding("pagedown,ctrl+d", "move_page(1)", show=False, id="log.page_down"),
        Binding("pageup,ctrl+u", "move_page(-1)", show=False, id="log.page_up"),
        Binding("home", "first", show=False, id="log.home"),
        Binding("end,G", "last", show=False, id="log.end"),
        Binding("enter", "pick", show=False, id="log.pick"),
    ]

    class Moved(Message):
        """The cursor is on another event, or on none (0)."""

        def __init__(self, seq: int) -> None:
            super().__init__()
            self.seq = seq

    class Picked(Moved):
        """A person wants to see all of it."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, classes="pane")
        self._pages: LogPages | None = None
        self.matches: Matches | None = None
        self.head = 0
        self.density = DENSITIES[0]
        self.is_following = True
        self._seen_head = 0
        self._cursor = 0
        self._lines: OrderedDict[tuple[int, int, str], Content] = OrderedDict()
        self.trouble = ""
        """Why nothing can be read now."""

    # what is shown ---------------------------------------------------------

    def open(self, source: LogSource, rollout: str) -> None:
        """Show this log from its newest event on."""
        self._pages = LogPages(source, rollout)
        self._lines.clear()
        self.matches, self.head, self._cursor = None, 0, 0

    def grow(self, head: int) -> None:
        """The log goes up to `head` now; a log that became shorter is another one at another time."""
        if head < self.head:
            self._lines.clear()
        self.head = head
        self._resized()
        if self.is_following:
            self._go_to_row(self.rows - 1)
            self._seen_head = head
        self.refresh()

    def filter(self, matches: Matches | None) -> None:
        """Show only these; None: all. The cursor stays on its event where it can."""
        seq, self.matches = self.seq, matches
        self._resized()
        self.select(seq)

    def more_above(self, found: int) -> None:
        """So many older matches were found: what is on screen stays where it is."""
        top = self.scroll_offset.y
        self._cursor += found
        self._resized()
        if not self.is_following and found:
            self.scroll_to(y=top + found, animate=False, immediate=True)
        elif self.is_following:
            self._go_to_row(self.rows - 1)
        self.refresh()

    def change_density(self) -> str:
        """The next one; its name."""
        self.density = DENSITIES[(DENSITIES.index(self.density) + 1) % len(DENSITIES)]
        self.refresh()
        return self.density

    def follow(self, on: bool) -> None:
        self.is_following = on
        if on:
            self._go_to_row(self.rows - 1)
            self._seen_head = self.head

    @property
    def unseen(self) -> int:
        """Events appended since somebody moved away from the end."""
        return 0 if self.is_following else max(self.head - self._seen_head, 0)

    @property
    def rows(self) -> int:
        return len(self.matches) if self.matches is not None else self.head

    @property
    def seq(self) -> int:
        """The number of the event under the cursor; 0 for none."""
        return self.seq_of(self._cursor)

    def seq_of(self, row: int) -> int:
        if not 0 <= row < self.rows:
            return 0
        return self.matches.seq(row) if self.matches is not None else row + 1

    def select(self, seq: int) -> None:
        """Put the cursor on an event, or on the one before it."""
        row = self.matches.position(seq) if self.matches is not None else max(seq - 1, 0)
        if seq != self.seq_of(self.rows - 1):
            self._stop_following()
        self._go_to_row(row)

    def try_again(self) -> None:
        """Read again what could not be read before."""
        if self.trouble:
            self.trouble = ""
            self.refresh()

    def event(self, seq: int) -> Event | None:
        """None when it is not there, or nothing can be read now: a read that failed is not tried for
        every line that it was wanted for, but when somebody says `try_again`."""
        if self._pages is None or self.trouble:
            return None
        try:
            found = self._pages.event(seq)
        except (StoreUnavailable, LogDamaged) as error:
            self.trouble = str(error)
            return None
        return found

    # drawing ---------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """One line of the widget."""
        row, width = y + self.scroll_offset.y, self.room
        style = self.visual_style
        if row == self._cursor and self.rows:
            style += self._get_style("on $cursor-row")
        bar = (">" if self.app.has_class("-ascii") else "▌") if row == self._cursor else " "
        line = self._content_of(self.seq_of(row), max(width - 2, 1), bar)
        (strip, *_) = Visual.to_strips(self, line, width, 1, style, pad=True)
        return strip

    def _content_of(self, seq: int, width: int, bar: str) -> Content:
        if not seq:
            return content([""])
        key = (seq, width, f"{self.density}{bar}")
        known = self._lines.get(key)
        if known is not None:
            self._lines.move_to_end(key)
            return known
        event = self.event(seq)
        if event is None:
            return content([f"{bar} #{seq} cannot be read now"])
        ascii_only = self.app.has_class("-ascii")
        line = content([f"{bar} {log_line(event, width, self.density, ascii_only=ascii_only)}"])
        self._lines[key] = line
        while len(self._lines) > LINES_KEPT:
            self._lines.popitem(last=False)
        return line

    def copied(self) -> str:
        """What `Y` copies: what is seen."""
        top = self.scroll_offset.y
        return "\n".join(self._plain(row) for row in range(top, top + self.size.height)).rstrip()

    def copied_row(self) -> str:
        """What `y` copies."""
        return self._plain(self._cursor)

    def _plain(self, row: int) -> str:
        event = self.event(self.seq_of(row))
        return clean(log_line(event, 1000, self.density)) if event is not None else ""

    # moving ----------------------------------------------------------------

    def action_move(self, by: int) -> None:
        self._stop_following()
        self._go_to_row(self._cursor + by)

    def action_move_page(self, by: int) -> None:
        self.action_move(by * max(self.size.height - 1, 1))

    def action_first(self) -> None:
        self._stop_following()
        self._go_to_row(0)

    def action_last(self) -> None:
        self._go_to_row(self.rows - 1)

    def action_pick(self) -> None:
        if self.seq:
            self.post_message(self.Picked(self.seq))

    def on_click(self, event: events.Click) -> None:
        """The first click comes to an event, the next one on it opens it."""
        offset = event.get_content_offset(self)
        if offset is None:
            return
        row = offset.y + self.scroll_offset.y
        if row == self._cursor:
            self.action_pick()
        elif row < self.rows:
            self._stop_following()
            self._go_to_row(row)

    def on_mouse_scroll_up(self, _event: events.MouseScrollUp) -> None:
        self._stop_following()

    @property
    def room(self) -> int:
        """Columns for a line, the scrollbar's own left free."""
        return max(self.scrollable_content_region.width, 0)

    def on_mount(self) -> None:
        self._entitle()

    def watch_has_focus(self, has_focus: bool) -> None:
        super().watch_has_focus(has_focus)
        self._entitle()

    def _entitle(self) -> None:
        """Focus shows in the title too: a border's colour alone is not enough."""
        mark = (">" if self.app.has_class("-ascii") else "▌") if self.has_focus else ""
        self.border_title = Content(f"{mark}Log")

    def on_resize(self, _event: events.Resize) -> None:
        self._resized()
        self._go_to_row(self._cursor)

    def _stop_following(self) -> None:
        if self.is_following:
            self.is_following, self._seen_head = False, self.head

    def _go_to_row(self, row: int) -> None:
        before = self.seq
        self._cursor = min(max(row, 0), max(self.rows - 1, 0))
        self.scroll_to_region(
            Region(0, self._cursor, 1, 1), animate=False, immediate=True, force=True
        )
        self.refresh()
        if self.seq != before:
            self.post_message(self.Moved(self.seq))

    def _resized(self) -> None:
        self.virtual_size = Size(self.room, self.rows)
