"""Where a replay is: the line with the scrubber, and what a person may type to get elsewhere."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec

from rollout.domain.durations import parse_duration
from rollout.view.text import cells, clip, instant, pad, plain

SPEEDS = (1, 2, 5, 10, 20, 50, 100, 200, 500)
"""Events a second."""

_PLACE = 28
"""Columns of the newest landmark."""

HOW = "285, 50 %, 2026-01-14 18:30, +2h, -30m, or a phase"


class ReplayView(msgspec.Struct, frozen=True, kw_only=True):
    """`place` is the newest landmark; `speed` is events a second; `trouble`: why a jump led nowhere."""

    seq: int
    head: int
    at: datetime | None
    place: str
    is_playing: bool
    speed: int
    trouble: str = ""


def scrubber_line(view: ReplayView, width: int, *, ascii_only: bool = False) -> str:
    """Number, time, place and speed around a bar; at most `width` columns.

    >>> view = ReplayView(seq=1, head=4, at=None, place="pilot held", is_playing=False, speed=5)
    >>> scrubber_line(view, 60)
    '#1 of 4 - paused, 5/s ●──────── pilot held'
    """
    mark = ("> " if ascii_only else "▸ ") if view.is_playing else ""
    state = f"{mark}{view.speed}/s" if view.is_playing else f"paused, {view.speed}/s"
    left = f"#{view.seq:,} of {view.head:,} {instant(view.at)} {state}"
    right = plain(view.trouble or view.place)
    room = width - cells(left) - 2
    # As wide for every place, so that the knob moves by events alone.
    right = pad(right, min(_PLACE, max(room - 8, 0)), ascii_only=ascii_only)
    bar = _bar(view, room - cells(right), ascii_only)
    line = " ".join(part for part in (left, bar, right) if part)
    return clip(line, width, ascii_only=ascii_only).rstrip()


def _bar(view: ReplayView, width: int, ascii_only: bool) -> str:
    if width < 4:
        return ""
    share = (view.seq - 1) / (view.head - 1) if view.head > 1 else 0.0
    before = min(max(round(share * (width - 1)), 0), width - 1)
    done, knob, left = ("#", "O", ".") if ascii_only else ("━", "●", "─")
    return done * before + knob + left * (width - 1 - before)


class Jump(msgspec.Struct, frozen=True):
    """Where somebody wants to go: an event, a share of the log, an instant, so long from here, or
    the beginning of a phase."""

    kind: Literal["seq", "share", "instant", "span", "phase"]
    number: float = 0.0
    instant: datetime | None = None
    name: str = ""


_NUMBER = re.compile(r"#?\s*([\d,_]+)")
_SHARE = re.compile(r"(\d+(?:\.\d+)?)\s*%")
_SPAN = re.compile(r"([+-])\s*(\d.*)")
_INSTANT = re.compile(r"(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d(?::\d\d)?)Z?)?")
_CLOCK = re.compile(r"(\d\d:\d\d(?::\d\d)?)Z?")


def parse_jump(text: str, here: datetime | None) -> Jump:
    """What a person typed. `here` is the instant shown: a time without a day is of its day.

    Raises: ValueError that says what can be typed.
    >>> parse_jump("#1,285", None), parse_jump("50 %", None).number, parse_jump("pilot", None).name
    (Jump(kind='seq', number=1285.0, instant=None, name=''), 0.5, 'pilot')
    """
    said = text.strip()
    if found := _NUMBER.fullmatch(said):
        return Jump("seq", float(re.sub("[,_]", "", found[1]) or 0))
    if found := _SHARE.fullmatch(said):
        return Jump("share", min(float(found[1]) / 100, 1.0))
    if found := _SPAN.fullmatch(said):
        return Jump("span", _seconds(found[2]) * (-1 if found[1] == "-" else 1))
    if found := _INSTANT.fullmatch(said):
        return Jump("instant", instant=_moment(found[1], found[2] or "00:00"))
    if (found := _CLOCK.fullmatch(said)) and here is not None:
        return Jump("instant", instant=_moment(f"{here.astimezone(UTC):%Y-%m-%d}", found[1]))
    if re.fullmatch(r"[a-z][a-z0-9_]*", said):
        return Jump("phase", name=said)
    raise ValueError(f"{plain(said)!r} is no place in a log; type {HOW}")


def _seconds(text: str) -> float:
    return parse_duration(text).total_seconds()


def _moment(day: str, clock: str) -> datetime:
    return datetime.fromisoformat(f"{day}T{clock}+00:00")


def moved(here: datetime, by_s: float) -> datetime:
    """So many seconds from an instant; the ends of the calendar are not passed."""
    try:
        return here + timedelta(seconds=by_s)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC) if by_s > 0 else datetime.min.replace(tzinfo=UTC)
