"""Everything that is wrong, gathered: each problem with file, line, column and a way out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rapidfuzz import fuzz

from rollout.domain.errors import PlanProblems

_LIKENESS = 60.0
"""Least likeness (0..100, indel ratio) of a suggestion; below it a guess confuses more than it helps."""


class Place(NamedTuple):
    """Line and column as editors count them: from 1, in characters."""

    line: int
    column: int


TOP = Place(1, 1)


class Problems:
    """Collects problems of several files; each is reported once, in reading order."""

    def __init__(self) -> None:
        self._found: dict[tuple[int, Place, str], str] = {}
        self._files: list[str] = []

    def begin_with(self, file: str) -> None:
        """Name the file whose problems come first."""
        if file not in self._files:
            self._files.append(file)

    def add(
        self, file: str, place: Place, what: str, word: str = "", allowed: Iterable[str] = ()
    ) -> None:
        """`word` is what was written and `allowed` what could have been meant there."""
        self.begin_with(file)
        text = _on_one_line(f"{what}{suggestion(word, allowed)}")
        line = f"{file}:{place.line}:{place.column}: {text}"
        self._found.setdefault((self._files.index(file), place, text), line)

    def __len__(self) -> int:
        return len(self._found)

    def lines(self) -> list[str]:
        return [self._found[key] for key in sorted(self._found)]

    def raise_if_any(self) -> None:
        """Raises: PlanProblems with every line."""
        if self._found:
            raise PlanProblems(self.lines())


def _on_one_line(text: str) -> str:
    """What was written may hold a tab or a line break: each is shown, and none takes effect."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def suggestion(word: str, allowed: Iterable[str]) -> str:
    """`; did you mean …` for a near miss, `; there is: …` for a short list, else nothing.

    >>> suggestion("snyc_a", ["sync_a", "sync_b"])
    '; did you mean `sync_a`?'
    >>> suggestion("zzz", ["sync_a", "sync_b"])
    '; known: `sync_a`, `sync_b`'
    """
    choices = sorted(set(allowed))
    if not choices:
        return ""
    score, best = max((fuzz.ratio(word, choice), choice) for choice in choices)
    if score >= _LIKENESS:
        best = next(c for c in choices if fuzz.ratio(word, c) == score)
        return f"; did you mean `{best}`?"
    return f"; known: {in_words(choices)}" if len(choices) <= 8 else ""


def in_words(names: Sequence[str]) -> str:
    """
    >>> in_words(["a", "b"])
    '`a`, `b`'
    """
    return ", ".join(f"`{name}`" for name in names)
