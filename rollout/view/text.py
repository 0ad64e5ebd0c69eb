"""Text for terminals: cleaned of what a foreign system may have slipped in, cut and padded to a width."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache

from rollout.domain.evidence import Scalar
from rollout.domain.instants import to_text

_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]+"
)
"""Control characters (escape sequences begin with one), line ends, and marks that hide or reorder."""

LONGEST = 1000
"""Characters of one foreign text on one line."""


def plain(text: object) -> str:
    """One printable line of at most 1,000 characters.

    >>> plain("red \\x1b[31malert\\nnext")
    'red [31malert next'
    """
    found = printable(str(text))
    return found if len(found) <= LONGEST else f"{found[: LONGEST - 1]}…"


def printable(text: str) -> str:
    """One printable line of any length."""
    return text if text.isascii() and text.isprintable() else _UNSEEN.sub(_replacement, text)


def _replacement(match: re.Match[str]) -> str:
    return " " if any(c in "\t\n\r\x0b\x0c\u2028\u2029" for c in match.group()) else ""


def cells(text: str) -> int:
    """Columns a terminal needs.

    >>> cells("abc"), cells("例"), cells("e\\u0301")
    (3, 2, 1)
    """
    if text.isascii():
        return len(text)
    return sum(_cells_of(c) for c in text)


@lru_cache(maxsize=4096)
def _cells_of(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def clip(text: str, width: int, *, ascii_only: bool = False) -> str:
    """At most `width` columns; what was cut is marked.

    >>> clip("reject rate", 8), clip("reject rate", 8, ascii_only=True)
    ('reject …', 'rejec...')
    """
    if cells(text) <= width:
        return text
    mark = "..." if ascii_only else "…"
    if width <= len(mark):
        return mark[: max(width, 0)]
    left = width - len(mark)
    for position, character in enumerate(text):
        left -= _cells_of(character)
        if left < 0:
            return text[:position] + mark
    return text


def pad(text: str, width: int, *, ascii_only: bool = False) -> str:
    """Exactly `width` columns."""
    cut = clip(text, width, ascii_only=ascii_only)
    return cut + " " * (width - cells(cut))


def wrap(text: str, width: int, indent: str = "") -> list[str]:
    """Lines of at most `width` columns, broken at spaces where possible, each behind `indent`.

    >>> wrap("one two three", 9, "  ")
    ['  one two', '  three']
    """
    room = max(width - cells(indent), 8)
    lines: list[str] = []
    line = ""
    for word in text.split():
        while cells(word) > room:
            head = word if room >= cells(word) else word[:room]
            if line:
                lines.append(line)
                line = ""
            lines.append(head)
            word = word[len(head) :]
        if line and cells(line) + 1 + cells(word) > room:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return [indent + found for found in ([*lines, line] if line or not lines else lines)]


def instant(at: datetime | None) -> str:
    """To the second, in UTC; a dash when there is none.

    >>> instant(None)
    '-'
    """
    return "-" if at is None else to_text(at.replace(microsecond=0)).replace("T", " ")


def to_minute(at: datetime | None) -> str:
    """Where the second does not matter.

    >>> from datetime import UTC
    >>> to_minute(datetime(2026, 1, 6, 18, 0, 34, tzinfo=UTC)), to_minute(None)
    ('2026-01-06 18:00Z', '-')
    """
    return "-" if at is None else f"{instant(at)[:16]}Z"


def figure(value: Scalar) -> str:
    """A metric without its condition: grouped digits, four decimals at most.

    >>> figure(18722), figure(0.006999999), figure(None), figure(True)
    ('18,722', '0.007', 'nothing', 'true')
    """
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        text = f"{value:,.4f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    return plain(value)


def figures(observed: Mapping[str, Scalar]) -> str:
    """Metrics in one line, in their own order."""
    return ", ".join(f"{plain(name)} {figure(value)}" for name, value in observed.items())


def table(rows: Sequence[Sequence[str]], width: int, *, ascii_only: bool = False) -> list[str]:
    """Columns as wide as they need; the last one takes what is left of `width` and is cut there."""
    if not rows:
        return []
    widths = [max(cells(row[n]) for row in rows) for n in range(len(rows[0]) - 1)]
    lines = []
    for row in rows:
        start = "".join(
            pad(cell, size, ascii_only=ascii_only) + "  "
            for cell, size in zip(row, widths, strict=False)
        )
        line = start + clip(row[-1], max(width - cells(start), 8), ascii_only=ascii_only)
        lines.append(line.rstrip())
    return lines
