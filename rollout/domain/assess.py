"""When a series of samples is decided, and how: the arithmetic of Argo Rollouts, failing closed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from rollout.domain.evidence import Decision, Verdict
from rollout.domain.plan import SamplingPolicy

__all__ = [
    "ERROR_RETRY",
    "SamplingPolicy",
    "SeriesCounts",
    "aggregate",
    "assess_series",
    "next_sample_due",
]

ERROR_RETRY = timedelta(seconds=10)
"""After an error the next sample comes this soon. Source: Argo Rollouts' default."""


@dataclass(frozen=True)
class SeriesCounts:
    """Samples of one check so far. `taken` = finished, errors included; `in_flight` = asked, no
    answer yet. A pass, a failure or an inconclusive sample ends a row of errors; an error leaves
    a row of passes as it is."""

    taken: int = 0
    passed: int = 0
    failed: int = 0
    inconclusive: int = 0
    errors: int = 0
    consecutive_errors: int = 0
    consecutive_passes: int = 0
    in_flight: int = 0

    @property
    def counted(self) -> int:
        """What `count` speaks of: errors do not count."""
        return self.passed + self.failed + self.inconclusive


def assess_series(
    policy: SamplingPolicy, counts: SeriesCounts, *, stopping: bool
) -> Verdict | None:
    """The verdict over the samples so far; None while the series goes on.

    In this order: more failures than `failure_limit` fail; with a sample still in flight nothing
    else is decided; more inconclusive samples than `inconclusive_limit` are inconclusive; more
    errors in a row than `consecutive_error_limit` are an error; `consecutive_success_limit`
    passes in a row pass at once. Once `count` samples are in, or when the gate is `stopping`,
    what stayed within the limits passes; if passes in a row were asked for and did not come, it
    is inconclusive, or failed when `failure_limit` is off and nothing else could have failed it.

    Source: `assessMetricStatus` of Argo Rollouts 1.8 and later. Deliberate differences:
    stopped before the first sample, or with errors only, is inconclusive (there Successful);
    without a single passing sample nothing ever passes, whatever the limits forgive (there
    tolerated failures and inconclusive samples add up to Successful); -1 turns
    `inconclusive_limit` off too; too many failures are told at once, even while a sample is in
    flight, and take precedence over the other limits.

    >>> assess_series(SamplingPolicy(count=3), SeriesCounts(taken=3, passed=3), stopping=False)
    <Verdict.PASS: 'pass'>
    >>> assess_series(SamplingPolicy(), SeriesCounts(), stopping=True)
    <Verdict.INCONCLUSIVE: 'inconclusive'>
    """
    if 0 <= policy.failure_limit < counts.failed:
        return Verdict.FAIL
    if counts.in_flight > 0:
        return None
    if 0 <= policy.inconclusive_limit < counts.inconclusive:
        return Verdict.INCONCLUSIVE
    if counts.consecutive_errors > policy.consecutive_error_limit:
        return Verdict.ERROR
    if _enough_in_a_row(policy, counts):
        return Verdict.PASS
    if 0 < policy.effective_count <= counts.counted:
        return _at_the_end(policy, counts)
    if stopping:
        # Not all samples are in: nothing can be called a failure for want of passes in a row.
        at_end = _at_the_end(policy, counts)
        return Verdict.PASS if at_end is Verdict.PASS else Verdict.INCONCLUSIVE
    return None


def _enough_in_a_row(policy: SamplingPolicy, counts: SeriesCounts) -> bool:
    wanted = policy.consecutive_success_limit
    return 0 < wanted <= counts.consecutive_passes


def _at_the_end(policy: SamplingPolicy, counts: SeriesCounts) -> Verdict:
    if policy.consecutive_success_limit > 0:
        return Verdict.FAIL if policy.failure_limit < 0 else Verdict.INCONCLUSIVE
    return Verdict.PASS if counts.passed > 0 else Verdict.INCONCLUSIVE


def aggregate(verdicts: Sequence[Verdict], *, expected: int) -> Decision:
    """A gate's decision over its checks that are not shadow, `expected` in number; worst wins.

    A missing verdict, or a gate without a deciding check, is inconclusive, never go.

    >>> aggregate([Verdict.PASS, Verdict.ERROR], expected=2)
    <Decision.INCONCLUSIVE: 'inconclusive'>
    """
    if Verdict.FAIL in verdicts:
        return Decision.NO_GO
    if not verdicts or len(verdicts) != expected:
        return Decision.INCONCLUSIVE
    return Decision.GO if all(v is Verdict.PASS for v in verdicts) else Decision.INCONCLUSIVE


def next_sample_due(
    policy: SamplingPolicy,
    first_started_at: datetime | None,
    last_finished_at: datetime | None,
    counts: SeriesCounts,
    now: datetime,
) -> datetime:
    """When the next sample should be taken; in the past when it is overdue.

    `first_started_at` is when the series began (None: it begins `now`). After an error the next
    one comes after 10 s, or after the interval if that is shorter; without an interval likewise.
    """
    if counts.taken == 0 or last_finished_at is None:
        return (first_started_at or now) + policy.initial_delay
    interval = policy.interval if policy.interval is not None else ERROR_RETRY
    return last_finished_at + (
        min(interval, ERROR_RETRY) if counts.consecutive_errors else interval
    )
