"""Monitor: the watch after the syncs, look by look, and what a breach means."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from rollout.tui.lines import LinesFor
from rollout.tui.screens.parts import PartFor, PartsScreen
from rollout.tui.snapshot import Snapshot
from rollout.view.monitor import monitor_view
from rollout.view.monitor_text import monitor_lines, monitor_part


class MonitorScreen(PartsScreen):
    """Counts down while it watches; before that it says which looks will be taken."""

    NAME = "monitor"
    TITLE_OF_ALL = "Watch"
    PARTS: ClassVar[tuple[tuple[str, str], ...]] = (
        ("watch", "Watch"),
        ("gates", "Gates"),
        ("looks", "Looks"),
        ("figures", "Figures"),
    )

    def parts(self, snapshot: Snapshot) -> PartFor:
        assert snapshot.now is not None
        view = monitor_view(snapshot.state, snapshot.words, snapshot.now, snapshot.documents)
        ascii_only = self.host.ascii_only

        def lines_of(part: str) -> LinesFor:
            if part:
                return partial(monitor_part, view, part, ascii_only=ascii_only)
            return partial(monitor_lines, view, ascii_only=ascii_only)

        return lines_of
