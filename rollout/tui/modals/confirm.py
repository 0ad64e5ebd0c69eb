"""A question with two answers, the harmless one focused."""

from __future__ import annotations

from collections.abc import Sequence

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Button, Static

from rollout.tui.modals.base import RolloutDialog


class ConfirmDialog(RolloutDialog[bool]):
    """True only when the person pressed the button that does it."""

    def __init__(self, title: str, lines: Sequence[str], *, stay: str, do: str) -> None:
        super().__init__(title)
        self.add_class("-small")
        self._lines, self._stay, self._do = lines, stay, do

    def compose_dialog(self) -> ComposeResult:
        yield Static(id="d-lines", markup=False)
        yield Horizontal(
            Button(Content(f"[ {self._stay} ]"), id="d-cancel", compact=True),
            Button(Content(f"[ {self._do} ]"), id="d-do", compact=True),
            id="d-buttons",
        )

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#d-cancel").focus()

    def wrap_anew(self) -> None:
        self.write("d-lines", self._lines)

    def action_cancel(self) -> None:
        self.dismiss(False)

    @on(Button.Pressed)
    def _answered(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "d-do")
