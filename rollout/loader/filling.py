"""References that are known at load (`params`, a gate's own parameters), filled in."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rollout.domain.references import KEEP, Reference, in_text, references, resolve
from rollout.loader.nodes import Node


@dataclass(frozen=True)
class Space:
    """A name space that is known now: `params.x` looks up `x`."""

    name: str
    values: Mapping[str, Any]


def fill(node: Node, spaces: list[Space]) -> Node:
    """The node with every reference into the spaces filled; other references stay as text.

    Unknown names and malformed references are reported, and stay.
    """
    return node.holding(_filled(node, spaces))


def _filled(node: Node, spaces: list[Space]) -> Any:
    if isinstance(node.value, dict):
        return {key: _filled(child, spaces) for key, child in node.items()}
    if isinstance(node.value, list):
        return [_filled(child, spaces) for child in node.each()]
    if isinstance(node.value, str) and "${{" in node.value:
        return _filled_text(node, node.value, spaces)
    return node.value


def _filled_text(node: Node, text: str, spaces: list[Space]) -> Any:
    if not _is_sound(node, text, spaces):
        return text
    try:
        return resolve(text, lambda name: _known(name, spaces))
    except ValueError as problem:
        node.problem(str(problem))
        return text


def _is_sound(node: Node, text: str, spaces: list[Space]) -> bool:
    """Report malformed and unknown references; whether all are well-formed."""
    values = {space.name: space.values for space in spaces}
    sound = True
    for reference in references(text):
        root, _, rest = (reference.name or "").partition(".")
        if reference.name is None:
            what = "`${{` must be followed by one dotted name and `}}`"
            node.problem(what, offset=reference.start)
            sound = False
        elif root in values and rest not in values[root]:
            known = [f"{root}.{name}" for name in values[root]]
            what = f"unknown reference `{reference.name}`"
            node.problem(what, reference.name, known, reference.start)
    return sound


def _known(name: str, spaces: list[Space]) -> Any:
    root, _, rest = name.partition(".")
    return next((s.values.get(rest, KEEP) for s in spaces if s.name == root), KEEP)


@dataclass(frozen=True)
class FilledText:
    """A text with its references filled, and the way back from its offsets to the written ones."""

    text: str
    filled_starts: list[int]
    written_starts: list[int]

    def written(self, offset: int) -> int:
        """The offset in the text as it was written; of a filled-in value, where its reference is.

        Pieces alternate: written, filled in, written, …
        """
        piece = bisect_right(self.filled_starts, offset) - 1
        ahead = 0 if piece % 2 else offset - self.filled_starts[piece]
        return self.written_starts[piece] + ahead


def fill_text(node: Node, spaces: list[Space]) -> FilledText:
    """Like `fill` for one text, which stays a text."""
    written = str(node.value)
    if not _is_sound(node, written, spaces):
        return FilledText(written, [0], [0])
    text, end = "", 0
    filled_starts, written_starts = [0], [0]
    for reference in references(written):
        text += written[end : reference.start]
        filled_starts.append(len(text))
        written_starts.append(reference.start)
        text += _piece(node, written, reference, spaces)
        end = reference.end
        filled_starts.append(len(text))
        written_starts.append(end)
    return FilledText(text + written[end:], filled_starts, written_starts)


def _piece(node: Node, written: str, reference: Reference, spaces: list[Space]) -> str:
    raw = written[reference.start : reference.end]
    value = _known(reference.name or "", spaces)
    if value is KEEP:
        return raw
    try:
        return in_text(reference.name or "", value)
    except ValueError as problem:
        node.problem(str(problem), offset=reference.start)
        return raw
