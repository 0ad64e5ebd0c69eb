"""The runs of one sync in a window, as the service lists them, held against what the log knows."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from rollout.checks.plan_syncs import PlanSync
from rollout.domain.instants import to_text
from rollout.kinds import CheckContext
from rollout.ports import SyncRun

LIMIT = 2000
"""Runs read at most; a sync every minute for more than a day. A fuller window is not judged."""

GOING = frozenset({"queued", "working"})
"""Source: the Census reference, section 5 (run statuses)."""


@dataclass(frozen=True)
class Listing:
    """Runs of the window by creation, oldest first, and why the list cannot be trusted, if so."""

    runs: list[SyncRun]
    ours: frozenset[int]
    query: str
    problems: list[str] = field(default_factory=list)

    def named(self, *statuses: str) -> list[SyncRun]:
        return [run for run in self.runs if run.status in statuses]


def runs_since(sync: PlanSync, since: datetime, context: CheckContext) -> Listing:
    """Ask the service. Raises: ServiceError.

    A list that was cut, that lacks a run which the log knows to be in the window, or that holds a
    status nobody has heard of is a problem: counting it would find too little.
    """
    listed = sync.service.runs(sync.spec.id, since=since, limit=LIMIT)
    by_id = {run.id: run for run in listed if run.created_at >= since}
    runs = sorted(by_id.values(), key=lambda run: (run.created_at, run.id))
    known = [run for run in context.facts.runs(sync.name) if run.ours]
    problems = []
    if len(listed) >= LIMIT:
        problems.append(f"more than {LIMIT} runs: the list was cut")
    missing = sorted(
        run.run_id
        for run in known
        if run.created_at is not None and run.created_at >= since and run.run_id not in by_id
    )
    if missing:
        problems.append(f"the service does not list runs the log knows: {missing}")
    strange = sorted({run.status for run in runs if not run.is_over and run.status not in GOING})
    if strange:
        problems.append(f"runs with an unknown status: {', '.join(strange)}")
    return Listing(
        runs=runs,
        ours=frozenset(run.run_id for run in known),
        query=f"GET /syncs/{sync.spec.id}/sync_runs since {to_text(since)}",
        problems=problems,
    )


def is_scheduled(run: SyncRun) -> bool:
    """Whether the service says that a schedule started the run; its words are free text."""
    return "schedul" in (run.trigger or "").lower()


def seconds(start: datetime, end: datetime) -> float:
    return (end - start).total_seconds()
