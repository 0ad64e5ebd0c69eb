"""`schedule`: a sync ran whenever it was due."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import ClassVar, Self

from pydantic import BaseModel, model_validator

from rollout.checks.numbers import share
from rollout.checks.plan_syncs import plan_sync
from rollout.checks.sync_window import GOING, Listing, runs_since, seconds
from rollout.checks.written import Moment, instant_of
from rollout.domain.evidence import Observation, Scalar
from rollout.domain.instants import to_text
from rollout.domain.plan import Duration, Identifier, Model
from rollout.kinds import CheckContext

SAMPLE = 20


class ScheduleInputs(Model):
    """The cadence (`every`), how late a run may begin (`grace`), and since when."""

    sync: Identifier
    every: Duration
    grace: Duration = timedelta(minutes=5)
    since: Moment

    @model_validator(mode="after")
    def _grace_is_shorter(self) -> Self:
        if self.every <= timedelta(0):
            raise ValueError("`every` is a time between two runs, longer than nothing")
        if not timedelta(0) <= self.grace < self.every / 2:
            raise ValueError("`grace` is under half of `every`, or late and missed look the same")
        return self


class ScheduleKept:
    """One run is due in every interval; its instants within are the schedule's own affair.

    A run counts when it completed, or is at work and not older than one interval and its grace; a
    skipped, failed or canceled run leaves a gap. Whoever started it: a run is a run.
    """

    kind: ClassVar[str] = "schedule"
    Inputs: ClassVar[type[BaseModel]] = ScheduleInputs
    primary: ClassVar[str | None] = "coverage"
    metrics: ClassVar[Mapping[str, str] | None] = {
        "due": "runs that were due since then, grace included",
        "ran": "due - missed",
        "missed": "runs that should have begun in a gap and did not",
        "coverage": "share: ran / due",
        "longest_gap_s": "longest time without a run beginning, in seconds, both ends included",
        "last_age_s": "seconds since the newest completion",
    }
    default_go: ClassVar[Mapping[str, str]] = {"missed": "= 0"}

    def observe(self, inputs: ScheduleInputs, context: CheckContext) -> Observation:
        sync = plan_sync(inputs.sync, context)
        since = instant_of(inputs.since, context.now)
        listing = runs_since(sync, since, context)
        starts = _counting_starts(listing, inputs, context.now)
        gaps = _gaps(since, starts, context.now)
        due = due_between(since, context.now, inputs.every, inputs.grace)
        holes = [(a, b) for a, b in gaps if missed_in(b - a, inputs.every, inputs.grace)]
        inside = sum(missed_in(b - a, inputs.every, inputs.grace) for a, b in holes)
        missed = min(due, inside) if starts else due
        problems = list(listing.problems)
        if not due:
            problems.append(f"no run was due yet since {to_text(since)}")
        return Observation(
            metrics={
                "due": due,
                "ran": due - missed,
                "missed": missed if due else None,
                "coverage": share(due - missed, due),
                "longest_gap_s": max(seconds(a, b) for a, b in gaps),
                "last_age_s": _last_age(listing, context.now),
            },
            source=sync.source,
            query=listing.query,
            as_of=context.now,
            sample=_sample(holes),
            detail={"statuses": _statuses(listing)},
            problem="; ".join(problems) or None,
        )


def due_between(since: datetime, now: datetime, every: timedelta, grace: timedelta) -> int:
    """Runs that were certainly due, wherever in the interval the schedule's own instants lie.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 1, 8, 12, tzinfo=UTC)
    >>> minutes = [timedelta(minutes=m) for m in (15, 5)]
    >>> due_between(noon, noon + timedelta(minutes=49), *minutes)
    2
    """
    return max(0, (now - grace - since) // every)


def missed_in(gap: timedelta, every: timedelta, grace: timedelta) -> int:
    """Runs that should have begun inside a gap between two beginnings, and did not.

    Late by up to `grace` is still on time, so one interval and its grace is no gap. Exact as long
    as `grace` is under half of `every`: then k missed runs cannot look like k - 1.

    >>> [missed_in(timedelta(minutes=m), timedelta(minutes=15), timedelta(minutes=5))
    ...  for m in (15, 20, 21, 30, 35, 41)]
    [0, 0, 1, 1, 1, 2]
    """
    return max(0, -((grace - gap) // every) - 1)


def _gaps(
    since: datetime, starts: Sequence[datetime], now: datetime
) -> list[tuple[datetime, datetime]]:
    return list(pairwise([since, *starts, max(now, *starts, now)]))


def _counting_starts(listing: Listing, inputs: ScheduleInputs, now: datetime) -> list[datetime]:
    patience = inputs.every + inputs.grace
    return [
        run.created_at
        for run in listing.runs
        if run.status == "completed" or (run.status in GOING and now - run.created_at <= patience)
    ]


def _last_age(listing: Listing, now: datetime) -> float | None:
    ended = [run.completed_at for run in listing.named("completed") if run.completed_at]
    return seconds(max(ended), now) if ended else None


def _statuses(listing: Listing) -> dict[str, int]:
    statuses = [run.status for run in listing.runs]
    return {status: statuses.count(status) for status in sorted(set(statuses))}


def _sample(gaps: Sequence[tuple[datetime, datetime]]) -> list[dict[str, Scalar]]:
    return [{"no_run_after": to_text(a), "until": to_text(b)} for a, b in gaps[:SAMPLE]]
