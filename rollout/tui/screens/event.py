"""One event as a whole, over the log."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from rollout.domain.events import Event
from rollout.tui.widgets.pane import Pane
from rollout.view.log_text import event_lines


class EventDialog(ModalScreen[None]):
    """Closed by Escape, Enter or q; scrolls when it is long."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q", "app.pop_screen", show=False, id="event.close")
    ]

    def __init__(self, event: Event, badge: str, *, ascii_only: bool) -> None:
        super().__init__()
        self._event, self._badge, self._ascii = event, badge, ascii_only

    def compose(self) -> ComposeResult:
        yield Pane(f"{self._badge} event #{self._event.seq}, Esc closes", id="whole")

    def on_mount(self) -> None:
        pane = self.query_one("#whole", Pane)
        pane.show(partial(event_lines, self._event, ascii_only=self._ascii))
        pane.focus()
