"""Gate and checks: every gate that was asked, its checks against their limits, and the evidence."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical

from rollout.domain.state import GateState
from rollout.tui.screens.base import DECISIONS, RolloutScreen
from rollout.tui.snapshot import Snapshot
from rollout.tui.widgets.pane import Pane
from rollout.tui.widgets.rows import Row, RowsPane
from rollout.view.check_detail import CheckDetail, check_detail
from rollout.view.check_detail_text import evidence_lines, history_lines
from rollout.view.check_rows import GateRows, gate_rows
from rollout.view.check_rows_text import check_lines, counts_words
from rollout.view.gate_list import entry_line, find_gate, gate_entries
from rollout.view.status_text import decision_word

GATES_ABOUT = "Every gate that was asked, the one that tells first. Enter goes to its checks."
CHECKS_ABOUT = (
    "Observed against required, how far from the limit, how old. Enter goes to the evidence."
)
EVIDENCE_ABOUT = "What was seen, by which query, with a sample. Y copies all of it, z enlarges it."


class GatesScreen(RolloutScreen):
    """Follows the gate that tells until a person picks another one."""

    FOOTER: ClassVar[tuple[str, ...]] = (DECISIONS, "app.palette", "app.help", "app.quit")

    def compose_body(self) -> ComposeResult:
        yield Vertical(
            RowsPane("Gates", id="gates", empty="no gate was asked yet", about=GATES_ABOUT),
            RowsPane("Checks", id="checks", empty="no check to show", about=CHECKS_ABOUT),
            id="asked",
        )
        yield Vertical(Pane("Evidence", id="evidence"), Pane("History", id="history"), id="seen")

    def on_mount(self) -> None:
        self.call_after_refresh(self.query_one("#checks").focus)

    def draw(self, snapshot: Snapshot) -> None:
        ascii_only = self.host.ascii_only
        entries = gate_entries(snapshot.state, snapshot.words)
        gates = self.query_one("#gates", RowsPane)
        gates.show_rows(
            lambda width: [Row(e.id, entry_line(e, width, ascii_only=ascii_only)) for e in entries]
        )
        gate = find_gate(snapshot.state, gates.selected)
        if gate is None:
            self.query_one("#checks", RowsPane).show_rows(lambda _width: [])
            return
        self._fetch(gate, snapshot)
        self._draw_checks(self._rows(gate, snapshot), snapshot)

    def _rows(self, gate: GateState, snapshot: Snapshot) -> GateRows:
        return gate_rows(gate, snapshot.state, snapshot.words, snapshot.now, snapshot.documents)

    def _fetch(self, gate: GateState, snapshot: Snapshot) -> None:
        digests = [c.evidence for c in gate.checks.values() if c.evidence is not None]
        self.host.fetch(d for d in digests if not snapshot.has_document(d))

    def _draw_checks(self, view: GateRows, snapshot: Snapshot) -> None:
        ascii_only = self.host.ascii_only
        checks = self.query_one("#checks", RowsPane)
        title = f"{view.gate.gate}  {decision_word(view.gate)}  {counts_words(view)}"
        checks.show_rows(
            lambda width: [
                Row(name, line)
                for name, line in check_lines(view.rows, width, ascii_only=ascii_only)
            ],
            title,
        )
        detail = check_detail(view, checks.selected, snapshot.state, snapshot.documents)
        if detail is not None:
            self._draw_detail(detail)

    def _draw_detail(self, detail: CheckDetail) -> None:
        ascii_only = self.host.ascii_only
        evidence, history = self.query_one("#evidence", Pane), self.query_one("#history", Pane)
        evidence.show(
            partial(evidence_lines, detail, ascii_only=ascii_only), f"Evidence: {detail.row.name}"
        )
        history.show(
            partial(history_lines, detail, ascii_only=ascii_only), f"History: {detail.row.name}"
        )

    @on(RowsPane.Moved)
    def _other(self) -> None:
        """Another gate, or another check of it."""
        self.draw(self.host.snapshot)

    @on(RowsPane.Picked, "#gates")
    def _to_checks(self) -> None:
        self.query_one("#checks").focus()

    @on(RowsPane.Picked, "#checks")
    def _to_evidence(self) -> None:
        self.query_one("#evidence").focus()
