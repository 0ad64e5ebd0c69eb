"""Where to look: what a plan's checks name by file or address, and the commands that answer questions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from rollout.view.plan_words import PlanWords
from rollout.view.text import plain

_SECRET = re.compile(r"\$\{|@|[?&#]")
"""An address with any of these may carry a name, a password or a token: it is not shown."""

_KEYS = ("url", "file", "path", "document")

COMMANDS = (
    ("where it stands, what blocks it", "rollout status"),
    ("what happened", "rollout log --limit 50"),
    ("a sync's run", "rollout sync"),
    ("the watch", "rollout monitor"),
    ("what is open, whose, by when", "rollout findings"),
    ("that the log is whole", "rollout verify"),
)


class LinkView(msgspec.Struct, frozen=True, kw_only=True):
    """`where` is a file, an address without secrets, or a command."""

    what: str
    where: str


def links(words: PlanWords) -> list[LinkView]:
    """Documents of the plan's checks first, then the commands."""
    found = dict(_documents(words))
    documents = [LinkView(what=what, where=where) for where, what in found.items()]
    return documents + [LinkView(what=what, where=command) for what, command in COMMANDS]


def _documents(words: PlanWords) -> Iterator[tuple[str, str]]:
    for gate in words.gates.values():
        for check in gate.checks:
            if check.kind in {"document", "http"}:
                for place in _places(check.inputs):
                    yield plain(place), plain(check.title or check.check)


def _places(inputs: dict[str, Any]) -> Iterator[str]:
    for key in _KEYS:
        value = inputs.get(key)
        if isinstance(value, str) and value and not _SECRET.search(value):
            yield value
