"""`census_runs`: who else ran a sync, how often, and how that went, over a window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from pydantic import BaseModel

from rollout.checks.numbers import share
from rollout.checks.plan_syncs import plan_sync
from rollout.checks.sync_window import GOING, Listing, is_scheduled, runs_since, seconds
from rollout.checks.written import Moment, instant_of
from rollout.domain.evidence import Observation, Scalar
from rollout.domain.plan import Identifier, Model
from rollout.kinds import CheckContext
from rollout.ports import SyncRun

SAMPLE = 20


class CensusRunsInputs(Model):
    """The sync, how far back to look, and whether runs of its own schedule are expected."""

    sync: Identifier
    since: Moment
    allow_scheduled: bool = False


class CensusRuns:
    """Runs of a window: ours (triggered or adopted by this rollout), scheduled, foreign.

    How runs went is nothing, not 0, when none ended, and so are rejected rows when none was
    processed; row totals are nothing when a run that ended keeps its counters to itself.
    """

    kind: ClassVar[str] = "census_runs"
    Inputs: ClassVar[type[BaseModel]] = CensusRunsInputs
    primary: ClassVar[str | None] = "foreign"
    metrics: ClassVar[Mapping[str, str] | None] = {
        "runs": "runs created in the window, ours or not",
        "ours": "runs this rollout triggered or adopted",
        "scheduled": "runs of the sync's own schedule",
        "foreign": "runs that are neither ours nor, with allow_scheduled, scheduled",
        "running": "runs queued or at work now",
        "failed_runs": "runs that failed as a whole",
        "canceled_runs": "runs that were canceled",
        "skipped": "runs skipped because an earlier one was still at work",
        "failed_share": "share: failed runs / runs that completed, failed or were canceled",
        "accepted_total": "rows the target took, over all runs that ended",
        "failed_total": "rows the target rejected, over all runs that ended; nothing if none was sent",
        "rejected": "the same, and 0 when every run says that it sent nothing",
        "error_rate": "share: rejected rows / rows processed, over all runs that ended",
        "last_completed_age_s": "seconds since the newest completion",
    }
    default_go: ClassVar[Mapping[str, str]] = {"foreign": "= 0"}

    def observe(self, inputs: CensusRunsInputs, context: CheckContext) -> Observation:
        sync = plan_sync(inputs.sync, context)
        listing = runs_since(sync, instant_of(inputs.since, context.now), context)
        others = [run for run in listing.runs if run.id not in listing.ours]
        scheduled = [run for run in others if is_scheduled(run)]
        foreign = [run for run in others if not (inputs.allow_scheduled and is_scheduled(run))]
        completions = [run.completed_at for run in listing.named("completed") if run.completed_at]
        return Observation(
            metrics={
                "runs": len(listing.runs),
                "ours": len(listing.runs) - len(others),
                "scheduled": len(scheduled),
                "foreign": len(foreign),
                "running": len(listing.named(*GOING)),
                **_outcomes(listing),
                **_rows(listing),
                "last_completed_age_s": (
                    seconds(max(completions), context.now) if completions else None
                ),
            },
            source=sync.source,
            query=listing.query,
            as_of=context.now,
            sample=[_row(run) for run in foreign[-SAMPLE:]],
            problem="; ".join(listing.problems) or None,
        )


def _outcomes(listing: Listing) -> dict[str, Scalar]:
    """How the runs ended; a window in which none ended shows nothing about that."""
    names = ("failed_runs", "canceled_runs", "skipped", "failed_share")
    if not any(run.is_over for run in listing.runs):
        return dict.fromkeys(names)
    failed = len(listing.named("failed"))
    executed = len(listing.named("completed", "failed", "canceled"))
    counts = (failed, len(listing.named("canceled")), len(listing.named("skipped")))
    return dict(zip(names, (*counts, share(failed, executed)), strict=True))


def _rows(listing: Listing) -> dict[str, Scalar]:
    ended = listing.named("completed", "failed", "canceled")
    failed = _total([run.failed for run in ended])
    processed = _total([run.processed for run in ended])
    return {
        "accepted_total": _total([run.accepted for run in ended]),
        "failed_total": failed if processed else None,
        "rejected": _rejected(ended),
        "error_rate": share(failed, processed),
    }


def _rejected(ended: Sequence[SyncRun]) -> int | None:
    """Rows the target rejected; a run that says it sent nothing was refused nothing."""
    return _total([0 if run.processed == 0 else run.failed for run in ended])


def _total(counts: Sequence[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known and len(known) == len(counts) else None


def _row(run: SyncRun) -> dict[str, Scalar]:
    return {
        "run": run.id,
        "status": run.status,
        "created_at": run.created_at.isoformat(),
        "trigger": run.trigger,
        "processed": run.processed,
    }
