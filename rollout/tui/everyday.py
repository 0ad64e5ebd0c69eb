"""What a person does on every screen: go elsewhere, look closer, search, copy, ask for help, leave."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import cast

from textual import on, work
from textual.app import App
from textual.message import Message

from rollout.domain.errors import StoreUnavailable
from rollout.tui.copying import copied_words, keep_copy
from rollout.tui.help_text import help_lines
from rollout.tui.keys import KEYS, Key
from rollout.tui.launcher import Launch
from rollout.tui.modals.confirm import ConfirmDialog
from rollout.tui.modals.help import HelpDialog
from rollout.tui.palette import Palette
from rollout.tui.program import Program
from rollout.tui.screens.base import RolloutScreen
from rollout.tui.theme import next_theme
from rollout.tui.widgets.log_pane import LogPane
from rollout.tui.widgets.pane import Pane
from rollout.view.environment import environment_of


class Started(Message):
    """A controller was started, or ended at once."""

    def __init__(self, launch: Launch) -> None:
        super().__init__()
        self.launch = launch


class Everyday(Program):
    """The actions of the keys that work everywhere."""

    # where and what ----------------------------------------------------------

    def action_go_to(self, screen: str) -> None:
        entry = next(e for e in self.ENTRIES if e.id == screen)
        environment = environment_of(self.snapshot.view.profile).word
        if entry.only_in and environment not in entry.only_in:
            self.say(f"{screen} exists in {' and '.join(sorted(entry.only_in))} only")
            return
        self.switch_mode(screen)

    def action_next_pane(self) -> None:
        self.screen.focus_next(Pane)

    def action_previous_pane(self) -> None:
        self.screen.focus_previous(Pane)

    def action_zoom(self) -> None:
        """The focused pane alone on the screen, and back."""
        pane = self.screen.focused
        if isinstance(pane, Pane) and isinstance(self.screen, RolloutScreen):
            self.screen.zoom(pane)

    def action_theme(self) -> None:
        self.theme = next_theme(self.theme)
        self.say(f"theme {self.theme}")

    def action_filter(self) -> None:
        """Only the lines of the focused pane that hold a text."""
        if isinstance(self.screen, RolloutScreen):
            self.screen.action_filter()

    # copying -----------------------------------------------------------------

    def action_copy_row(self) -> None:
        """The row under the cursor."""
        pane = self.screen.focused
        self._copy(pane.copied_row() if isinstance(pane, Pane | LogPane) else "")

    def action_copy_pane(self) -> None:
        """The whole pane as it is shown."""
        pane = self.screen.focused
        self._copy(pane.copied() if isinstance(pane, Pane | LogPane) else "")

    def _copy(self, text: str) -> None:
        if not text.strip():
            self.say("there is nothing to copy here")
            return
        self.copy_to_clipboard(text)
        path = self.seat.copies
        if path is not None:
            try:
                keep_copy(f"{text}\n", path)
            except StoreUnavailable as problem:
                self.say(f"{copied_words(text, None)}; {problem}")
                return
        self.say(copied_words(text, path))

    # help --------------------------------------------------------------------

    def action_help(self) -> None:
        """What can be done here, by the pane that is focused."""
        pane = self.screen.focused
        about = (pane.title, pane.about) if isinstance(pane, Pane) else ("", "")
        keys = [*self.screen_keys(), *KEYS]
        screens = {e.key: e.id for e in self.ENTRIES if self._exists(e.only_in)}
        lines_for = partial(
            help_lines,
            about,
            keys,
            self.key_of,
            self.locked,
            screens,
            ascii_only=self.ascii_only,
        )
        self.push_screen(HelpDialog(lines_for))

    def screen_keys(self) -> list[Key]:
        """Those of the screen in front."""
        return list(self.screen.OWN_KEYS) if isinstance(self.screen, RolloutScreen) else []

    def action_command_palette(self) -> None:
        """Textual's action, with our palette."""
        if not Palette.is_open(cast("App[object]", self)):
            self.push_screen(Palette(ascii_only=self.ascii_only))

    def palette(self) -> Iterator[tuple[str, str, Callable[[], object]]]:
        """Every action by name: decisions, screens, and what works everywhere."""
        for action in self.all_actions:
            about = f"(locked) {action.locked}" if action.locked else action.about
            yield action.name, about, partial(self.decide, action.action)
        for entry in self.ENTRIES:
            if self._exists(entry.only_in):
                yield f"go to {entry.id}", "a screen", partial(self.action_go_to, entry.id)
        for key in [*self.screen_keys(), *KEYS]:
            if not key.decides and key.id != "app.palette":
                yield key.label, key.about, partial(self.run_key, key)

    def run_key(self, key: Key) -> None:
        """As if it had been pressed on the screen in front."""
        name = key.action.partition("(")[0]
        is_its_own = hasattr(self.screen, f"action_{name}")
        self.call_later(self.run_action, key.action, self.screen if is_its_own else self)

    def _exists(self, only_in: frozenset[str]) -> bool:
        environment = environment_of(self.snapshot.view.profile).word
        return not only_in or environment in only_in

    # a controller --------------------------------------------------------------

    def action_start_controller(self) -> None:
        """As a process of its own, after a question."""
        why_not = self._why_no_start()
        if why_not:
            self.say(f"start a controller: {why_not}")
            return
        launcher = self.seat.launcher
        lines = [
            "This starts a controller as a process of its own. It drives the rollout: it asks gates, "
            "runs steps and syncs as the plan says and as people decided. It goes on when this "
            "program ends, and ends on SIGTERM.",
            "",
            f"$ {launcher.command}",
            f"it talks to {launcher.log}",
        ]
        dialog = ConfirmDialog("start a controller", lines, stay="Cancel", do="Start")
        self.push_screen(dialog, self._start)

    def _why_no_start(self) -> str:
        link = self.snapshot.link
        if not self.snapshot.is_loaded:
            return "no rollout was read yet"
        if self.snapshot.state.outcome:
            return "the rollout has ended"
        if link.holder:
            return f"{link.holder} drives it"
        return self.seat.launcher.why_not(self.snapshot.state.profile)

    def _start(self, wanted: bool | None) -> None:
        if wanted:
            self.say("starting a controller")
            self._launch()

    @work(thread=True, exit_on_error=False, group="launch", description="starts a controller")
    def _launch(self) -> None:
        self.post_message(Started(self.seat.launcher.launch()))

    @on(Started)
    def _started(self, message: Started) -> None:
        self.say(message.launch.words)

    # leaving -------------------------------------------------------------------

    def action_leave(self) -> None:
        """After a question that says what goes on."""
        holder = self.snapshot.link.holder
        goes_on = f"{holder} goes on" if holder else "no controller drives this rollout now"
        lines = [
            f"Leaving stops nothing: {goes_on}; a sync that runs is run by its own service.",
            "",
            f"come back with: {self.seat.come_back}",
        ]
        dialog = ConfirmDialog("leave", lines, stay="Stay", do="Leave")
        self.push_screen(dialog, lambda wanted: self.leave(0) if wanted else None)

    def action_leave_now(self) -> None:
        """Without a question."""
        self.leave(0)
