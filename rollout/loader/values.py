"""Values read tolerantly: None when the shape is wrong, which the models report."""

from __future__ import annotations

from datetime import timedelta

from rollout.domain.durations import parse_duration
from rollout.loader.nodes import Node


def duration_of(node: Node | None) -> timedelta | None:
    """A duration as written (text, or a number of seconds)."""
    if node is None or isinstance(node.value, bool):
        return None
    if isinstance(node.value, str):
        return duration_of_text(node.value)
    try:
        return timedelta(seconds=node.value) if isinstance(node.value, int | float) else None
    except OverflowError:
        return None


def duration_of_text(text: str) -> timedelta | None:
    """
    >>> duration_of_text("soon") is None
    True
    """
    try:
        return parse_duration(text)
    except ValueError:
        return None
