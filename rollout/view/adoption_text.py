"""A changed plan beside the one in force, as lines of text."""

from __future__ import annotations

from collections.abc import Iterator

from rollout.view.adoption import AdoptionView, GroupView
from rollout.view.marks import WARN
from rollout.view.text import clip, wrap


def adoption_lines(view: AdoptionView, width: int, *, ascii_only: bool = False) -> list[str]:
    """At most `width` columns a line."""
    return [clip(line, width, ascii_only=ascii_only) for line in _lines(view, width, ascii_only)]


def _lines(view: AdoptionView, width: int, ascii_only: bool) -> Iterator[str]:
    if view.identical:
        yield f"{view.rollout}: this is the plan in force ({view.old_sha256[:12]}); nothing to adopt"
        return
    count = f"{view.changes} change{'' if view.changes == 1 else 's'}"
    yield f"{view.rollout}: plan {view.old_sha256[:12]} -> {view.new_sha256[:12]}, {count}"
    for group in view.groups:
        yield ""
        yield from _group(group, width)
    yield ""
    yield "What adopting it does"
    for effect in view.effects:
        yield from wrap(effect, width, "  ")
    for missing in view.unsigned:
        warning = WARN.shown(ascii_only=ascii_only)
        yield from wrap(f"{warning} as it is, nobody can sign: {missing}", width, "  ")
    if view.refusal:
        yield ""
        yield "It cannot be adopted now"
        for reason in view.refusal.split("; also: "):
            yield from wrap(reason, width, "  ")


def _group(group: GroupView, width: int) -> Iterator[str]:
    yield group.title
    for change in group.changes:
        yield from wrap(f"{change.subject}: {change.said}", width, "  ")
