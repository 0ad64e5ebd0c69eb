"""`census_run`: what one run of a sync did, by its own counters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import BaseModel, model_validator

from rollout.checks.numbers import share
from rollout.checks.plan_syncs import PlanSync, plan_sync
from rollout.checks.sync_window import GOING, seconds
from rollout.checks.written import Reference, RunId, filled
from rollout.domain.errors import KindMisused, ServiceError
from rollout.domain.evidence import Observation, Scalar
from rollout.domain.plan import Identifier, Model
from rollout.kinds import CheckContext
from rollout.ports import RejectedRecord, SyncRun

SAMPLE = 20
REASONS_FROM = 100
"""Rejected records read to count their reasons; the service itself shows about as many."""

COUNTERS = ("source_rows", "processed", "accepted", "failed", "invalid")


class CensusRunInputs(Model):
    """Which run: its id (usually a reference), or the step of the plan that started it."""

    sync: Identifier
    run: RunId | Reference | None = None
    of_step: Identifier | None = None

    @model_validator(mode="after")
    def _one_run(self) -> Self:
        if (self.run is None) == (self.of_step is None):
            raise ValueError("say which run, by either `run` or `of_step`")
        return self


class CensusRun:
    """Counters, error rate and duration of one run.

    Only a completed run has counters to judge: those of a run that failed, was skipped or canceled
    stand in the detail. A run that sent no row says nothing about errors either: `failed` is then
    nothing instead of 0, and so is `invalid` when there was no row at all.
    """

    kind: ClassVar[str] = "census_run"
    Inputs: ClassVar[type[BaseModel]] = CensusRunInputs
    primary: ClassVar[str | None] = "status"
    metrics: ClassVar[Mapping[str, str] | None] = {
        "status": "completed, failed, skipped, canceled, or the service's own word",
        "canceled": "whether it was canceled",
        "duration_s": "seconds from creation to completion",
        "source_rows": "rows the run read",
        "processed": "rows sent to the target",
        "accepted": "rows the target took, created or updated",
        "failed": "rows the target rejected",
        "invalid": "rows dropped before sending",
        "error_rate": "share: failed / processed",
        "loss_rate": "share: (failed + invalid) / (processed + invalid)",
    }
    default_go: ClassVar[Mapping[str, str]] = {"status": "= completed"}

    def observe(self, inputs: CensusRunInputs, context: CheckContext) -> Observation:
        sync = plan_sync(inputs.sync, context)
        run_id, absent = _run_id(inputs, context)
        if run_id is None:
            return Observation(metrics={}, source=sync.source, as_of=context.now, problem=absent)
        run = sync.service.run(run_id)
        rejected, lost_sample = _rejected(sync, run)
        counters: dict[str, Scalar] = {name: getattr(run, name) for name in COUNTERS}
        return Observation(
            metrics={
                "status": run.status,
                "canceled": run.status == "canceled",
                "duration_s": _duration(run),
                **_judged(run),
            },
            source=sync.source,
            query=f"GET /sync_runs/{run_id}",
            as_of=context.now,
            sample=[
                {"key": r.key, "status": r.status, "reason": r.reason} for r in rejected[:SAMPLE]
            ],
            detail=_detail(run, counters, rejected, lost_sample),
            problem=_problem(run, sync),
        )


def _run_id(inputs: CensusRunInputs, context: CheckContext) -> tuple[int | None, str]:
    if inputs.of_step is None:
        return filled(inputs.run, "the run"), ""
    phase = _phase_of(inputs.of_step, inputs.sync, context)
    ours = [run for run in context.facts.runs(inputs.sync) if run.ours and run.phase == phase]
    if phase == context.phase:
        # An earlier attempt's run is no evidence for this one.
        start = context.phase_started_at
        ours = [run for run in ours if run.created_at is not None and run.created_at >= start]
    if not ours:
        return None, f"step {inputs.of_step} has not started a run of {inputs.sync} yet"
    return ours[-1].run_id, ""


def _phase_of(step_id: str, sync: str, context: CheckContext) -> str:
    """The phase of a step that is the only one there to run the sync.

    Raises: KindMisused when the step is unknown, runs something else, or is not alone.
    """
    for phase in context.plan.phases:
        running = [step.id for step in phase.steps if step.inputs.get("sync") == sync]
        runs = [s.id for s in phase.steps if s.step == "run_sync" and s.id in running]
        if step_id not in {step.id for step in phase.steps}:
            continue
        if runs != [step_id]:
            raise KindMisused(
                f"{step_id} is not the one step of phase {phase.phase} that runs {sync};"
                f" name the run itself: run: ${{{{ steps.{step_id}.run_id }}}}"
            )
        return phase.phase
    raise KindMisused(f"no phase has a step {step_id!r}")


def _judged(run: SyncRun) -> dict[str, Scalar]:
    if run.status != "completed":
        return dict.fromkeys((*COUNTERS, "error_rate", "loss_rate"))
    processed, failed, invalid = run.processed, run.failed, run.invalid
    handled = None if processed is None or invalid is None else processed + invalid
    lost = None if failed is None or invalid is None else failed + invalid
    return {
        "source_rows": run.source_rows,
        "processed": processed,
        "accepted": run.accepted,
        "failed": failed if processed else None,
        "invalid": invalid if handled else None,
        "error_rate": share(failed, processed),
        "loss_rate": share(lost, handled),
    }


def _duration(run: SyncRun) -> float | None:
    return None if run.completed_at is None else seconds(run.created_at, run.completed_at)


def _rejected(sync: PlanSync, run: SyncRun) -> tuple[list[RejectedRecord], str]:
    """The rows behind the counters. The verdict rests on the counters alone, so rows that the
    service no longer keeps are only missed."""
    if not run.failed and not run.invalid:
        return [], ""
    try:
        return sync.service.rejected(run.id, limit=REASONS_FROM), ""
    except ServiceError as problem:
        return [], f"rejected rows could not be read: {problem}"


def _detail(
    run: SyncRun, counters: dict[str, Scalar], rejected: list[RejectedRecord], lost_sample: str
) -> dict[str, Any]:
    detail: dict[str, Any] = {
        "run": run.id,
        "counters": counters,
        "created_at": run.created_at,
        "completed_at": run.completed_at,
        "trigger": run.trigger,
        "full_sync": run.full_sync,
        "reasons": dict(Counter(record.reason for record in rejected).most_common(SAMPLE)),
    }
    if run.error:
        detail["error"] = run.error
    if lost_sample:
        detail["sample_problem"] = lost_sample
    return detail


def _problem(run: SyncRun, sync: PlanSync) -> str | None:
    if run.sync_id != sync.spec.id:
        return f"run {run.id} belongs to sync {run.sync_id}, not to {sync.name}"
    if run.status in GOING:
        step = f" ({run.step})" if run.step else ""
        return f"run {run.id} is still {run.status}{step}"
    return None
