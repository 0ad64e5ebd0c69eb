"""Rules of the people of a plan: their names, the keys they sign with, who wrote it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rollout.domain.ssh_keys import KeyUnfit, parse_public_key
from rollout.loader.draft import Draft
from rollout.loader.nodes import Node

_NAME = re.compile(r"[^\s*?!,\"'<>|]+(?: [^\s*?!,\"'<>|]+)*")
"""What ssh-keygen's lists of signers do not read as a pattern or as two names."""


def report_people(draft: Draft) -> None:
    """Every rule of this module."""
    owners: dict[bytes, str] = {}
    terms: dict[tuple[str, bytes], object] = {}
    for _, role in draft.plan.named("roles"):
        for person in role.each():
            name = person.text("person")
            if name is None:
                continue
            if not _NAME.fullmatch(name):
                _at(person, "person").problem(
                    f"`{name}` must name one person: no `*`, `?`, `!`, commas, quotes or odd spaces"
                )
            for key, said in _keys(person):
                _report_key(key, said, name, owners, terms)
    _report_author(draft)


def _keys(person: Node) -> Iterator[tuple[Node, object]]:
    """Each key's text, with its terms."""
    key = person.get("key")
    if key is not None and key.value is not None:
        yield key, None
    for entry in person.members("keys"):
        inner = entry.get("key")
        if inner is not None:
            yield inner, {k: v for k, v in dict(entry.value).items() if k != "key"} or None


def _report_key(
    key: Node,
    said: object,
    name: str,
    owners: dict[bytes, str],
    terms: dict[tuple[str, bytes], object],
) -> None:
    if not isinstance(key.value, str):
        return
    try:
        found = parse_public_key(key.value)
    except KeyUnfit as unfit:
        key.problem(f"the key of {name} {unfit}")
        return
    owner = owners.setdefault(found.blob, name)
    if owner != name:
        key.problem(f"the key of {name} is {owner}'s too: a key belongs to one person")
    elif terms.setdefault((name, found.blob), said) != said:
        key.problem(f"the key of {name} is given twice, with different terms: say them once")


def _report_author(draft: Draft) -> None:
    author = draft.plan.get("author")
    if author is None or not isinstance(author.value, str):
        return
    known = {
        n
        for _, role in draft.plan.named("roles")
        for person in role.each()
        if (n := person.text("person"))
    }
    if author.value not in known:
        author.problem(f"the author `{author.value}` holds no role", author.value, known)


def _at(node: Node, key: str) -> Node:
    return node.get(key) or node
