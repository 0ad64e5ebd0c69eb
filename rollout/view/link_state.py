"""How much of what is on screen may be believed, and whether anybody may act on it.

Source: reference `tui.md`, section 4.4: LIVE below 2 s, LAG below 10 s, STALE from then on.
"""

from __future__ import annotations

import msgspec

from rollout.domain.durations import format_duration
from rollout.view import marks
from rollout.view.marks import Mark

LIVE, LAG, STALE, LOST, READONLY, REPLAY = "LIVE", "LAG", "STALE", "LOST", "READONLY", "REPLAY"
READING = "READING"
"""Before the first look."""

LAG_S, STALE_S = 2.0, 10.0
"""Seconds without a sign of life of the controller."""

MARKS: dict[str, Mark] = {
    LIVE: marks.PASS,
    LAG: marks.WARN,
    STALE: marks.UNKN,
    LOST: marks.FAIL,
    READONLY: marks.WAIT,
    REPLAY: marks.WAIT,
    READING: marks.RUN,
}
"""The glyph beside the word."""


class LinkView(msgspec.Struct, frozen=True, kw_only=True):
    """`age_s`: since the newest sign of life, or for LOST since the last good look; None when there
    was none. `why` is empty only while LIVE; actions are off unless `may_act`."""

    state: str
    age_s: float | None = None
    why: str = ""
    may_act: bool = False
    holder: str = ""

    @property
    def is_fresh(self) -> bool:
        """Whether what is shown is what is so."""
        return self.state not in {STALE, LOST}


def live_link(
    age_s: float | None,
    *,
    ended: bool = False,
    readonly: str = "",
    holder: str = "",
    driver: str = "rollout run",
) -> LinkView:
    """Of a store that can be read. `age_s` None: no controller gave a sign of life since we look;
    `driver` is the command that would be one.

    >>> live_link(0.4).state, live_link(2.0).state, live_link(10.0).state, live_link(None).state
    ('LIVE', 'LAG', 'STALE', 'STALE')
    """
    if ended:
        return LinkView(state=LIVE, why="the rollout has ended: nothing can be decided")
    if age_s is None:
        why = f"no controller drives this rollout: start one with `{driver}`"
        return LinkView(state=STALE, why=why)
    if age_s >= STALE_S:
        why = f"no sign of life of the controller for {ago(age_s)}: is `{driver}` alive?"
        return LinkView(state=STALE, age_s=age_s, why=why, holder=holder)
    if readonly:
        return LinkView(state=READONLY, age_s=age_s, why=readonly, holder=holder)
    if age_s >= LAG_S:
        why = f"no sign of life of the controller for {ago(age_s)}"
        return LinkView(state=LAG, age_s=age_s, why=why, may_act=True, holder=holder)
    return LinkView(state=LIVE, age_s=age_s, may_act=True, holder=holder)


def lost_link(why: str, age_s: float | None) -> LinkView:
    """Of a store that cannot be read now; `age_s`: since it last could."""
    return LinkView(state=LOST, age_s=age_s, why=why)


def first_link() -> LinkView:
    return LinkView(state=READING, why="reading the store")


def replay_link(why: str = "a recorded log: nothing can be decided") -> LinkView:
    return LinkView(state=REPLAY, why=why)


def link_text(link: LinkView, *, ascii_only: bool = False) -> str:
    """Glyph, word and age.

    >>> link_text(live_link(0.4)), link_text(live_link(75.0), ascii_only=True)
    ('✓ LIVE 0s', '~ STALE 1m15s')
    """
    mark = MARKS[link.state]
    age = f" {ago(link.age_s)}" if link.age_s is not None else ""
    return f"{mark.ascii if ascii_only else mark.glyph} {link.state}{age}"


def ago(seconds: float) -> str:
    """Whole seconds below a minute, then as durations are written.

    >>> ago(0.9), ago(3725)
    ('0s', '1h2m5s')
    """
    from datetime import timedelta

    whole = int(max(seconds, 0))
    return f"{whole}s" if whole < 60 else format_duration(timedelta(seconds=whole))
