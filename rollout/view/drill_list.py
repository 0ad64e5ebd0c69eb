"""The faults that can be rehearsed, in words: what each is and when it happens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rollout.domain.durations import format_duration
from rollout.rehearsal.drill.mutants import Mutant
from rollout.rehearsal.scenario import ANY_ATTEMPT, Moment
from rollout.view.text import clip, plain, table, wrap

WIDEST = 80
"""Columns: a longer line is harder to read, however wide the terminal."""


def fault_lines(mutants: Sequence[Mutant], width: int, *, ascii_only: bool = False) -> list[str]:
    """Two lines or more a fault: name, kind and moment, then what it is."""
    width = min(width, WIDEST)
    rows = table([[m.id, m.fault.kind] for m in mutants], width, ascii_only=ascii_only)
    lines: list[str] = []
    for row, mutant in zip(rows, mutants, strict=True):
        about = plain(mutant.fault.about)
        nothing = "" if mutant.must_be_noticed else f" ({words_of_need(mutant)})"
        lines.append(clip(row, width, ascii_only=ascii_only))
        lines += wrap(f"{about}{nothing}", width, "    ")
        lines += wrap(plain(moment_words(mutant.fault.at)), width, "    ")
    return lines


def fault_documents(mutants: Sequence[Mutant]) -> list[dict[str, Any]]:
    """The same as data; `at` is the moment as the scenario has it."""
    return [
        {
            "id": m.id,
            "kind": m.fault.kind,
            "scenario": m.scenario.scenario,
            "at": m.fault.at.model_dump(mode="json", exclude_defaults=True),
            "where": moment_words(m.fault.at),
            "title": m.fault.about,
            "must_be_noticed": m.must_be_noticed,
            "mends": m.mends,
        }
        for m in mutants
    ]


def words_of_need(mutant: Mutant) -> str:
    """Why nobody has to notice it."""
    return "mends something" if mutant.mends else "to be lived with"


def moment_words(at: Moment) -> str:
    """When a fault happens.

    >>> from datetime import timedelta
    >>> moment_words(Moment(phase="pilot", step="pilot_a", after=timedelta(minutes=5)))
    'in pilot, 5m after step pilot_a began'
    >>> moment_words(Moment(call="POST /syncs/*/trigger", nth=2, times=3))
    'at call 2 to 4 of POST /syncs/*/trigger'
    >>> moment_words(Moment(phase="pilot", attempt=2))
    'in pilot, attempt 2, when it begins'
    """
    if at.call is not None:
        last = at.nth + at.times - 1
        which = f"{at.nth} to {last}" if at.times > 1 else f"{at.nth}"
        return f"at call {which} of {at.call}"
    attempt = f", attempt {at.attempt}" if at.attempt not in (ANY_ATTEMPT, 1) else ""
    begins = f"step {at.step} began" if at.step else f"stage {at.stage} began" if at.stage else ""
    if at.after:
        return f"in {at.phase}{attempt}, {format_duration(at.after)} after {begins or 'it began'}"
    now = begins.replace(" began", " begins") if begins else "it begins"
    return f"in {at.phase}{attempt}, when {now}"
