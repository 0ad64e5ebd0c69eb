"""Help for what is focused, over every key that works here."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from rollout.tui.lines import LinesFor
from rollout.tui.modals.base import RolloutDialog
from rollout.tui.widgets.pane import Pane


class HelpDialog(RolloutDialog[None]):
    """Closes by any of the keys that open or close things."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark,f1,q,enter", "cancel", show=False)
    ]

    def __init__(self, lines_for: LinesFor) -> None:
        super().__init__("Help")
        self._lines_for = lines_for

    def compose_dialog(self) -> ComposeResult:
        yield Pane("keys and marks", id="d-help")

    def on_mount(self) -> None:
        super().on_mount()
        pane = self.query_one("#d-help", Pane)
        pane.focus()
        pane.show(self._lines_for)
