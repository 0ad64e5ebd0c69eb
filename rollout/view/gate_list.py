"""The gates one may look at: those of the current phase first, then what was decided before."""

from __future__ import annotations

import msgspec

from rollout.domain.evidence import Decision
from rollout.domain.state import GateState, RolloutState
from rollout.reports.wording import moment_in_words
from rollout.view import marks
from rollout.view.gates import newest_rounds, telling_gates
from rollout.view.marks import MARKS
from rollout.view.plan_words import PlanWords
from rollout.view.text import clip, plain


class GateEntry(msgspec.Struct, frozen=True, kw_only=True):
    """`id` is `phase/attempt/moment/gate`, as the state names it."""

    id: str
    word: str
    decision: str
    title: str
    gate: str
    place: str


def gate_id(gate: GateState) -> str:
    return f"{gate.phase}/{gate.attempt}/{gate.moment}/{gate.gate}"


def find_gate(state: RolloutState, id: str) -> GateState | None:  # noqa: A002 - the word for it
    """The newest round of that gate; None when it was not asked in this log."""
    position = state.gate_index.get(id)
    return None if position is None else state.gates[position]


def gate_entries(state: RolloutState, words: PlanWords) -> list[GateEntry]:
    """Newest round each, of every phase's current attempt; the ones that tell first."""
    found = [*telling_gates(state)]
    for phase in reversed(state.phases.values()):
        found += reversed(newest_rounds(state, phase.id, phase.attempt))
    first: dict[str, GateState] = {}
    for gate in found:
        first.setdefault(gate_id(gate), gate)
    return [_entry(gate, words) for gate in first.values()]


def _entry(gate: GateState, words: PlanWords) -> GateEntry:
    said = words.gate(gate.gate)
    number = f"gate {said.number}: " if said.number is not None else ""
    again = f", attempt {gate.attempt}" if gate.attempt > 1 else ""
    decision = decision_in_words(gate.decision) if gate.decision is not None else "OPEN"
    return GateEntry(
        id=gate_id(gate),
        word=marks.of_gate(gate.decision).word,
        decision=decision,
        title=plain(f"{number}{said.title or gate.gate}"),
        gate=gate.gate,
        place=f"{gate.phase}{again}, {moment_in_words(gate.moment)}",
    )


def decision_in_words(decision: Decision) -> str:
    """`NO-GO`, as people write it."""
    return decision.value.replace("_", "-").upper()


def entry_line(entry: GateEntry, width: int, *, ascii_only: bool = False) -> str:
    """`✓ GO  gate 1: The foundation is ready (pilot, before the phase)`."""
    mark = MARKS[entry.word]
    glyph = mark.ascii if ascii_only else mark.glyph
    line = f"{glyph} {entry.decision}  {entry.title} ({entry.place})"
    return clip(line, width, ascii_only=ascii_only)
