"""Log: every event, filtered, followed, searched, with how much of its chain was followed."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.widgets import Input, Static

from rollout.domain.errors import LogDamaged, StoreUnavailable
from rollout.domain.state import RolloutState
from rollout.tui.keys import LOOK, Key
from rollout.tui.lines import content
from rollout.tui.screens.base import RolloutScreen
from rollout.tui.screens.event import EventDialog
from rollout.tui.snapshot import Snapshot
from rollout.tui.widgets.log_pane import LogPane
from rollout.tui.widgets.pane import Pane
from rollout.view.chain_mark import STRETCH, ChainMark
from rollout.view.environment import environment_of
from rollout.view.log_filter import HOW, LogFilter, parse_filter
from rollout.view.log_page import LogSource, Matches, find_next, find_previous
from rollout.view.log_status import LogStatusView, log_status_line
from rollout.view.log_text import event_lines

STEP_S = 0.04
"""Between two bounded looks, so that keys are heard in between."""

CHAIN_EVERY = 2
"""Steps between two stretches of the chain: nobody waits for it."""

LOOKS_A_STEP = 4

AGAIN_S = 0.5
"""Before a page is read again that could not be."""


class LogScreen(RolloutScreen):
    """Reads its own pages; a filter and a search go on in small steps until they are through."""

    OWN_KEYS = (
        Key("log.filter", "slash", "filter", "filter", f"show only: {HOW}", LOOK, "/"),
        Key("log.next", "n", "find(1)", "next", "the next match", LOOK),
        Key("log.previous", "N", "find(-1)", "previous", "the match before", LOOK),
        Key("log.follow", "f", "follow", "follow", "stay at the newest event", LOOK),
        Key("log.density", "d", "density", "density", "compact, normal, raw", LOOK),
        Key("log.all", "escape", "clear", "show all", "take the filter away", LOOK, "Esc"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [key.binding() for key in OWN_KEYS]
    FOOTER: ClassVar[tuple[str, ...]] = (
        "log.filter",
        "log.next",
        "log.follow",
        "log.density",
        "app.palette",
        "app.help",
        "app.quit",
    )

    def __init__(self) -> None:
        super().__init__()
        self._source: LogSource | None = None
        self._rollout, self._steps = "", 0
        self._state: RolloutState | None = None
        self._chain = ChainMark("")
        self._wanted, self._searched = LogFilter(), LogFilter()
        self._search: tuple[int, int] | None = None
        """Where a search that goes on is, and which way it goes."""
        self._notice, self._trouble = "", ""

    def compose_body(self) -> ComposeResult:
        yield Static(id="log-line", markup=False)
        yield Container(LogPane(id="log"), Pane("Event", id="event"), id="log-body")
        yield Input(id="log-filter", placeholder=HOW, select_on_focus=False)

    def on_mount(self) -> None:
        self.log_pane.focus()
        self.set_interval(STEP_S, self._step)
        self.set_interval(AGAIN_S, self._try_again)

    def on_unmount(self) -> None:
        self._close()

    @property
    def log_pane(self) -> LogPane:
        return self.query_one("#log", LogPane)

    # the log ---------------------------------------------------------------

    def draw(self, snapshot: Snapshot) -> None:
        if not snapshot.is_loaded:
            return
        if self._source is None or self._is_another_log(snapshot):
            self._open(snapshot)
        matches = self.log_pane.matches
        if matches is not None and matches.high > snapshot.state.seq + 1:
            self._apply(self._wanted, snapshot.state.seq)
        self.log_pane.grow(snapshot.state.seq)
        self._write_line()

    def _is_another_log(self, snapshot: Snapshot) -> bool:
        """A living log keeps its state as long as it is the same file; a recorded one is made anew
        wherever somebody goes."""
        before, self._state = self._state, snapshot.state
        return snapshot.replay is None and before is not snapshot.state

    def _open(self, snapshot: Snapshot) -> None:
        self._close()
        try:
            self._source, self._rollout = self.host.open_log()
        except (StoreUnavailable, LogDamaged) as error:
            self._trouble = str(error)
            return
        self._chain = ChainMark(self._rollout)
        self.log_pane.open(self._source, self._rollout)
        self._apply(self._wanted, snapshot.state.seq)

    def _close(self) -> None:
        source, self._source = self._source, None
        if source is not None:
            source.close()

    @property
    def is_busy(self) -> bool:
        """Whether a filter, a search or the chain still goes on."""
        matches, pane = self.log_pane.matches, self.log_pane
        filtering = matches is not None and not (matches.is_complete and matches.high > pane.head)
        chain_goes_on = self._chain.problem is None and self._chain.verified < pane.head
        return filtering or chain_goes_on or self._search is not None

    def _try_again(self) -> None:
        """A store that is locked is waited for a little, now and then, and not at every step."""
        if self._trouble or self.log_pane.trouble:
            self._trouble = ""
            self.log_pane.try_again()
            self.call_after_refresh(self._write_line)

    def _step(self) -> None:
        """One bounded piece of whatever goes on: filter, search, chain."""
        if self._source is None or self._trouble or self.app.screen is not self:
            return
        try:
            worked = self._filter_step() or self._search_step() or self._chain_step()
        except (StoreUnavailable, LogDamaged) as error:
            self._trouble, worked = str(error), True
        if worked:
            self._write_line()

    def _filter_step(self) -> bool:
        matches = self.log_pane.matches
        if matches is None:
            return False
        newer = matches.high <= self.log_pane.head
        if newer:
            matches.newer(self.log_pane.head)
            self.log_pane.grow(self.log_pane.head)
            return True
        if matches.is_complete:
            return False
        self.log_pane.more_above(sum(matches.older() for _ in range(LOOKS_A_STEP)))
        return True

    def _search_step(self) -> bool:
        if self._search is None or self._source is None:
            return False
        at, way = self._search
        if way > 0:
            found = find_next(
                self._source, self._rollout, self._searched, after=at, head=self.log_pane.head
            )
        else:
            found = find_previous(self._source, self._rollout, self._searched, before=at)
        self._search = None if found.seq is not None or found.is_over else (found.at, way)
        if found.seq is not None:
            self.log_pane.select(found.seq)
            self._notice = ""
        elif found.is_over:
            self._notice = (
                f"nothing {'after' if way > 0 else 'before'} that has {self._searched.said()}"
            )
        return True

    def _chain_step(self) -> bool:
        head = self.log_pane.head
        self._steps += 1
        if self._source is None or self._chain.problem or self._chain.verified >= head:
            return False
        if self._steps % CHAIN_EVERY:
            return False
        after = self._chain.verified
        self._chain.follow(self._source.sealed(self._rollout, after, head + 1, STRETCH))
        return True

    # keys ------------------------------------------------------------------

    def action_filter(self) -> None:
        box = self.query_one("#log-filter", Input)
        box.add_class("-open")
        box.value = self._wanted.said()
        box.focus()

    def action_clear(self) -> None:
        """Out of the box first, then the filter itself."""
        box = self.query_one("#log-filter", Input)
        if box.has_class("-open"):
            self._close_box()
        elif self._wanted or self._search:
            self._search = None
            self._apply(LogFilter(), self.log_pane.head)

    @on(Input.Submitted, "#log-filter")
    def _filtered(self, message: Input.Submitted) -> None:
        try:
            wanted = parse_filter(message.value)
        except ValueError as problem:
            self._notice = str(problem)
            self._write_line()
            return
        self._close_box()
        self._apply(wanted, self.log_pane.head)

    def action_find(self, way: int) -> None:
        """Among all events while nothing is hidden, else simply the next one that is shown."""
        if self.log_pane.matches is not None:
            self.log_pane.action_move(way)
        elif not self._searched:
            self._notice = "nothing was searched for yet: type / and words"
        else:
            self._search = (self.log_pane.seq, way)
        self._write_line()

    def action_follow(self) -> None:
        self.log_pane.follow(not self.log_pane.is_following)
        self._write_line()

    def action_density(self) -> None:
        self.log_pane.change_density()
        self._write_line()

    @on(LogPane.Moved)
    def _moved(self, _message: LogPane.Moved) -> None:
        event = self.log_pane.event(self.log_pane.seq)
        if event is not None:
            lines = partial(event_lines, event, ascii_only=self.host.ascii_only)
            self.query_one("#event", Pane).show(lines, f"Event #{event.seq}")
        self._write_line()

    @on(LogPane.Picked)
    def _picked(self, message: LogPane.Picked) -> None:
        event = self.log_pane.event(message.seq)
        if event is not None:
            environment = environment_of(self.host.snapshot.view.profile)
            badge = environment.badge(ascii_only=self.host.ascii_only)
            self.app.push_screen(EventDialog(event, badge, ascii_only=self.host.ascii_only))

    def _apply(self, wanted: LogFilter, head: int) -> None:
        self._wanted, self._notice = wanted, ""
        if wanted:
            self._searched = wanted
        if self._source is not None:
            matches = Matches(self._source, self._rollout, wanted, head) if wanted else None
            self.log_pane.filter(matches)
        self._write_line()

    def _close_box(self) -> None:
        self.query_one("#log-filter", Input).remove_class("-open")
        self.log_pane.focus()

    def _write_line(self) -> None:
        pane = self.log_pane
        view = LogStatusView(
            filter=self._wanted.said(),
            density=pane.density,
            is_following=pane.is_following,
            unseen=pane.unseen,
            row=pane.seq,
            shown=pane.rows,
            head=pane.head,
            looked_to=pane.matches.low if pane.matches is not None else None,
            searching_at=self._search[0] if self._search is not None else None,
            notice=pane.trouble or self._trouble or self._notice,
            chain=self._chain.said(pane.head, ascii_only=self.host.ascii_only),
        )
        line = log_status_line(view, self.size.width - 2, ascii_only=self.host.ascii_only)
        self.query_one("#log-line", Static).update(content([line]))
