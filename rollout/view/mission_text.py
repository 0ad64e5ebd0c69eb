"""The parts of the mission picture as lines: what runs, the gate, what may be done, what happened."""

from __future__ import annotations

from rollout.view.model import StatusView
from rollout.view.status_text import (
    choice_lines,
    event_rows,
    gate_summary,
    under_way_lines,
)
from rollout.view.text import clip


def running_lines(view: StatusView, width: int, *, ascii_only: bool = False) -> list[str]:
    """Steps and sync runs that are under way."""
    lines = list(under_way_lines(view, ascii_only=ascii_only)) or ["nothing is running"]
    return [clip(line, width, ascii_only=ascii_only) for line in lines]


def gate_lines(view: StatusView, width: int, *, ascii_only: bool = False) -> list[str]:
    """The gates that tell: open, blocking, or decided last; the checks that block first."""
    lines = [
        line for gate in view.gates for line in gate_summary(gate, width, ascii_only=ascii_only)
    ]
    return [clip(line, width, ascii_only=ascii_only) for line in lines or ["no gate was asked yet"]]


def next_lines(view: StatusView, width: int, *, ascii_only: bool = False) -> list[str]:
    """What only a person can do now, then what else is possible."""
    lines = list(choice_lines(view, width, ascii_only=ascii_only))
    ended = f"the rollout has ended: {view.outcome.replace('_', ' ')}" if view.outcome else ""
    return [
        clip(line, width, ascii_only=ascii_only)
        for line in lines or [ended or "nothing: it moves on by itself"]
    ]


def event_lines(view: StatusView, width: int, *, ascii_only: bool = False) -> list[str]:
    """The newest events, newest last."""
    return event_rows(view.newest, width, ascii_only=ascii_only) or ["nothing has happened yet"]
