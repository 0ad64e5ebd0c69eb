"""`${{ dotted.path }}` references: found and filled by look-up alone. No expressions, no eval."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Path = tuple[str | int, ...]
"""Where a value sits in a document: keys and list positions from the top."""

_OPENING = "${{"
_REFERENCE = re.compile(r"\$\{\{\s*([A-Za-z_]\w*(?:\.\w+)*)\s*\}\}")


class _Keep:
    """Says: leave this reference as it stands, somebody fills it later."""

    def __repr__(self) -> str:
        return "KEEP"


KEEP = _Keep()


@dataclass(frozen=True)
class Reference:
    """One reference in a document: the text's `path`, its dotted `name` (None when what follows
    `${{` is not a dotted path), its offsets in that text, and whether it is the whole text."""

    path: Path
    name: str | None
    start: int
    end: int
    whole: bool

    @property
    def parts(self) -> tuple[str, ...]:
        return tuple((self.name or "").split("."))


def references(document: Any, path: Path = ()) -> Iterator[Reference]:
    """Every reference in the values of a document (keys hold none), in reading order.

    >>> [(r.path, r.name, r.whole) for r in references({"a": ["${{ params.x }}", "= ${{ steps.s.n }}"]})]
    [(('a', 0), 'params.x', True), (('a', 1), 'steps.s.n', False)]
    """
    if isinstance(document, str):
        yield from _in_text(document, path)
    elif isinstance(document, Mapping):
        for key, value in document.items():
            yield from references(value, (*path, key))
    elif isinstance(document, list | tuple):
        for position, value in enumerate(document):
            yield from references(value, (*path, position))


def has_references(document: Any) -> bool:
    """Whether any text in the document opens a reference, well-formed or not."""
    return next(references(document), None) is not None


def resolve(document: Any, lookup: Callable[[str], Any]) -> Any:
    """A copy of the document with its references filled by `lookup(dotted_name)`.

    A text that is nothing but one reference takes the value's own type; inside a longer text a
    bool, number or text is written as YAML would write it. `lookup` may return KEEP to leave a
    reference standing.
    Raises: ValueError for `${{` without a dotted path, or for a value (nothing, a list, a
    mapping) that has no place inside a longer text; whatever `lookup` raises, usually KeyError.

    >>> resolve({"n": "${{ params.n }}", "go": "= ${{ params.n }}"}, {"params.n": 50}.__getitem__)
    {'n': 50, 'go': '= 50'}
    """
    if isinstance(document, str):
        return _resolve_text(document, lookup)
    if isinstance(document, Mapping):
        return {key: resolve(value, lookup) for key, value in document.items()}
    if isinstance(document, list | tuple):
        return [resolve(value, lookup) for value in document]
    return document


def _in_text(text: str, path: Path) -> Iterator[Reference]:
    start = text.find(_OPENING)
    while start >= 0:
        match = _REFERENCE.match(text, start)
        if match is None:
            yield Reference(path, None, start, start + len(_OPENING), False)
            start = text.find(_OPENING, start + len(_OPENING))
        else:
            whole = match.group() == text.strip()
            yield Reference(path, match.group(1), start, match.end(), whole)
            start = text.find(_OPENING, match.end())


def _resolve_text(text: str, lookup: Callable[[str], Any]) -> Any:
    if _OPENING not in text:
        return text
    found = list(_in_text(text, ()))
    broken = next((r for r in found if r.name is None), None)
    if broken is not None:
        raise ValueError(
            f"{text[broken.start : broken.start + 40]!r} is not a reference: "
            "write ${{ followed by one dotted name and }}"
        )
    if found[0].whole and found[0].name is not None:
        value = lookup(found[0].name)
        return text if value is KEEP else value
    return _REFERENCE.sub(lambda match: _written(match, lookup), text)


def _written(match: re.Match[str], lookup: Callable[[str], Any]) -> str:
    value = lookup(match.group(1))
    return match.group() if value is KEEP else in_text(match.group(1), value)


def in_text(name: str, value: Any) -> str:
    """How a value is written inside a longer text: as YAML would write it.

    Raises: ValueError for nothing, a list or a mapping: absence must not become a word.

    >>> in_text("params.on", True), in_text("params.share", 0.5)
    ('true', '0.5')
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise ValueError(f"{name} is {value!r}, which cannot stand inside a longer text")
