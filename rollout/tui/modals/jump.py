"""Where in a recorded log somebody wants to go."""

from __future__ import annotations

from collections.abc import Sequence

from textual import on
from textual.app import ComposeResult
from textual.widget import Widget
from textual.widgets import Input, Static

from rollout.tui.lines import content
from rollout.tui.modals.base import RolloutDialog
from rollout.view.replay import HOW


class JumpDialog(RolloutDialog[str]):
    """Answers with what was typed; nothing is typed, nothing happens."""

    def __init__(self, phases: Sequence[str]) -> None:
        super().__init__("go to")
        self._phases = phases

    def compose_dialog(self) -> ComposeResult:
        yield from self._widgets()

    def _widgets(self) -> Sequence[Widget]:
        about = [f"{HOW}: {', '.join(self._phases)}" if self._phases else HOW]
        return [Input(id="where", compact=True), Static(content(about), markup=False)]

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#where", Input).focus()

    @on(Input.Submitted, "#where")
    def _typed(self, message: Input.Submitted) -> None:
        self.dismiss(message.value.strip() or None)
