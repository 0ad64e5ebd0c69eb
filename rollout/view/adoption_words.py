"""A change of a plan in words: of what, and what became of it."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import Any

import msgspec

from rollout.domain.plan_difference import Change
from rollout.view.text import clip, plain

LONGEST = 160
"""Columns of one value."""


def subject(change: Change) -> str:
    """What changed, in the plan's words.

    >>> subject(Change(path="gates.out.checks.created.go", what="condition", how="changed",
    ...     gate="out", check="created"))
    'check created of gate out: go'
    >>> subject(Change(path="params.rows", what="parameter", how="changed"))
    'parameter rows'
    """
    parts = change.path.split(".")
    named, used = _named(change, parts)
    rest = ".".join(parts[used:])
    return plain(f"{named}: {rest}" if rest and named else named or rest)


def _named(change: Change, parts: list[str]) -> tuple[str, int]:
    """The thing by its name, and how many parts of the path that takes."""
    if change.check:
        return f"check {change.check} of gate {change.gate}", 4
    if change.gate:
        return f"gate {change.gate}", 2
    if change.step:
        of = f" of {change.phase}" if change.phase else " of the way back"
        return f"step {change.step}{of}", 4 if change.phase else 3
    if change.phase:
        return f"phase {change.phase}", 2
    if change.what == "file":
        return f"file {'.'.join(parts[1:])}", len(parts)
    if change.what in {"parameter", "connection", "role", "sync"} and len(parts) > 1:
        return f"{change.what} {parts[1]}", 2
    if parts[0] in {"rollback", "notifications"}:
        return {"rollback": "the way back", "notifications": "notifications"}[parts[0]], 1
    return "", 0


def values(change: Change) -> str:
    """`old -> new`, cut to what a line can show; the plans' documents have all of it."""
    if change.how == "moved":
        return f"order {', '.join(change.old)} -> {', '.join(change.new)}"
    if change.how != "changed":
        value = change.new if change.how == "added" else change.old
        return f"{change.how} {_value(change, value)}"
    if isinstance(change.old, str) and isinstance(change.new, str):
        lines = change.old.splitlines(), change.new.splitlines()
        if len(lines[0]) > 1 or len(lines[1]) > 1:
            return _first_line(*lines)
    return f"{_value(change, change.old)} -> {_value(change, change.new)}"


def _first_line(old: list[str], new: list[str]) -> str:
    """The first line that differs, and how many more do."""
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    changed = [op for op in matcher.get_opcodes() if op[0] != "equal"]
    if not changed:
        return "line ends differ"
    _, start, end, new_start, new_end = changed[0]
    before = _short(old[start]) if end > start else "nothing"
    after = _short(new[new_start]) if new_end > new_start else "nothing"
    more = sum(max(e - s, ne - ns) for _, s, e, ns, ne in changed) - 1
    also = f" (and {more} more line{'' if more == 1 else 's'})" if more else ""
    return f"line {max(start, new_start) + 1}: {before} -> {after}{also}"


def _value(change: Change, value: Any) -> str:
    if change.what == "file":
        return f"sha256 {str(value)[:12]}"
    if value is None:
        return "nothing"
    return _short(value if isinstance(value, str) else msgspec.json.encode(value).decode())


def _short(text: str) -> str:
    return clip(plain(text), LONGEST) or "nothing"
