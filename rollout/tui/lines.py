"""Plain lines of `rollout.view` on screen: marks get their colour, and nothing is ever markup."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from textual.content import Content, Span

from rollout.tui.theme import STYLES
from rollout.view.marks import MARKS
from rollout.view.text import plain

LinesFor = Callable[[int], Sequence[str]]
"""Lines for a width in columns."""

_MARK = re.compile(
    "|".join(
        f"(?:{re.escape(m.glyph)}|{re.escape(m.ascii)}) {m.word}(?![A-Za-z])"
        for m in MARKS.values()
    )
)


def content(lines: Sequence[str]) -> Content:
    """The lines with every mark (glyph and word) in its colour.

    Control characters are dropped here as well: a line may come from a foreign system.
    """
    text = "\n".join(clean(line) for line in lines)
    spans = [
        Span(found.start(), found.end(), STYLES[found.group().rpartition(" ")[2]])
        for found in _MARK.finditer(text)
    ]
    return Content(text, spans=spans, strip_control_codes=False)


def clean(line: str) -> str:
    """The line without anything that steers a terminal; blanks at its beginning stay."""
    return line if line.isascii() and line.isprintable() else plain(line)
