"""The program on the terminal: the table of its screens."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.binding import Binding, BindingType

from rollout.tui.everyday import Everyday
from rollout.tui.keys import KEYS, REHEARSAL_KEYS, REPLAY_KEYS, bindings
from rollout.tui.palette import Actions
from rollout.tui.program import Entry
from rollout.tui.screens.gates import GatesScreen
from rollout.tui.screens.log import LogScreen
from rollout.tui.screens.mission import MissionScreen
from rollout.tui.screens.monitor import MonitorScreen
from rollout.tui.screens.rehearsal import RehearsalScreen
from rollout.tui.screens.runbook import RunbookScreen
from rollout.tui.screens.sync_run import SyncRunScreen
from rollout.tui.widgets.log_pane import LogPane
from rollout.tui.widgets.pane import Pane
from rollout.tui.widgets.rows import RowsPane

SCREENS: tuple[Entry, ...] = (
    Entry("1", "mission", MissionScreen),
    Entry("2", "gates", GatesScreen),
    Entry("3", "sync", SyncRunScreen),
    Entry("4", "monitor", MonitorScreen),
    Entry("5", "log", LogScreen),
    Entry("6", "runbook", RunbookScreen),
    Entry("9", "rehearsal", RehearsalScreen, frozenset({"REHEARSAL"})),
)
"""A screen is added by one line here."""


class RolloutApp(Everyday):
    """Screens over one picture of one rollout."""

    CSS_PATH: ClassVar[Any] = ["app.tcss", "screens/parts.tcss"]
    ENTRIES = SCREENS
    MODES: ClassVar[dict[str, Any]] = {entry.id: entry.screen for entry in SCREENS}
    DEFAULT_MODE = SCREENS[0].id
    COMMANDS: ClassVar[set[Any]] = {Actions}
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(), *(entry.binding() for entry in SCREENS)]


def known_keys() -> dict[str, str]:
    """Every id of a key that a keymap may name, with its default keys."""
    own = {key.id: key.keys for key in (*KEYS, *REHEARSAL_KEYS, *REPLAY_KEYS)}
    screens = (binding for entry in SCREENS for binding in entry.screen.BINDINGS)
    listed = (*Pane.BINDINGS, *RowsPane.BINDINGS, *LogPane.BINDINGS, *RolloutApp.BINDINGS, *screens)
    return own | {b.id: b.key for b in listed if isinstance(b, Binding) and b.id}
