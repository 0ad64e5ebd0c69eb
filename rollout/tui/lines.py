"""Plain lines of `rollout.view` on screen: marks get their colour, and nothing is ever markup."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from textual.content import Content, Span

from rollout.domain.evidence import Decision
from rollout.tui.theme import BADGES, STYLES
from rollout.view.environment import EnvironmentView
from rollout.view.gate_list import decision_in_words
from rollout.view.link_state import MARKS as LINK_MARKS
from rollout.view.marks import MARKS, Mark, of_gate
from rollout.view.text import plain

LinesFor = Callable[[int], Sequence[str]]
"""Lines for a width in columns."""

_WORDS: dict[str, Mark] = {
    **MARKS,
    **LINK_MARKS,
    **{decision_in_words(decision): of_gate(decision) for decision in Decision},
}
"""Words that stand behind a mark's glyph: its own, the link's, a gate's decision."""

_STYLES = {
    **{f"{g} {word}": STYLES[m.word] for word, m in _WORDS.items() for g in (m.glyph, m.ascii)},
    **{EnvironmentView(w).badge(ascii_only=a): s for w, s in BADGES.items() for a in (False, True)},
}
_KNOWN = re.compile(f"(?:{'|'.join(map(re.escape, _STYLES))})(?![A-Za-z-])")

_GLYPHS = {glyph: STYLES[m.word] for m in MARKS.values() for glyph in (m.glyph, m.ascii)}
_PHASE = re.compile(rf"(?P<glyph>[{''.join(map(re.escape, _GLYPHS))}]) \d+")


def content(lines: Sequence[str]) -> Content:
    """The lines with every mark (glyph and word) and every badge in its colour.

    Control characters are dropped here as well: a line may come from a foreign system.
    """
    text = "\n".join(clean(line) for line in lines)
    spans = [
        Span(found.start(), found.end(), _STYLES[found.group()]) for found in _KNOWN.finditer(text)
    ]
    return Content(text, spans=spans, strip_control_codes=False)


def rail_content(line: str) -> Content:
    """The rail of phases: each glyph with its number in the colour of its mark."""
    text = clean(line)
    spans = [
        Span(found.start(), found.end(), _GLYPHS[found["glyph"]]) for found in _PHASE.finditer(text)
    ]
    return Content(text, spans=spans, strip_control_codes=False)


def clean(line: str) -> str:
    """The line without anything that steers a terminal; blanks at its beginning stay."""
    return line if line.isascii() and line.isprintable() else plain(line)
