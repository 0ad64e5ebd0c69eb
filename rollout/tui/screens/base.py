"""What every screen has: which world, where the rollout is, how fresh that is, and what keys do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import ClassVar, Protocol, cast

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Container
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Input, Static

from rollout.tui.keys import KEYS, REHEARSAL_KEYS, REPLAY_KEYS, Key
from rollout.tui.lines import content, rail_content
from rollout.tui.snapshot import Snapshot
from rollout.tui.widgets.pane import Pane
from rollout.view.actions import ActionView
from rollout.view.environment import environment_of
from rollout.view.footer import FooterKey, footer_line
from rollout.view.heading import HeadingView, heading_line, rail_line
from rollout.view.log_page import LogSource
from rollout.view.replay import scrubber_line
from rollout.view.under_way import share_of, under_way

LEAST = (60, 18)
"""Columns and lines below which nothing but the verdict can be shown."""


DECISIONS = "decide"
USUAL = ("decide.proceed", "decide.hold", "decide.sign", "decide.roll_back")
DECISIONS_SHOWN = 4


class Host(Protocol):
    """What a screen asks of the program it stands in."""

    ascii_only: bool
    snapshot: Snapshot
    said: str
    misseated: str
    by: str
    role: str

    @property
    def who(self) -> str: ...

    @property
    def only_person(self) -> str: ...

    def seconds(self) -> float: ...

    @property
    def all_actions(self) -> Sequence[ActionView]: ...

    def action_view(self, name: str) -> ActionView: ...

    def decide(self, name: str, only: str | None = None) -> None: ...

    def open_log(self) -> tuple[LogSource, str]: ...

    def fetch(self, digests: Iterable[str]) -> None: ...

    def key_of(self, key: Key) -> str: ...

    def locked(self, key_id: str) -> str: ...

    def aside(self) -> AbstractContextManager[None]: ...


class RolloutScreen(Screen[None]):
    """A screen of the table in `app.py`. A subclass gives `compose_body` and `draw`.

    `draw` is called with every new snapshot while the screen is active, when it becomes active and
    after a resize; it only shows what views say and decides nothing.
    """

    HORIZONTAL_BREAKPOINTS = [(0, "-slim"), (80, "-narrow"), (100, "-wide"), (130, "-xwide")]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-middling"), (40, "-tall")]
    FOOTER: ClassVar[tuple[str, ...]] = (DECISIONS, "app.palette", "app.help", "app.quit")
    """Ids of the keys that matter most here, in the order they are shown; `DECISIONS` stands for the
    four decisions that matter most now."""

    OWN_KEYS: ClassVar[tuple[Key, ...]] = ()
    """Keys that exist on this screen only; the screen binds them."""

    def __init__(self) -> None:
        super().__init__()
        self._narrowed: Pane | None = None

    def compose(self) -> ComposeResult:
        yield Static(id="heading", markup=False)
        yield Static(id="rail", markup=False)
        yield Container(*self.compose_body(), id="body")
        yield Static(id="small", markup=False)
        yield Input(
            id="filter", placeholder="only lines that hold this (Enter keeps, Esc shows all)"
        )
        yield Static(id="reason", markup=False)
        yield Static(id="keys", markup=False)

    def compose_body(self) -> ComposeResult:
        """The panes, the one to be focused first first."""
        yield from ()

    def draw(self, snapshot: Snapshot) -> None:
        """Show what is so now in the panes."""

    @property
    def host(self) -> Host:
        return cast("Host", self.app)

    def on_mount(self) -> None:
        panes = self.panes
        if panes:
            panes[0].focus()

    def on_screen_resume(self) -> None:
        self.show(self.host.snapshot)

    def on_resize(self, event: events.Resize) -> None:
        columns, lines = event.size
        self.set_class(columns < LEAST[0] or lines < LEAST[1], "-tiny")
        self.call_after_refresh(lambda: self.show(self.host.snapshot))

    def show(self, snapshot: Snapshot) -> None:
        """A new snapshot: heading, rail and keys here, the panes by `draw`."""
        if self._stands:
            self.show_link(snapshot)
            self.draw(snapshot)

    @property
    def _stands(self) -> bool:
        """A reading may come before the screen is composed, or while it is taken down."""
        return bool(self.query("#keys"))

    def show_link(self, snapshot: Snapshot) -> None:
        """Only the age of the data has changed, or a key that it locks."""
        if not self._stands:
            return
        ascii_only, width = self.host.ascii_only, self.size.width
        environment = environment_of(snapshot.view.profile, snapshot.view.scenario)
        for word in ("prod", "sandbox", "rehearsal"):
            self.set_class(environment.word.lower() == word, f"-{word}")
        self.set_class(not snapshot.link.is_fresh, "-old")
        view = HeadingView(
            environment=environment,
            rollout=snapshot.view.rollout or "no rollout yet",
            who=self.host.who,
            now=snapshot.now,
            link=snapshot.link,
            phases=snapshot.view.phases,
            current_share=share_of(
                under_way(snapshot.state, snapshot.words, snapshot.now, snapshot.samples)
            ),
        )
        self._write("heading", heading_line(view, width, ascii_only=ascii_only))
        self._draw("rail", rail_content(rail_line(view, width, ascii_only=ascii_only)))
        reasons = [self.host.said or snapshot.link.why, self.host.misseated]
        if snapshot.replay is not None:
            reasons = [scrubber_line(snapshot.replay, width - 2, ascii_only=ascii_only), *reasons]
        self._write("reason", *(filter(None, reasons)))
        self._write("keys", footer_line(self.footer_keys(), width, ascii_only=ascii_only))
        self._write(
            "small",
            f"enlarge to {LEAST[0]}x{LEAST[1]}",
            rail_line(view, width - 2, ascii_only=ascii_only),
        )

    def footer_keys(self) -> list[FooterKey]:
        """The keys shown below; a locked one stays in its place."""
        by_id = {key.id: key for key in (*KEYS, *REHEARSAL_KEYS, *REPLAY_KEYS, *self.OWN_KEYS)}
        names: list[str] = []
        for name in self.FOOTER:
            names += self._decisions() if name == DECISIONS else [name]
        shown = [by_id[name] for name in names]
        return [
            FooterKey(self.host.key_of(k), self._label(k), self.host.locked(k.id)) for k in shown
        ]

    def _label(self, key: Key) -> str:
        """Of a key for two decisions, the one that is possible."""
        possible = [n for n in key.decides if self.host.action_view(n).choices]
        if len(key.decides) < 2 or not possible:
            return key.label
        return possible[0].replace("_", " ")

    def _decisions(self) -> list[str]:
        """Awaited ones first, then the usual ones, locked or not; in a recorded log its own keys."""
        if self.host.snapshot.replay is not None:
            return [key.id for key in REPLAY_KEYS][:DECISIONS_SHOWN]
        keys = [key for key in KEYS if key.decides]

        def is_awaited(key: Key) -> bool:
            return any(self.host.action_view(name).awaited for name in key.decides)

        usual = [key for key in keys if key.id in USUAL]
        found = [*(key for key in keys if is_awaited(key)), *usual]
        first = list(dict.fromkeys(key.id for key in found))[:DECISIONS_SHOWN]
        return [key.id for key in keys if key.id in first]

    def zoom(self, pane: Pane) -> None:
        """This pane alone, or all again."""
        zoomed = not self.has_class("-zoomed")
        for other in self.query(Pane):
            other.set_class(zoomed and other is pane, "-big")
            is_around = pane in other.walk_children(Pane) or other is pane
            other.set_class(zoomed and not is_around, "-away")
        for box in self.query("#body Vertical, #body Horizontal"):
            box.set_class(zoomed and pane not in box.walk_children(Pane), "-away")
        self.set_class(zoomed, "-zoomed")

    def action_filter(self) -> None:
        """Ask for a text; the pane that was focused shows only lines that hold it."""
        pane = self.focused
        if isinstance(pane, Pane):
            self._narrowed = pane
            box = self.query_one("#filter", Input)
            box.add_class("-open")
            box.focus()

    @on(Input.Changed, "#filter")
    def _narrow(self, event: Input.Changed) -> None:
        if self._narrowed is not None:
            self._narrowed.filter(event.value)

    @on(Input.Submitted, "#filter")
    def _keep_filter(self) -> None:
        self._close_filter()

    def key_escape(self) -> None:
        """Show all again: of the filter that is open, else of the focused pane."""
        box = self.query_one("#filter", Input)
        pane = self._narrowed if box.has_class("-open") else self.focused
        if isinstance(pane, Pane):
            pane.filter("")
        if box.has_class("-open"):
            box.value = ""
            self._close_filter()

    def _close_filter(self) -> None:
        self.query_one("#filter", Input).remove_class("-open")
        if self._narrowed is not None:
            self._narrowed.focus()

    @property
    def panes(self) -> list[Pane]:
        """In the order in which Tab visits them; those that are not shown now are left out."""
        return [pane for pane in self.query(Pane) if pane.display]

    def _write(self, name: str, *lines: str) -> None:
        self._draw(name, content(lines))

    def _draw(self, name: str, text: Content) -> None:
        widget = self.query_one(f"#{name}", Static)
        if widget.content != text:
            widget.update(text)
