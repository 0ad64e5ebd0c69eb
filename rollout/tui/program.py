"""The core of the program on the terminal: one link, one picture, decisions, and a clean end."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from textual import events, on, work
from textual.app import App, SuspendNotSupported
from textual.binding import Binding
from textual.worker import get_current_worker

from rollout.tui.desk import Desk, NoDesk
from rollout.tui.keys import KEYS, Key
from rollout.tui.launcher import Launcher, NoLauncher
from rollout.tui.link import StoreLink
from rollout.tui.messages import Fetched, Read, Reading
from rollout.tui.modals.base import RolloutDialog
from rollout.tui.modals.decision import Decided, DecisionDialog
from rollout.tui.screens.base import RolloutScreen
from rollout.tui.snapshot import Picture
from rollout.tui.terminal import SteadyDriver
from rollout.tui.theme import THEMES, theme_for
from rollout.view.actions import ActionView, actions
from rollout.view.dialogs import dialog_view
from rollout.view.log_page import LogSource
from rollout.view.plan_words import PlanWords


@dataclass(frozen=True)
class Entry:
    """One line of the table: the key that leads there, its name, the screen, and in which
    environments it exists (in all, when none is named)."""

    key: str
    id: str
    screen: type[RolloutScreen]
    only_in: frozenset[str] = frozenset()

    def binding(self) -> Binding:
        """Its id in a keymap is `screen.<id>`."""
        return Binding(self.key, f"go_to('{self.id}')", self.id, show=False, id=f"screen.{self.id}")


AGE_EVERY_S = 1.0
"""How often the age of the data is written anew when nothing else changes."""


@dataclass(frozen=True)
class Seat:
    """Who sits here and in front of what. `by` and `role` may be chosen later; `copies` is the file
    that keeps what was copied last, `come_back` the command that leads here again, `state` the option
    that names the store; `misseated` says why a plan lets nobody decide from here."""

    link: StoreLink
    desk: Desk = field(default_factory=NoDesk)
    launcher: Launcher = field(default_factory=NoLauncher)
    by: str = ""
    role: str = ""
    misseated: Callable[[PlanWords], str] = lambda _words: ""
    ascii_only: bool = False
    keymap: Mapping[str, str] = field(default_factory=dict)
    theme: str | None = None
    copies: Path | None = None
    come_back: str = "rollout tui"
    state: Sequence[str] = ()
    monotonic: Callable[[], float] = time.monotonic


class Program(App[int]):
    """Reads the store by one thread, folds and draws here. Ends without stopping anything."""

    TITLE = "rollout"
    ENTRIES: ClassVar[Sequence[Entry]] = ()
    """The table of screens."""

    def __init__(self, seat: Seat) -> None:
        self.seat = seat
        self.ascii_only = seat.ascii_only
        self.said = ""
        self.misseated = ""
        self._asked: set[str] = set()
        self.by, self.role = seat.by, seat.role
        self.picture = Picture(seat.state)
        self._renew()
        super().__init__(driver_class=SteadyDriver)
        for theme in THEMES.values():
            self.register_theme(theme)
        self.theme = theme_for(seat.theme, None)

    def on_mount(self) -> None:
        self.set_class(self.ascii_only, "-ascii")
        self.set_keymap(dict(self.seat.keymap))
        self._end_on_signals()
        self.set_interval(AGE_EVERY_S, self.grow_older)
        self._read()

    # the link --------------------------------------------------------------

    @work(thread=True, exit_on_error=False, group="link", description="reads the store")
    def _read(self) -> None:
        worker = get_current_worker()
        self.seat.link.run(self._publish, lambda: worker.is_cancelled)

    def _publish(self, reading: Reading) -> None:
        self.post_message(Read(reading))

    @on(Read)
    def _take(self, message: Read) -> None:
        before = self.snapshot.link.state
        changed = self.picture.take(message.reading)
        self._renew()
        if message.reading.opened is not None or message.reading.words is not None:
            self.misseated = self.seat.misseated(self.snapshot.words)
        for screen in self.screen_stack:
            if isinstance(screen, RolloutScreen) and not changed:
                if self.snapshot.link.state != before:
                    screen.show_link(self.snapshot)
            elif isinstance(screen, RolloutScreen | RolloutDialog):
                screen.show(self.snapshot)

    def fetch(self, digests: Iterable[str]) -> None:
        """Read evidence that is not at hand; the screens are drawn again when it is."""
        wanted = [d for d in dict.fromkeys(digests) if d not in self._asked]
        if wanted:
            self._asked.update(wanted)
            self._fetch(wanted)

    @work(thread=True, exit_on_error=False, group="evidence", description="reads evidence")
    def _fetch(self, digests: list[str]) -> None:
        self.post_message(Fetched(digests, self.seat.link.evidence(digests)))

    @on(Fetched)
    def _keep(self, message: Fetched) -> None:
        # What could not be read is not asked for again and again: only when it is wanted anew.
        self.picture.remember(message.documents)
        self._asked.difference_update(message.documents)
        self._renew()
        for screen in self.screen_stack:
            if isinstance(screen, RolloutScreen):
                screen.show(self.snapshot)

    def grow_older(self) -> None:
        """Write the age of what is shown anew."""
        self._renew()
        for screen in self.screen_stack:
            if isinstance(screen, RolloutScreen):
                screen.show_link(self.snapshot)

    def _renew(self) -> None:
        self.snapshot = self.picture.snapshot(self.seconds())
        found = self.snapshot
        self.all_actions = actions(found.state, found.words, found.link)

    # who and what ----------------------------------------------------------

    @property
    def setting(self) -> str | Path:
        """The store, as it was named."""
        return self.seat.link.setting

    @property
    def who(self) -> str:
        return f"{self.by} ({self.role})" if self.by and self.role else self.by

    @property
    def only_person(self) -> str:
        """Who said who they are at the start stays that person."""
        return self.seat.by

    def seconds(self) -> float:
        """Of the machine's monotonic clock."""
        return self.seat.monotonic()

    def open_log(self) -> tuple[LogSource, str]:
        """For the log's own pages. Raises: StoreUnavailable, LogDamaged."""
        return self.seat.link.open_log()

    def key_of(self, key: Key) -> str:
        """How the key is written, as the person has it."""
        return self.seat.keymap.get(key.id, "").partition(",")[0] or key.display

    def say(self, text: str) -> None:
        """A word above the keys, until the next key is pressed."""
        self.said = text
        if isinstance(self.screen, RolloutScreen):
            self.screen.show_link(self.snapshot)

    def on_key(self, _event: events.Key) -> None:
        if self.said:
            self.say("")

    def locked(self, key_id: str) -> str:
        """Why a key does nothing now; empty when it does."""
        key = next((k for k in KEYS if k.id == key_id), None)
        reasons = [self.action_view(name).locked for name in key.decides] if key is not None else []
        return reasons[0] if reasons and all(reasons) else ""

    # decisions ---------------------------------------------------------------

    def action_view(self, name: str) -> ActionView:
        """What can be done about one action now."""
        return next(action for action in self.all_actions if action.action == name)

    def action_decide(self, *names: str) -> None:
        """The dialog of the first that is possible, else why none is."""
        possible = [name for name in names if not self.action_view(name).locked]
        self.decide((possible or list(names))[0])

    def decide(self, name: str, only: str | None = None) -> None:
        """Open the dialog of an action, about `only` one thing, or say why it is locked."""
        action = self.action_view(name)
        if action.locked:
            self.say(f"{action.name}: {action.locked}")
            return
        found = self.snapshot
        dialog = dialog_view(action, found.state, found.words, only)
        self.push_screen(DecisionDialog(dialog, self.seat.desk, only), self._decided)

    def _decided(self, outcome: Decided | None) -> None:
        if outcome is not None:
            self.by, self.role = outcome.by, outcome.role
            self.say(f"recorded: {'; '.join(outcome.events)}")

    @contextmanager
    def aside(self) -> Iterator[None]:
        """The terminal as it was before, for a program that asks something there. Where it cannot be
        handed over (in a browser) that program has none, and says so. Ctrl-C ends it, not us."""
        before = signal.signal(signal.SIGINT, lambda _number, _frame: None)
        try:
            with ExitStack() as stack:
                with suppress(SuspendNotSupported):
                    stack.enter_context(self.suspend())
                yield
        finally:
            signal.signal(signal.SIGINT, before)

    # the end ---------------------------------------------------------------

    def _end_on_signals(self) -> None:
        """So that the terminal is left as it was found."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            try:
                loop.add_signal_handler(number, self.leave, 128 + number)
            except (ValueError, RuntimeError):  # not the main thread: somebody else hears them
                return

    def leave(self, code: int) -> None:
        self.seat.link.stop.set()
        self.exit(code, return_code=code)
