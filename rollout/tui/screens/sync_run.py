"""Sync run: how far the newest run is, how near its brakes, what it refused, and who else ran it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from textual.binding import BindingType

from rollout.tui.keys import LOOK, Key
from rollout.tui.lines import LinesFor
from rollout.tui.screens.parts import PartFor, PartsScreen
from rollout.tui.snapshot import Snapshot
from rollout.view.sync_run import newest_sync, sync_names, sync_run_view
from rollout.view.sync_run_text import sync_run_lines, sync_run_part


class SyncRunScreen(PartsScreen):
    """Shows the sync that was run last, until somebody chooses another one."""

    NAME = "sync"
    TITLE_OF_ALL = "Sync run"
    PARTS: ClassVar[tuple[tuple[str, str], ...]] = (
        ("state", "Sync"),
        ("run", "Its newest run"),
        ("limits", "Brakes and expectations"),
        ("runs", "Runs seen"),
        ("rejects", "Rejected rows"),
    )
    OWN_KEYS = (Key("sync.other", "o", "other_sync", "other sync", "the next sync", LOOK),)
    BINDINGS: ClassVar[list[BindingType]] = [key.binding() for key in OWN_KEYS]
    FOOTER: ClassVar[tuple[str, ...]] = (
        "sync.other",
        "pane.zoom",
        "app.palette",
        "app.help",
        "app.quit",
    )

    def __init__(self) -> None:
        super().__init__()
        self._chosen = ""

    def parts(self, snapshot: Snapshot) -> PartFor:
        names = sync_names(snapshot.state, snapshot.words)
        chosen = self._chosen if self._chosen in names else ""
        sync = chosen or newest_sync(snapshot.state, snapshot.words)
        if sync is None or snapshot.now is None:
            return lambda _part: _no_sync
        view = sync_run_view(
            snapshot.state,
            snapshot.words,
            sync,
            snapshot.samples,
            snapshot.now,
            snapshot.documents,
        )
        ascii_only = self.host.ascii_only

        def lines_of(part: str) -> LinesFor:
            if part:
                return partial(sync_run_part, view, part, ascii_only=ascii_only)
            return partial(sync_run_lines, view, ascii_only=ascii_only)

        return lines_of

    def action_other_sync(self) -> None:
        """The one after the one that is shown."""
        snapshot = self.host.snapshot
        names = sync_names(snapshot.state, snapshot.words)
        shown = self._chosen or newest_sync(snapshot.state, snapshot.words)
        if names and shown in names:
            self._chosen = names[(names.index(shown) + 1) % len(names)]
            self.show(snapshot)


def _no_sync(_width: int) -> Sequence[str]:
    return ["the plan has no sync, and none was run"]
