"""Bounded, strict YAML: plain data and where each key and value stands, or every problem.

Walks the events of PyYAML's pure Python parser and builds the data itself, without recursion:
the constructor (tags, anchors, merge keys) is never reached, and the C parser, which dies of
deep nesting, is not used. The limits are held against hostile files by bench/loader.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from rollout.domain.references import Path
from rollout.loader.problems import TOP, Place, Problems
from rollout.loader.scalars import typed


@dataclass(frozen=True)
class Limits:
    """Most of everything in one file: bytes, nesting levels, nodes (keys and values), characters
    of one scalar, and problems before reading stops."""

    file_bytes: int = 64 * 1024
    depth: int = 16
    nodes: int = 5000
    scalar: int = 4096
    problems: int = 100


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True)
class Document:
    """What a file says. `values` and `keys` give the place of the value and of the key at a path."""

    file: str
    data: Any
    values: dict[Path, Place] = field(default_factory=dict)
    keys: dict[Path, Place] = field(default_factory=dict)

    def place(self, path: Path, *, of_key: bool = False) -> Place:
        """Of the value (or key) at the path, else of the nearest thing around it."""
        if of_key and path in self.keys:
            return self.keys[path]
        while path and path not in self.values:
            path = path[:-1]
        return self.values.get(path, TOP)


# Not text: control characters other than tab and line ends, line ends only YAML 1.1 knows,
# marks that reorder or hide what a reviewer sees, halves of surrogate pairs, non-characters.
_FORBIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff\U000e0000-\U000e007f]"
)


def read_yaml(
    raw: bytes, file: str, problems: Problems, limits: Limits = DEFAULT_LIMITS
) -> Document | None:
    """Parse one document; what is wrong goes to `problems` with its place.

    None when there is no usable data: not UTF-8, empty, cut off by a limit or a syntax error.
    """
    text = decoded(raw, file, problems, limits)
    if text is None:
        return None
    builder = _Builder(file, problems, limits)
    if not builder.run(text):
        return None
    if builder.root is None:
        problems.add(file, TOP, "the file is empty: nothing but comments or white space")
        return None
    return Document(file, builder.root, builder.values, builder.keys)


def decoded(raw: bytes, file: str, problems: Problems, limits: Limits) -> str | None:
    """The text of a file, or None after reporting why it has none."""
    if len(raw) > limits.file_bytes:
        problems.add(file, TOP, f"the file is larger than {limits.file_bytes} bytes")
        return None
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        problems.add(file, TOP, "the file is UTF-16: save it as UTF-8")
        return None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8", "replace")
        problems.add(file, place_in(before, len(before)), "not UTF-8 text")
        return None
    return None if forbidden_characters(text, file, problems, limits.problems) else text


def forbidden_characters(text: str, file: str, problems: Problems, most: int = 100) -> bool:
    """Report control and invisible characters at their places; whether there are any."""
    found = list(_FORBIDDEN.finditer(text))
    for match in found[:most]:
        problems.add(file, place_in(text, match.start()), _forbidden(match.group()))
    return bool(found)


def _forbidden(character: str) -> str:
    return f"a control or invisible character (U+{ord(character):04X}) is not allowed: remove it"


def place_in(text: str, offset: int) -> Place:
    """Line and column of an offset."""
    before = text[:offset]
    return Place(before.count("\n") + 1, offset - before.rfind("\n"))


@dataclass
class _Frame:
    """An open mapping or list. `key` is the pending key of a mapping, None when one is due."""

    holds: Any
    path: Path
    key: str | int | None = None
    odd: int = 0
    """Counts keys that cannot be kept (duplicates, no text), so that their values stay apart."""
    seen: set[str] = field(default_factory=set)


class _Stop(Exception):
    """A limit is crossed or nothing sensible can follow."""


class _Builder:
    def __init__(self, file: str, problems: Problems, limits: Limits) -> None:
        self.root: Any = None
        self.values: dict[Path, Place] = {}
        self.keys: dict[Path, Place] = {}
        self._file, self._problems, self._limits = file, problems, limits
        self._stack: list[_Frame] = []
        self._nodes = 0
        self._documents = 0
        self._already = len(problems)

    def run(self, text: str) -> bool:
        """False when the text ends in a syntax error or crosses a limit."""
        loader = yaml.SafeLoader(text)
        try:
            for event in _events(loader):
                self._take(event)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            self._report(_place(mark) if mark else TOP, _syntax(error))
        except (yaml.YAMLError, ValueError, OverflowError) as error:
            # PyYAML leaks ValueError for impossible escapes and version numbers
            self._report(Place(loader.line + 1, loader.column + 1), f"not YAML: {str(error)[:120]}")
        except _Stop:
            pass
        else:
            return True
        return False

    def _report(self, place: Place, what: str) -> None:
        self._problems.add(self._file, place, what)
        if len(self._problems) - self._already >= self._limits.problems:
            raise _Stop

    def _take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.DocumentStartEvent):
            self._document(event)
        elif isinstance(event, yaml.NodeEvent):
            self._node(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._stack.pop()

    def _document(self, event: yaml.DocumentStartEvent) -> None:
        self._documents += 1
        if self._documents > 1:
            self._report(_place(event.start_mark), "a second document: one file holds one")
            raise _Stop
        if event.version or event.tags:
            self._report(_place(event.start_mark), "YAML directives (%…) are not allowed")

    def _node(self, event: yaml.NodeEvent) -> None:
        place = _place(event.start_mark)
        self._nodes += 1
        if self._nodes > self._limits.nodes:
            self._report(place, f"more than {self._limits.nodes} keys and values in one file")
            raise _Stop
        if isinstance(event, yaml.AliasEvent):
            self._report(place, f"an alias (*{event.anchor}) is not allowed: write the value out")
        elif event.anchor is not None:
            self._report(place, f"an anchor (&{event.anchor}) is not allowed")
        tag = getattr(event, "tag", None)
        if tag is not None:
            self._report(place, f"a tag ({tag[:40]}) is not allowed")
        if isinstance(event, yaml.CollectionStartEvent):
            self._open({} if isinstance(event, yaml.MappingStartEvent) else [], place)
        elif self._key_is_due():
            self._scalar_key(event, place)
        else:
            self._attach(self._scalar(event, place), place)

    def _key_is_due(self) -> bool:
        return bool(self._stack) and (
            isinstance(self._stack[-1].holds, dict) and self._stack[-1].key is None
        )

    def _open(self, holds: dict[str, Any] | list[Any], place: Place) -> None:
        if len(self._stack) >= self._limits.depth:
            self._report(place, f"nested more than {self._limits.depth} levels deep")
            raise _Stop
        if self._key_is_due():
            self._report(place, "a key must be a single word or text, not a list or mapping")
            frame = self._stack[-1]
            frame.key = self._odd_key()
            self._stack.append(_Frame(holds, (*frame.path, frame.key)))
        else:
            self._stack.append(_Frame(holds, self._attach(holds, place)))

    def _odd_key(self) -> int:
        """A stand-in key, a number: no key of a document is one, so its value stays apart."""
        self._stack[-1].odd += 1
        return self._stack[-1].odd

    def _scalar_key(self, event: yaml.NodeEvent, place: Place) -> None:
        frame = self._stack[-1]
        key = self._text(event, place)
        plain = isinstance(event, yaml.ScalarEvent) and event.style is None
        if plain and key == "<<":
            self._report(place, "a merge key (<<) is not allowed: write the keys out")
            frame.key = self._odd_key()
        elif plain and key in {"", "~", "null"}:
            self._report(place, "a key is missing before the colon")
            frame.key = self._odd_key()
        elif key in frame.seen:
            first = self.keys.get((*frame.path, key), TOP)
            self._report(place, f"duplicate key `{key}`, first given on line {first.line}")
            frame.key = self._odd_key()
        else:
            frame.seen.add(key)
            frame.key = key
            self.keys[(*frame.path, key)] = place

    def _text(self, event: yaml.NodeEvent, place: Place) -> str:
        text = event.value if isinstance(event, yaml.ScalarEvent) else ""
        if len(text) > self._limits.scalar:
            self._report(place, f"a text of more than {self._limits.scalar} characters")
            raise _Stop
        escaped = _FORBIDDEN.search(text)
        if escaped:
            self._report(place, _forbidden(escaped.group()))
        return text

    def _scalar(self, event: yaml.NodeEvent, place: Place) -> Any:
        text = self._text(event, place)
        if not isinstance(event, yaml.ScalarEvent):
            return None
        if event.style is not None:
            return text
        try:
            return typed(text)
        except ValueError as problem:
            self._report(place, str(problem))
            return text

    def _attach(self, value: Any, place: Place) -> Path:
        """Put a value where it belongs; its path."""
        path: Path = ()
        if not self._stack:
            self.root = value
        elif isinstance(self._stack[-1].holds, list):
            path = (*self._stack[-1].path, len(self._stack[-1].holds))
            self._stack[-1].holds.append(value)
        else:
            frame = self._stack[-1]
            assert frame.key is not None
            path = (*frame.path, frame.key)
            if isinstance(frame.key, str):
                frame.holds[frame.key] = value
            frame.key = None
        self.values[path] = place
        return path


def _events(loader: Any) -> Iterator[yaml.Event]:
    while loader.check_event():
        yield loader.get_event()


def _place(mark: Any) -> Place:
    return Place(mark.line + 1, mark.column + 1)


def _syntax(error: yaml.MarkedYAMLError) -> str:
    context = f" {error.context}" if error.context else ""
    return f"not YAML: {error.problem or 'unreadable'}{context}".replace("\n", " ")
