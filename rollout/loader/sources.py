"""The files one plan is made of: found, confined, read once, and remembered by digest."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from rollout.domain.canonical import sha256_of
from rollout.loader.files import Unreadable, confined, read_regular
from rollout.loader.nodes import Node
from rollout.loader.plugin_files import PluginFile
from rollout.loader.problems import TOP, Problems, suggestion
from rollout.loader.strict_yaml import Document, Limits, decoded, forbidden_characters, read_yaml

GATES = "gates"
_YAML = {".yaml", ".yml"}
_GATE_ID = re.compile(rb"\bgates?[\"']?\s*:\s*[\"']?([a-z][a-z0-9_]*)")


@dataclass
class Sources:
    """A plan's root folder and what has been read from it.

    The root is the folder that holds `gates/`: the one above the plan's own folder, or the plan's
    own. `files` maps each path below the root to a sha256: of the canonical document for YAML, so
    that a comment does not void an approval, of the bytes for everything else.
    """

    plan: Path
    limits: Limits
    problems: Problems
    files: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.shown = str(self.plan)
        self.problems.begin_with(self.shown)
        try:
            self.plan = self.plan.resolve()
        except (OSError, RuntimeError, ValueError):
            self.plan = self.plan.absolute()  # opening it says what is wrong
        self.folder = self.plan.parent
        above = self.folder.parent
        self.root = above if (above / GATES).is_dir() else self.folder
        self._documents: dict[Path, Node | None] = {}

    def read_plan(self) -> Node | None:
        """The plan document; its problems are reported."""
        try:
            raw = read_regular(self.plan, self.limits.file_bytes)
        except Unreadable as reason:
            self.problems.add(self.shown, TOP, f"the plan cannot be read: {reason}")
            return None
        return self._parsed(raw, self.shown)

    def gate_files(self) -> dict[Path, set[str]]:
        """Every readable gate file with the ids it may define, found by a look at its bytes."""
        found: dict[Path, set[str]] = {}
        for folder in dict.fromkeys((self.root / GATES, self.folder / GATES)):
            if not folder.is_dir():
                continue
            for path in sorted(folder.iterdir()):
                if path.suffix in _YAML:
                    found[path] = self._glance(path) | {path.stem}
        return found

    def read_gates(self, path: Path, reference: Node) -> Node | None:
        """A gate file's document, read and reported once; `reference` is who asked for it."""
        if path not in self._documents:
            self._documents[path] = None
            raw = self._bytes(path, reference)
            if raw is not None:
                node = self._parsed(raw, self._shown(path))
                self._documents[path] = node
                if node is not None:
                    self.files[self._below_root(path)] = sha256_of(node.value)
        return self._documents[path]

    def read_sql(self, name: str, folder: Path, reference: Node) -> Node | None:
        """The text of an SQL file named relative to `folder`."""
        path = folder / name
        if Path(name).is_absolute():
            reference.problem(f"`{name}` must be a path relative to this file")
            return None
        raw = self._bytes(path, reference)
        if raw is None:
            return None
        shown = self._shown(path)
        text = decoded(raw, shown, self.problems, self.limits)
        if text is None or forbidden_characters(text, shown, self.problems):
            return None
        self.files[self._below_root(path)] = hashlib.sha256(raw).hexdigest()
        return Node(Document(shown, text), self.problems, (), text)

    def remember_plugin(self, plugin: PluginFile) -> None:
        """Record a plug-in's digest: its code is part of what is approved."""
        inside = plugin.path.is_relative_to(self.root)
        key = self._below_root(plugin.path) if inside else f"plugins/{plugin.path.name}"
        if self.files.get(key, plugin.sha256) != plugin.sha256:
            said = f"there are two plug-ins of the name {plugin.path.name}: rename one"
            self.problems.add(str(plugin.path), TOP, said)
        self.files[key] = plugin.sha256

    def folder_of(self, node: Node) -> Path:
        """The folder of the file that a node stands in."""
        for path, document in self._documents.items():
            if document is not None and document.document is node.document:
                return path.parent
        return self.folder

    def _parsed(self, raw: bytes, shown: str) -> Node | None:
        document = read_yaml(raw, shown, self.problems, self.limits)
        if document is None:
            return None
        node = Node(document, self.problems, (), document.data)
        if not isinstance(document.data, dict):
            node.problem("must be a mapping (`key: value`)")
            return None
        return node

    def _bytes(self, path: Path, reference: Node) -> bytes | None:
        try:
            return read_regular(confined(path, self.root), self.limits.file_bytes)
        except Unreadable as reason:
            near = suggestion(path.name, self._neighbours(path))
            reference.problem(f"`{self._shown(path)}` cannot be used: {reason}{near}")
            return None

    def _neighbours(self, path: Path) -> list[str]:
        """Files of the same sort beside a missing one, when that folder is ours to look into."""
        if path.exists() or not path.parent.is_dir():
            return []
        try:
            folder = confined(path.parent, self.root)
            return [other.name for other in folder.iterdir() if other.suffix == path.suffix]
        except (Unreadable, OSError):
            return []

    def _glance(self, path: Path) -> set[str]:
        try:
            raw = read_regular(confined(path, self.root), self.limits.file_bytes)
        except Unreadable:
            return set()
        return {match.decode() for match in _GATE_ID.findall(raw)}

    def _shown(self, path: Path) -> str:
        """As the person who named the plan would write it."""
        return os.path.normpath(Path(self.shown).parent / os.path.relpath(path, self.folder))

    def _below_root(self, path: Path) -> str:
        return Path(os.path.normpath(path)).relative_to(self.root).as_posix()
