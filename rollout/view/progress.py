"""How fast something goes and when it may be done, from counts seen at uneven moments.

Counts are seen when somebody asks, which may be minutes apart. So the time that is left is a range:
as wide as the speeds seen so far, and never nothing while it still goes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Literal

import msgspec

ESTIMATING = timedelta(seconds=30)
"""Nothing is foretold from less than this."""

RECENT = 3
"""Stretches between two looks that the present speed is taken from."""

LEAST_S = 1.0
"""What is left at the least while it still goes on."""

_NARROWEST = 0.1
"""The range is at least this share of the likeliest time to either side; of one stretch, more."""
_OF_ONE_STRETCH = 0.25

Pace = Literal["waiting", "estimating", "moving", "finishing", "stalled", "over"]


class Sample(msgspec.Struct, frozen=True):
    """So many were done by then."""

    at: datetime
    done: int


class Eta(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds from now; `soonest_s <= likely_s <= latest_s`, each at least a second."""

    soonest_s: float
    likely_s: float
    latest_s: float


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """`rate` is rows a second of late, `rates` those between any two looks, oldest first.

    `share` is 0..1 where the whole is known. `quiet_s`: seconds since the newest count; longer than
    usual it is `stalled`. `eta` only while `moving` or `stalled`, and only where the whole is known.
    """

    pace: Pace
    done: int
    total: int | None
    share: float | None
    elapsed_s: float
    quiet_s: float
    rate: float | None
    rates: list[float]
    eta: Eta | None


def progress_of(
    samples: Iterable[Sample], total: int | None, now: datetime, *, is_over: bool = False
) -> Progress:
    """From counts in any order. A count that falls is a counter that was read badly: it is ignored.

    >>> from datetime import UTC
    >>> at = datetime(2026, 1, 6, 18, 0, tzinfo=UTC)
    >>> seen = [Sample(at, 0), Sample(at + timedelta(minutes=5), 300)]
    >>> found = progress_of(seen, 1200, at + timedelta(minutes=5))
    >>> found.pace, found.rate, found.eta.likely_s
    ('moving', 1.0, 900.0)
    """
    rising = _rising(samples)
    if not rising:
        return _nothing_yet(total, is_over=is_over)
    first, newest = rising[0], rising[-1]
    now = max(now, newest.at)
    quiet = now - newest.at
    moving = _from_first_move(rising)
    is_stalled = not is_over and quiet > _patience(moving)
    seen = [*moving, Sample(now, newest.done)] if is_stalled else moving
    rates = _rates(seen)
    pace = _pace(rates, newest.done, total, now - moving[0].at, is_over, is_stalled)
    ended = newest.at if is_over else now
    return Progress(
        pace=pace,
        done=newest.done,
        total=total,
        share=_share(newest.done, total),
        elapsed_s=(ended - first.at).total_seconds(),
        quiet_s=quiet.total_seconds(),
        rate=None if pace in {"waiting", "estimating"} else _recent(seen),
        rates=rates,
        eta=_eta(seen, total, now) if pace in {"moving", "stalled"} and total else None,
    )


def _nothing_yet(total: int | None, *, is_over: bool) -> Progress:
    return Progress(
        pace="over" if is_over else "waiting",
        done=0,
        total=total,
        share=None,
        elapsed_s=0.0,
        quiet_s=0.0,
        rate=None,
        rates=[],
        eta=None,
    )


def _rising(samples: Iterable[Sample]) -> list[Sample]:
    """By time, one a moment, each at least as high as the one before."""
    rising: list[Sample] = []
    for sample in sorted(samples, key=lambda s: (s.at, s.done)):
        if rising and sample.at == rising[-1].at:
            rising[-1] = Sample(sample.at, max(sample.done, rising[-1].done))
        elif not rising or sample.done >= rising[-1].done:
            rising.append(sample)
    return rising


def _from_first_move(rising: Sequence[Sample]) -> list[Sample]:
    """Without the wait before anything moved, which says nothing of the speed."""
    start = rising[0].done
    still = sum(1 for s in rising if s.done == start)
    return list(rising[still - 1 :])


def _patience(moving: Sequence[Sample]) -> timedelta:
    """How long no news is no bad news: twice the longest wait between two counts so far."""
    gaps = [later.at - earlier.at for earlier, later in pairwise(moving)]
    return 2 * max([*gaps, ESTIMATING])


def _rates(seen: Sequence[Sample]) -> list[float]:
    return [
        (later.done - earlier.done) / (later.at - earlier.at).total_seconds()
        for earlier, later in pairwise(seen)
    ]


def _pace(
    rates: Sequence[float],
    done: int,
    total: int | None,
    moving_for: timedelta,
    is_over: bool,
    is_stalled: bool,
) -> Pace:
    if is_over:
        return "over"
    if total is not None and 0 < total <= done:
        return "finishing"
    if is_stalled:
        return "stalled"
    if not any(rates):
        return "waiting" if done == 0 else "estimating"
    return "estimating" if moving_for < ESTIMATING else "moving"


def _recent(seen: Sequence[Sample]) -> float | None:
    return _average(seen, RECENT)


def _average(seen: Sequence[Sample], stretches: int) -> float | None:
    """Rows a second over the newest stretches together; None when there is none."""
    if len(seen) < 2:
        return None
    earlier = seen[max(len(seen) - 1 - stretches, 0)]
    return (seen[-1].done - earlier.done) / (seen[-1].at - earlier.at).total_seconds()


def _eta(seen: Sequence[Sample], total: int, now: datetime) -> Eta | None:
    """From the present speed; the range from the speeds over the newest 1, 2, 4, … stretches."""
    count = len(seen) - 1
    speeds = [_average(seen, 2**n) or 0.0 for n in range(count.bit_length())]
    speeds += [_average(seen, count) or 0.0, _recent(seen) or 0.0]
    known = [speed for speed in speeds if speed > 0]
    likely = _recent(seen) or (min(known) if known else 0.0)
    if not likely:
        return None
    left, since = total - seen[-1].done, (now - seen[-1].at).total_seconds()
    spread = _OF_ONE_STRETCH if count == 1 else _NARROWEST
    soonest = min(left / max(known), left / likely * (1 - spread))
    latest = max(left / min(known), left / likely * (1 + spread))
    return Eta(
        soonest_s=max(soonest - since, LEAST_S),
        likely_s=max(left / likely - since, LEAST_S),
        latest_s=max(latest - since, LEAST_S),
    )


def _share(done: int, total: int | None) -> float | None:
    return min(done / total, 1.0) if total else None
