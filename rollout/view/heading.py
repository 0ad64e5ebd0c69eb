"""The two lines above every screen: which world, which rollout, how fresh, and where it is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from rollout.view.environment import EnvironmentView
from rollout.view.link_state import LinkView, link_text
from rollout.view.marks import MARKS
from rollout.view.model import PhaseView
from rollout.view.text import cells, clip, pad, plain


class HeadingView(msgspec.Struct, frozen=True, kw_only=True):
    """`now` is the rollout's own time; `who`, if known, is the person at this terminal."""

    environment: EnvironmentView
    rollout: str
    who: str
    now: datetime | None
    link: LinkView
    phases: Sequence[PhaseView]
    current_share: float | None = None
    """Of the current phase's work, 0..1, where it can be told."""


def heading_line(view: HeadingView, width: int, *, ascii_only: bool = False) -> str:
    """Badge, rollout, who, the rollout's time, the link; what does not fit goes in that order:
    who, the time, the end of the rollout's name."""
    badge = view.environment.badge(ascii_only=ascii_only)
    link = link_text(view.link, ascii_only=ascii_only)
    clock = view.now.strftime("%H:%M:%SZ") if view.now is not None else ""
    who = plain(view.who)
    for right in ([who, clock, link], [clock, link], [link]):
        tail = "   ".join(part for part in right if part)
        room = width - cells(badge) - cells(tail) - 6
        if room >= min(cells(view.rollout), 12):
            break
    name = pad(plain(view.rollout), max(room, 0), ascii_only=ascii_only)
    return clip(f" {badge}  {name}  {tail} ", width, ascii_only=ascii_only)


def rail_line(view: HeadingView, width: int, *, ascii_only: bool = False) -> str:
    """All phases in one line, the current one with how far it is; names give way first.

    Full titles, then ids, then only the current phase keeps its name.
    """
    joint = " - " if ascii_only else " ─ "
    current = next((n for n, p in enumerate(view.phases) if p.stage != "passed"), -1)
    for style in (_titled, _named, _numbered):
        parts = [
            style(
                n, phase, is_current=n == current, share=view.current_share, ascii_only=ascii_only
            )
            for n, phase in enumerate(view.phases)
        ]
        line = f" {joint.join(parts)}"
        if cells(line) <= width:
            return line
    return clip(line, width, ascii_only=ascii_only)


def _start(number: int, phase: PhaseView, *, ascii_only: bool) -> str:
    mark = MARKS[phase.word]
    return f"{mark.ascii if ascii_only else mark.glyph} {number + 1}"


def _end(phase: PhaseView, share: float | None, *, is_current: bool) -> str:
    if not is_current:
        return f" {phase.in_words()}" if phase.undone else ""
    again = f" attempt {phase.attempt}" if phase.attempt > 1 else ""
    done = f" {share:.0%}" if share is not None and phase.stage == "running" else ""
    return f" {phase.stage.replace('_', ' ')}{done}{again}" if phase.stage != "pending" else ""


def _short(title: str) -> str:
    """`Full Sync A, create every missing property` is known as `Full Sync A`."""
    return plain(title.partition(",")[0].partition(" with ")[0])


def _titled(
    number: int, phase: PhaseView, *, is_current: bool, share: float | None, ascii_only: bool
) -> str:
    end = _end(phase, share, is_current=is_current)
    return f"{_start(number, phase, ascii_only=ascii_only)} {_short(phase.title)}{end}"


def _named(
    number: int, phase: PhaseView, *, is_current: bool, share: float | None, ascii_only: bool
) -> str:
    end = _end(phase, share, is_current=is_current)
    name = phase.id if is_current else clip(phase.id, 9, ascii_only=ascii_only)
    return f"{_start(number, phase, ascii_only=ascii_only)} {name}{end}"


def _numbered(
    number: int, phase: PhaseView, *, is_current: bool, share: float | None, ascii_only: bool
) -> str:
    start = _start(number, phase, ascii_only=ascii_only)
    if not is_current:
        return start
    return f"{start} {phase.id}{_end(phase, share, is_current=is_current)}"
