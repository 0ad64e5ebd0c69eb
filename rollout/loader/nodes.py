"""A value of a document together with where it stands, so that any rule can point at it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rollout.domain.references import Path
from rollout.loader.problems import Problems
from rollout.loader.strict_yaml import Document, place_in


@dataclass(frozen=True)
class Node:
    """`value` may be a filled-in copy of what the document says; its place stays the document's.

    Reading never fails: what is not there or has the wrong shape is empty, because its shape is
    reported once, elsewhere.
    """

    document: Document
    problems: Problems
    path: Path
    value: Any

    def get(self, key: str | int) -> Node | None:
        """The member of a mapping or list, None when there is none."""
        if isinstance(self.value, dict) and key in self.value:
            return self._child(key, self.value[key])
        if isinstance(self.value, list) and isinstance(key, int) and key < len(self.value):
            return self._child(key, self.value[key])
        return None

    def items(self) -> list[tuple[str, Node]]:
        """The members of a mapping."""
        if not isinstance(self.value, dict):
            return []
        return [(key, self._child(key, value)) for key, value in self.value.items()]

    def each(self) -> list[Node]:
        """The members of a list."""
        if not isinstance(self.value, list):
            return []
        return [self._child(position, value) for position, value in enumerate(self.value)]

    def members(self, key: str) -> list[Node]:
        """The members of the list under a key."""
        child = self.get(key)
        return child.each() if child else []

    def named(self, key: str) -> list[tuple[str, Node]]:
        """The members of the mapping under a key."""
        child = self.get(key)
        return child.items() if child else []

    def text(self, key: str) -> str | None:
        """The text under a key."""
        child = self.get(key)
        return child.value if child and isinstance(child.value, str) else None

    def below(self, path: Path) -> Node:
        """The deepest existing node on the way down `path`."""
        node = self
        for key in path:
            child = node.get(key)
            if child is None:
                break
            node = child
        return node

    def holding(self, value: Any) -> Node:
        """The same place with another value."""
        return Node(self.document, self.problems, self.path, value)

    def problem(
        self, what: str, word: str = "", allowed: Iterable[str] = (), offset: int = 0
    ) -> None:
        """Report at the value; in a file that is one text, at the offset in it."""
        place = self.document.place(self.path)
        if isinstance(self.document.data, str):
            place = place_in(self.document.data, offset)
        self.problems.add(self.document.file, place, what, word, allowed)

    def key_problem(self, what: str, word: str = "", allowed: Iterable[str] = ()) -> None:
        """Report at the key that leads here (or at the value in a list)."""
        place = self.document.place(self.path, of_key=True)
        self.problems.add(self.document.file, place, what, word, allowed)

    def _child(self, key: str | int, value: Any) -> Node:
        return Node(self.document, self.problems, (*self.path, key), value)
