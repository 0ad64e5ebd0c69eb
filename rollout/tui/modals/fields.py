"""Fields of dialogs: a list to choose one thing from, and a line that must be typed by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input

from rollout.tui.widgets.rows import Row, RowsPane

MOST_ROWS = 5


class PickPane(RowsPane):
    """One of several, none chosen at first. Posts `Chosen` when that changes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "pick", show=False, id="pick.choose"),
    ]

    class Chosen(Message):
        """A choice was made."""

    def __init__(self, title: str, options: Sequence[tuple[str, str]], *, id: str) -> None:  # noqa: A002
        super().__init__(title, id=id)
        self.add_class("pick")
        self._options = list(options)
        self.value: str | None = None
        self.styles.height = min(len(self._options), MOST_ROWS) + 2

    def on_mount(self) -> None:
        super().on_mount()
        self._list()

    def choose(self, value: str | None) -> None:
        """As if a person had chosen it."""
        self.value = value
        self._list()

    def offer(self, options: Sequence[tuple[str, str]]) -> None:
        """Other things to choose from; what was chosen stays if it is still there."""
        if list(options) == self._options:
            return
        self._options = list(options)
        self.styles.height = min(max(len(self._options), 1), MOST_ROWS) + 2
        if self.value not in {name for name, _ in self._options}:
            self.value = None
        self._list()

    def action_pick(self) -> None:
        if self.selected:
            self.choose(self.selected)
            self.post_message(self.Chosen())

    def on_rows_pane_picked(self, event: RowsPane.Picked) -> None:
        event.stop()

    def _list(self) -> None:
        self.show_rows(
            lambda _width: [
                Row(name, f"{'(x)' if name == self.value else '( )'} {words}")
                for name, words in self._options
            ]
        )


class TypedInput(Input):
    """A line that is typed, never pasted: who pastes has not read it. Posts `Refused` on a paste."""

    class Refused(Message):
        """Somebody tried to paste."""

    def _on_paste(self, event: events.Paste) -> None:
        event.stop()
        event.prevent_default()
        self.post_message(self.Refused())

    def action_paste(self) -> None:
        """Not from the program's own clipboard either."""
        self.post_message(self.Refused())
