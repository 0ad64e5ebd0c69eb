"""A picture as sections of prose, rows and drawings: set in columns for eyes, said for ears."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from rollout.view.marks import Mark
from rollout.view.text import clip, plain, table, wrap

Cell = str | Mark


class Prose(msgspec.Struct, frozen=True):
    """Sentences, each broken to the width; `indent` columns below a heading."""

    heading: str = ""
    lines: Sequence[str] = ()
    indent: int = 2


class Rows(msgspec.Struct, frozen=True):
    """A table. Its columns have names, which only ears need: eyes see what stands below what."""

    heading: str = ""
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[Cell]] = ()


class Drawing(msgspec.Struct, frozen=True):
    """Bars and curves, set to the width already. Nothing that is not also said elsewhere."""

    lines: Sequence[str] = ()


Section = Prose | Rows | Drawing


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
        if section.heading and (section.rows if isinstance(section, Rows) else section.lines):
            lines.append(f"{plain(section.heading).rstrip(':')}:")
        if isinstance(section, Prose):
            lines += [" ".join(plain(line).split()) for line in section.lines]
        else:
            lines += [_sentence(section.columns, row) for row in section.rows]
    return [line for line in lines if line]


def _drawn(section: Section, width: int, *, ascii_only: bool) -> Iterator[str]:
    if isinstance(section, Drawing):
        yield from section.lines
        return
    body = list(_body(section, width, ascii_only=ascii_only))
    if section.heading and body:
        yield plain(section.heading)
    yield from body


def _body(section: Prose | Rows, width: int, *, ascii_only: bool) -> Iterator[str]:
    if isinstance(section, Prose):
        indent = " " * (section.indent if section.heading else 0)
        for line in section.lines:
            yield from wrap(plain(line), width, indent)
        return
    indent = "  " if section.heading else ""
    rows = [_set(row, width // 3, ascii_only=ascii_only) for row in section.rows]
    for line in table(rows, width - len(indent), ascii_only=ascii_only):
        yield indent + line


def _set(row: Sequence[Cell], widest: int, *, ascii_only: bool) -> list[str]:
    """Only the last column may be long: no other one can push the rest off the screen."""
    *first, last = (_shown(cell, ascii_only=ascii_only) for cell in row)
    return [*(clip(cell, widest, ascii_only=ascii_only) for cell in first), last]


def _shown(cell: Cell, *, ascii_only: bool) -> str:
    return cell.shown(ascii_only=ascii_only) if isinstance(cell, Mark) else plain(cell)


def _sentence(columns: Sequence[str], row: Sequence[Cell]) -> str:
    """`FAIL, check reject rate, observed 2 %.` Empty cells are left out."""
    parts = []
    for name, cell in zip(columns, row, strict=True):
        said = cell.word if isinstance(cell, Mark) else plain(cell)
        if said:
            parts.append(f"{name} {said}".strip())
    return f"{', '.join(parts)}." if parts else ""
