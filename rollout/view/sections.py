"""A picture as sections of prose, rows and drawings: set in columns for eyes, said for ears."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from rollout.view.marks import Mark
from rollout.view.text import clip, pad, plain, table, wrap

Cell = str | Mark

_MARK = 6
"""Columns of a glyph and its word."""


class Prose(msgspec.Struct, frozen=True):
    """Sentences, each broken to the width; `indent` is two columns below a heading, else none."""

    heading: str = ""
    lines: Sequence[str] = ()
    indent: int | None = None


class Marked(msgspec.Struct, frozen=True):
    """Sentences behind their marks, each broken to the width: what must not be cut."""

    heading: str = ""
    rows: Sequence[tuple[Mark, str]] = ()


class Rows(msgspec.Struct, frozen=True):
    """A table. Its columns have names, which only ears need: eyes see what stands below what. A
    column without even a name (None) is drawn and not said."""

    heading: str = ""
    columns: Sequence[str | None] = ()
    rows: Sequence[Sequence[Cell]] = ()


class Drawing(msgspec.Struct, frozen=True):
    """Bars and curves, set to the width already. Nothing that is not also said elsewhere."""

    lines: Sequence[str] = ()


Section = Prose | Marked | Rows | Drawing


def drawn(sections: Iterable[Section], width: int, *, ascii_only: bool = False) -> list[str]:
    """At most `width` columns a line; sections that begin with a heading stand apart."""
    lines: list[str] = []
    for section in sections:
        found = list(_drawn(section, width, ascii_only=ascii_only))
        if found and lines and not isinstance(section, Drawing) and section.heading:
            lines.append("")
        lines += found
    return [clip(line, width, ascii_only=ascii_only) for line in lines]


def spoken(sections: Iterable[Section]) -> list[str]:
    """For screen readers: no drawing, no columns; every row is a sentence that names its parts."""
    lines: list[str] = []
    for section in sections:
        if isinstance(section, Drawing):
            continue
        said = [line for line in _said(section) if line]
        if section.heading and said:
            lines.append(f"{plain(section.heading).rstrip(':')}:")
        lines += said
    return lines


def _said(section: Prose | Marked | Rows) -> list[str]:
    if isinstance(section, Prose):
        return [" ".join(plain(line).split()) for line in section.lines]
    if isinstance(section, Marked):
        return [f"{mark.word}: {' '.join(plain(text).split())}" for mark, text in section.rows]
    return [_sentence(section.columns, row) for row in section.rows]


def _drawn(section: Section, width: int, *, ascii_only: bool) -> Iterator[str]:
    if isinstance(section, Drawing):
        yield from section.lines
        return
    body = list(_body(section, width, ascii_only=ascii_only))
    if section.heading and body:
        yield plain(section.heading)
    yield from body


def _body(section: Prose | Marked | Rows, width: int, *, ascii_only: bool) -> Iterator[str]:
    if isinstance(section, Prose):
        below = 2 if section.heading else 0
        indent = " " * (below if section.indent is None else section.indent)
        for line in section.lines:
            yield from wrap(plain(line), width, indent)
        return
    indent = "  " if section.heading else ""
    if isinstance(section, Marked):
        for mark, text in section.rows:
            yield from _hanging(
                f"{indent}{pad(mark.shown(ascii_only=ascii_only), _MARK)}  ", text, width
            )
        return
    rows = [_set(row, width // 3, ascii_only=ascii_only) for row in section.rows]
    for line in table(rows, width - len(indent), ascii_only=ascii_only):
        yield indent + line


def _hanging(start: str, text: str, width: int) -> Iterator[str]:
    first, *rest = wrap(plain(text), width, " " * len(start))
    yield start + first.lstrip()
    yield from rest


def _set(row: Sequence[Cell], widest: int, *, ascii_only: bool) -> list[str]:
    """Only the last column may be long: no other one can push the rest off the screen."""
    *first, last = (_shown(cell, ascii_only=ascii_only) for cell in row)
    return [*(clip(cell, widest, ascii_only=ascii_only) for cell in first), last]


def _shown(cell: Cell, *, ascii_only: bool) -> str:
    return cell.shown(ascii_only=ascii_only) if isinstance(cell, Mark) else plain(cell)


def _sentence(columns: Sequence[str | None], row: Sequence[Cell]) -> str:
    """`FAIL, check reject rate, observed 2 %.` Empty cells are left out."""
    parts = []
    for name, cell in zip(columns, row, strict=True):
        if name is None:
            continue
        said = cell.word if isinstance(cell, Mark) else plain(cell)
        if said:
            parts.append(f"{name} {said}".strip())
    return f"{', '.join(parts)}." if parts else ""
