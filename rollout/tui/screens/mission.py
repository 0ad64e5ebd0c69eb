"""Mission: where are we, is it healthy, what may I do next."""

from __future__ import annotations

from functools import partial

from textual.app import ComposeResult

from rollout.tui.screens.base import RolloutScreen
from rollout.tui.snapshot import Snapshot
from rollout.tui.widgets.pane import Pane
from rollout.view.mission_text import event_lines, gate_lines, next_lines, running_lines


class MissionScreen(RolloutScreen):
    """The home of the project lead."""

    def compose_body(self) -> ComposeResult:
        yield Pane("What may I do", id="next")
        yield Pane("Running", id="running")
        yield Pane("Gate", id="gate")
        yield Pane("Events", id="events")

    def draw(self, snapshot: Snapshot) -> None:
        ascii_only = self.host.ascii_only
        for name, lines in (
            ("running", running_lines),
            ("gate", gate_lines),
            ("next", next_lines),
            ("events", event_lines),
        ):
            self.query_one(f"#{name}", Pane).show(
                partial(lines, snapshot.view, ascii_only=ascii_only)
            )
