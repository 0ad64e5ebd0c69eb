"""Runbook: what to do now, what fails, the steps, the way back, whom to call."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

import msgspec

from rollout.tui.lines import LinesFor
from rollout.tui.screens.parts import PartFor, PartsScreen
from rollout.tui.snapshot import Snapshot
from rollout.view.rollback_preview import rollback_preview
from rollout.view.rollback_preview_text import rollback_preview_lines
from rollout.view.runbook import runbook_view
from rollout.view.runbook_text import runbook_lines, runbook_part


class RunbookScreen(PartsScreen):
    """The way back has a pane of its own with the whole preview, as far as the log alone knows it."""

    NAME = "runbook"
    TITLE_OF_ALL = "Runbook"
    PARTS: ClassVar[tuple[tuple[str, str], ...]] = (
        ("do", "What to do now"),
        ("trouble", "What fails, and what to do"),
        ("steps", "Steps of this phase"),
        ("way_back", "The way back"),
        ("contacts", "Contacts, and where to look"),
    )

    def parts(self, snapshot: Snapshot) -> PartFor:
        assert snapshot.now is not None
        view = runbook_view(snapshot.state, snapshot.words, snapshot.now)
        preview = rollback_preview(snapshot.state, msgspec.to_builtins(snapshot.words))
        ascii_only = self.host.ascii_only

        def lines_of(part: str) -> LinesFor:
            if part == "way_back":
                return partial(rollback_preview_lines, preview, ascii_only=ascii_only)
            if part:
                return partial(runbook_part, view, part, ascii_only=ascii_only)
            return partial(runbook_lines, view, ascii_only=ascii_only)

        return lines_of
