"""Mission: where are we, is it healthy, what may I do next."""

from __future__ import annotations

from functools import partial

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical

from rollout.tui.keys import KEYS
from rollout.tui.screens.base import RolloutScreen
from rollout.tui.snapshot import Snapshot
from rollout.tui.widgets.pane import Pane
from rollout.tui.widgets.rows import Row, RowsPane
from rollout.view.check_rows import gate_rows
from rollout.view.gates import telling_gates
from rollout.view.mission_text import event_lines, gate_lines
from rollout.view.next_rows import next_rows
from rollout.view.phases_text import phases_lines
from rollout.view.status import event_view
from rollout.view.under_way import WorkView, under_way
from rollout.view.under_way_text import under_way_lines

EVENTS = 40
"""Newest events shown here; the log screen has all."""

GATE_ABOUT = (
    "The gate that is open or blocks, else the one decided last: what blocks comes first, then what "
    "must change for a go. The gates screen has the evidence."
)
NEXT_ABOUT = (
    "What the rollout waits for comes first, what is locked comes last and says why. Enter, or a "
    "second click, opens the dialog of the row under the cursor; nothing is done before it."
)


class MissionScreen(RolloutScreen):
    """The home of the project lead."""

    def compose_body(self) -> ComposeResult:
        yield Pane("Phases", id="phases", about="Every phase, and who signed the current one off.")
        yield Vertical(
            Pane("Now", id="now", about="What goes on, how fast, and how long still: as a range."),
            Pane("Gate", id="gate", about=GATE_ABOUT),
            id="state-of-things",
        )
        yield Vertical(
            RowsPane("What may I do", id="next", empty="reading the store", about=NEXT_ABOUT),
            Pane("Newest events", id="events", about="Newest first; the log screen has all."),
            id="what-next",
        )

    def on_mount(self) -> None:
        self.call_after_refresh(self.query_one("#next").focus)

    def draw(self, snapshot: Snapshot) -> None:
        ascii_only, view = self.host.ascii_only, snapshot.view
        work = self._work(snapshot)
        self._pane("now").show(partial(under_way_lines, work, ascii_only=ascii_only))
        gates = [
            gate_rows(gate, snapshot.state, snapshot.words, snapshot.now, snapshot.documents)
            for gate in telling_gates(snapshot.state)
        ]
        self._pane("gate").show(partial(gate_lines, gates, ascii_only=ascii_only))
        events = [event_view(event) for event in snapshot.newest[-EVENTS:]]
        self._pane("events").show(partial(event_lines, events, ascii_only=ascii_only))
        self._pane("phases").show(
            partial(phases_lines, view, snapshot.state, snapshot.words, ascii_only=ascii_only)
        )

    def show_link(self, snapshot: Snapshot) -> None:
        """What may be done depends on the link as well."""
        super().show_link(snapshot)
        for pane in self.query("#next").results(RowsPane):
            pane.show_rows(self._next_rows)

    def _next_rows(self, width: int) -> list[Row]:
        if not self.host.snapshot.is_loaded:
            return []
        keys = {name: self.host.key_of(key) for key in KEYS for name in key.decides}
        found = next_rows(self.host.all_actions, keys, width, ascii_only=self.host.ascii_only)
        return [Row(row.id, row.line, dim=bool(row.locked)) for row in found]

    @on(RowsPane.Picked, "#next")
    def _open(self, event: RowsPane.Picked) -> None:
        action, _, subject = event.row.partition("|")
        self.host.decide(action, subject or None)

    def _work(self, snapshot: Snapshot) -> list[WorkView]:
        return under_way(snapshot.state, snapshot.words, snapshot.now, snapshot.samples)

    def _pane(self, name: str) -> Pane:
        return self.query_one(f"#{name}", Pane)
