"""A run of a sync as the log keeps it, and as the outputs of the step that started it."""

from __future__ import annotations

from collections.abc import Sequence

from rollout.domain.events import RunObserved
from rollout.domain.evidence import Scalar
from rollout.domain.instants import to_text
from rollout.kinds import KnownRun, StepContext
from rollout.ports import SyncRun, SyncService

COUNTERS = (
    "status",
    "processed",
    "accepted",
    "failed",
    "invalid",
    "error_rate",
    "duration_s",
)
"""What `expect` and `stop_if` may speak of."""

RECENT = 20
"""Runs looked at for one that still goes: the newest may be a skipped one on top of it."""

OVER = frozenset({"completed", "failed", "skipped", "canceled"})


def active(service: SyncService, sync_id: int) -> list[SyncRun]:
    """Runs of the sync that are not over, newest first."""
    return [r for r in service.runs(sync_id, limit=RECENT) if not r.is_over]


def still_going(service: SyncService, sync_id: int) -> SyncRun | None:
    """The newest run of the sync that is not over."""
    return next(iter(active(service, sync_id)), None)


def counters(run: SyncRun) -> dict[str, Scalar]:
    """Counters as outputs. error_rate = failed / processed, processed = accepted + failed."""
    over = run.completed_at
    known = run.processed and run.failed is not None
    return {
        "run_id": run.id,
        "status": run.status,
        "processed": run.processed,
        "accepted": run.accepted,
        "failed": run.failed,
        "invalid": run.invalid,
        "error_rate": (run.failed or 0) / (run.processed or 1) if known else None,
        "started_at": to_text(run.created_at),
        "completed_at": to_text(over) if over else None,
        "duration_s": (over - run.created_at).total_seconds() if over else None,
    }


def observed(run: SyncRun, sync: str, context: StepContext, *, ours: bool) -> RunObserved:
    """The event that says what is known of a run."""
    return RunObserved(
        sync=sync,
        run_id=run.id,
        phase=context.phase,
        attempt=context.attempt,
        ours=ours,
        status=run.status,
        processed=run.processed,
        accepted=run.accepted,
        failed=run.failed,
        invalid=run.invalid,
        source_rows=run.source_rows,
        created_at=run.created_at,
        completed_at=run.completed_at,
    )


def known_as(run_id: int, known: Sequence[KnownRun]) -> KnownRun | None:
    """What the log says of a run."""
    return next((k for k in known if k.run_id == run_id), None)


def is_news(seen: RunObserved, known: Sequence[KnownRun]) -> bool:
    """Whether the log must hear of it. A run that was over stays over, whatever a service says."""
    before = known_as(seen.run_id, known)
    if before is None:
        return True
    if before.status in OVER and seen.status not in OVER:
        return False
    return (
        before.status,
        before.processed,
        before.accepted,
        before.failed,
        before.invalid,
        before.completed_at,
    ) != (
        seen.status,
        seen.processed,
        seen.accepted,
        seen.failed,
        seen.invalid,
        seen.completed_at,
    )
