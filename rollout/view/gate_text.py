"""A gate's evaluation as lines of text: asked, observed, required, verdict, why."""

from __future__ import annotations

from collections.abc import Iterator

from rollout.view.gates import WORST_FIRST
from rollout.view.marks import MARKS
from rollout.view.model import CheckView, GateView
from rollout.view.status_text import decision_word, gate_name
from rollout.view.text import clip, figures, instant, pad, wrap

_MARK = 6
"""Columns of a glyph and its word."""
_MOST_METRICS = 6
_INDENT = " " * (2 + _MARK + 2)


def gate_lines(gate: GateView, width: int, *, ascii_only: bool = False) -> list[str]:
    """Every check in full, the ones that block first; at most `width` columns a line."""
    mark = MARKS[gate.word].shown(ascii_only=ascii_only)
    lines = [
        f"{mark}  {gate_name(gate)}: {decision_word(gate)} at {instant(gate.decided_at)}",
        *wrap(gate.title, width, "    "),
    ]
    for check in sorted(gate.checks, key=lambda c: WORST_FIRST[c.word]):
        lines += _check(check, width, ascii_only=ascii_only)
    return [clip(line, width, ascii_only=ascii_only) for line in lines]


def _check(check: CheckView, width: int, *, ascii_only: bool) -> Iterator[str]:
    mark = MARKS[check.word].shown(ascii_only=ascii_only)
    verdict = check.verdict.value if check.verdict else "not concluded"
    only_shown = ", shown only" if check.shadow else ""
    start = f"  {pad(mark, _MARK)}  "
    title = f"{check.title} [{check.id}, {verdict}{only_shown}]"
    first, *rest = wrap(title, width, " " * len(start))
    yield start + first.lstrip()
    yield from rest
    samples = f" ({check.samples} samples)" if check.samples > 1 else ""
    yield from wrap(f"observed: {observed(check)}{samples}", width, _INDENT)
    if check.required:
        yield from wrap(f"required: {check.required}", width, _INDENT)
    if check.reason:
        yield from wrap(f"because: {check.reason}", width, _INDENT)
    if check.waived_by:
        yield from wrap(f"waived: {check.waived_by}", width, _INDENT)
    if check.word in {"FAIL", "UNKN"} and check.if_it_fails:
        yield from wrap(f"then: {check.if_it_fails}", width, _INDENT)


def observed(check: CheckView) -> str:
    """What the conditions speak of; without evidence at hand, the first metrics there are."""
    if check.judged:
        return ", ".join(f"{metric} {value}" for metric, value in check.judged.items())
    first = dict(list(check.observed.items())[:_MOST_METRICS])
    more = len(check.observed) - len(first)
    return (figures(first) or "nothing") + (f" and {more} more" if more else "")
