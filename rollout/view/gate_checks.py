"""The gates of a rollout with their checks, and one check in full: the plain twin of the gate screen."""

from __future__ import annotations

from datetime import datetime

import msgspec

from rollout.domain.state import GateState, RolloutState
from rollout.view.check_detail import CheckDetail, check_detail
from rollout.view.check_detail_text import check_spoken, evidence_lines, history_lines
from rollout.view.check_rows import GateRows, gate_rows
from rollout.view.check_rows_text import check_lines, counts_words, for_go, gate_heading
from rollout.view.gate_list import GateEntry, entry_line, find_gate, gate_entries
from rollout.view.gates import Documents, telling_gates
from rollout.view.plan_words import PlanWords
from rollout.view.status_text import decision_word
from rollout.view.text import clip


class GateChecksView(msgspec.Struct, frozen=True, kw_only=True):
    """`gates` are those that tell, or the one that was asked for; `others` all that were asked;
    `check` the one that was asked for."""

    gates: list[GateRows]
    others: list[GateEntry]
    check: CheckDetail | None
    at: datetime


def gate_checks_view(
    state: RolloutState,
    words: PlanWords,
    now: datetime,
    documents: Documents | None = None,
    gate: str | None = None,
    check: str | None = None,
) -> GateChecksView:
    """Of the gate of that name (its newest evaluation), and of that check in it.

    Raises: LookupError naming what there is instead.
    """
    entries = gate_entries(state, words)
    shown = [
        gate_rows(found, state, words, now, documents)
        for found in _asked(state, entries, gate, check)
    ]
    details = [check_detail(rows, check, state, documents) for rows in shown] if check else []
    return GateChecksView(
        gates=shown,
        others=entries,
        check=next((d for d in details if d is not None), None),
        at=now,
    )


def _asked(
    state: RolloutState, entries: list[GateEntry], gate: str | None, check: str | None
) -> list[GateState]:
    found = [g for e in entries if (g := find_gate(state, e.id)) is not None]
    if gate is not None:
        found = [g for g in found if g.gate == gate][:1]
        if not found:
            names = ", ".join(dict.fromkeys(e.gate for e in entries)) or "none"
            raise LookupError(f"the gate {gate!r} was not asked yet; asked so far: {names}")
    elif check is None:
        return telling_gates(state)
    if check is not None:
        having = [g for g in found if check in g.checks][:1]
        if not having:
            names = ", ".join(dict.fromkeys(c for g in found for c in g.checks)) or "none"
            raise LookupError(f"the check {check!r} was not asked there; asked: {names}")
        return having
    return found


def gate_checks_lines(view: GateChecksView, width: int, *, ascii_only: bool = False) -> list[str]:
    """The gates with a row a check and what must change for a go; then the check in full, else the
    list of all gates. At most `width` columns a line."""
    lines: list[str] = []
    for gate in view.gates if view.check is None else []:
        lines.append(gate_heading(gate, width, ascii_only=ascii_only))
        lines += [
            f"  {line}" for _, line in check_lines(gate.rows, width - 2, ascii_only=ascii_only)
        ]
        change = for_go(gate, width - 4)
        lines += ["  for a go:", *(f"    {line}" for line in change)] if change else []
        lines.append("")
    if view.check is not None:
        lines += evidence_lines(view.check, width, ascii_only=ascii_only)
        lines += ["", "History", *history_lines(view.check, width, ascii_only=ascii_only)]
    elif view.others:
        lines.append("All gates")
        lines += [f"  {entry_line(e, width - 2, ascii_only=ascii_only)}" for e in view.others]
    else:
        lines.append("no gate was asked yet")
    return [clip(line, width, ascii_only=ascii_only) for line in lines]


def gate_checks_spoken(view: GateChecksView) -> list[str]:
    """Sentences for a screen reader."""
    lines: list[str] = []
    for gate in view.gates:
        lines.append(f"Gate {gate.gate.gate} is {decision_word(gate.gate)}: {counts_words(gate)}.")
        for row in gate.rows:
            age = f", {row.age_s:.0f} seconds old" if row.age_s is not None else ""
            lines.append(
                f"{row.word}: {row.title}, observed {row.observed}, required {row.required}{age}."
            )
        lines += [f"For a go: {line}" for line in for_go(gate, 1000)]
    if view.check is not None:
        return [*lines, *check_spoken(view.check)]
    return lines or ["No gate was asked yet."]
