"""The parts of the mission picture as lines: the gate that tells, and what happened."""

from __future__ import annotations

from collections.abc import Sequence

from rollout.view.check_rows import GateRows
from rollout.view.check_rows_text import check_lines, for_go, gate_heading
from rollout.view.model import EventView
from rollout.view.text import clip, pad


def gate_lines(gates: Sequence[GateRows], width: int, *, ascii_only: bool = False) -> list[str]:
    """The gates that tell, each with its checks, the ones that block first, and what must change."""
    lines: list[str] = []
    for gate in gates:
        lines += [""] if lines else []
        lines.append(gate_heading(gate, width, ascii_only=ascii_only))
        lines += [line for _, line in check_lines(gate.rows, width, ascii_only=ascii_only)]
        change = for_go(gate, width - 2)
        lines += ["for a go:", *(f"  {line}" for line in change)] if change else []
    return [clip(line, width, ascii_only=ascii_only) for line in lines or ["no gate was asked yet"]]


def event_lines(events: Sequence[EventView], width: int, *, ascii_only: bool = False) -> list[str]:
    """Newest first: what happened just now must be seen without scrolling."""
    lines = []
    for event in reversed(events):
        time = event.at.strftime("%m-%d %H:%M:%S" if width >= 60 else "%H:%M:%S")
        who = f"{pad(event.actor, 10, ascii_only=ascii_only)} " if width >= 60 else ""
        lines.append(f"#{event.seq} {time}  {who}{event.text}")
    return [
        clip(line, width, ascii_only=ascii_only) for line in lines or ["nothing has happened yet"]
    ]
