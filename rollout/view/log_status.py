"""The line above a log: what is shown of it, where one is, and how much of its chain was followed."""

from __future__ import annotations

import msgspec

from rollout.view.text import cells, clip, plain


class LogStatusView(msgspec.Struct, frozen=True, kw_only=True):
    """`looked_to`: with a filter, the number from which on all was looked at; `searching_at`: where
    a search is that goes on; `notice`: what a person must know first."""

    filter: str
    density: str
    is_following: bool
    unseen: int
    row: int
    shown: int
    head: int
    looked_to: int | None
    searching_at: int | None
    notice: str
    chain: str


def log_status_line(view: LogStatusView, width: int, *, ascii_only: bool = False) -> str:
    """The chain's mark to the right, the rest cut first: a break in it must be seen."""
    left, right = _left(view), view.chain
    room = width - cells(right) - 2
    if room < 12:
        return clip(f"{left}  {right}" if view.notice else right, width, ascii_only=ascii_only)
    shown = clip(left, room, ascii_only=ascii_only)
    return f"{shown}{' ' * (width - cells(shown) - cells(right))}{right}"


def _left(view: LogStatusView) -> str:
    if view.notice:
        return plain(view.notice)
    if view.searching_at is not None:
        return f"searching, at #{view.searching_at:,}; Esc stops"
    parts = [f"#{view.row:,} of {view.head:,}"]
    if view.filter:
        parts = [f"{view.shown:,} of {view.head:,} have {plain(view.filter)}; Esc shows all"]
        if view.looked_to is not None and view.looked_to > 1:
            parts.append(f"looked back to #{view.looked_to:,}")
    parts.append("following" if view.is_following else "standing still")
    if view.unseen:
        parts.append(f"+{view.unseen:,} new")
    return ", ".join([*parts, view.density])
