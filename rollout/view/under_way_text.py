"""What goes on as lines: one or two a thing, a bar where its share is known."""

from __future__ import annotations

from collections.abc import Sequence

from rollout.view.marks import MARKS
from rollout.view.progress_text import progress_words, span
from rollout.view.status_text import bar
from rollout.view.text import clip, instant, wrap
from rollout.view.under_way import WorkView

_INDENT = " " * 8


def under_way_lines(work: Sequence[WorkView], width: int, *, ascii_only: bool = False) -> list[str]:
    """At most `width` columns a line."""
    lines: list[str] = []
    for one in work:
        lines += _lines(one, width, ascii_only=ascii_only)
    return [clip(line, width, ascii_only=ascii_only) for line in lines]


def _lines(one: WorkView, width: int, *, ascii_only: bool) -> list[str]:
    mark = MARKS[one.word].shown(ascii_only=ascii_only)
    lasted = f", for {span(one.for_s)}" if one.for_s is not None and one.since else ""
    first, *rest = wrap(f"{one.title}{lasted}", width, _INDENT)
    lines = [f"{mark}  ".ljust(len(_INDENT)) + first.lstrip(), *rest]
    said = ", ".join(part for part in (_how_far(one), one.detail) if part)
    lines += wrap(said, width, _INDENT) if said else []
    if one.share is not None:
        room = max(width - len(_INDENT) - 6, 8)
        lines.append(f"{_INDENT}{bar(one.share, room, ascii_only=ascii_only)} {one.share:4.0%}")
    return lines


def _how_far(one: WorkView) -> str:
    if one.progress is not None:
        return progress_words(one.progress)
    if one.until is not None and one.left_s is not None:
        left = f"{span(one.left_s)} left, " if one.left_s else ""
        return f"{left}until {instant(one.until)}"
    return ""
