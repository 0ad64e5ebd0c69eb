"""The program on the terminal in front of a recorded log."""

from __future__ import annotations

from typing import ClassVar, cast

from textual.binding import BindingType

from rollout.tui.app import RolloutApp
from rollout.tui.keys import REPLAY_KEYS, Key
from rollout.tui.modals.jump import JumpDialog
from rollout.tui.replay import ReplayLink

NO_CONTROLS = "a recorded log has no controls: nothing runs behind it"


class ReplayApp(RolloutApp):
    """The same screens; keys move through the log instead of deciding anything. Its seat's link is
    a ReplayLink."""

    BINDINGS: ClassVar[list[BindingType]] = [key.binding() for key in REPLAY_KEYS]

    @property
    def replay(self) -> ReplayLink:
        return cast("ReplayLink", self.seat.link)

    def action_play(self) -> None:
        self.replay.play()

    def action_step(self, by: int) -> None:
        self.replay.step(by)

    def action_mark(self, by: int) -> None:
        self.replay.mark(by)

    def action_faster(self, by: int) -> None:
        self.replay.faster(by)

    def action_jump(self) -> None:
        phases = list(self.snapshot.state.phases)
        self.push_screen(JumpDialog(phases), self._jumped)

    def _jumped(self, text: str | None) -> None:
        if text is None:
            return
        try:
            self.replay.jump(text)
        except ValueError as problem:
            self.say(str(problem))

    def screen_keys(self) -> list[Key]:
        """Those that move through the log, before those of the screen in front."""
        return [*REPLAY_KEYS, *super().screen_keys()]

    def action_go_to(self, screen: str) -> None:
        if screen == "rehearsal":
            self.say(NO_CONTROLS)
        else:
            super().action_go_to(screen)
