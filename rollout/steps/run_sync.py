"""Run one sync once: trigger, watch, stop it when it goes wrong, and account for it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

from pydantic import BaseModel

from rollout.domain.condition import Condition
from rollout.domain.durations import format_duration
from rollout.domain.effects import Answer
from rollout.domain.events import RunObserved
from rollout.domain.evidence import Scalar
from rollout.domain.instants import to_text
from rollout.domain.plan import Duration, Model, SyncSpec
from rollout.kinds import (
    Act,
    Done,
    Effect,
    Failed,
    Found,
    KnownRun,
    Move,
    NotFound,
    Remember,
    SawRun,
    StepContext,
    Wait,
)
from rollout.ports import SyncRun, SyncService
from rollout.steps.restoration import Restoration

SETTLE = timedelta(minutes=2)
"""How long a run that nobody acknowledged may take to show up in the list of runs."""


class RunSyncInputs(Model):
    """`expect` conditions hold on the finished run's counters; `stop_if` on the running one's,
    once `stop_after_rows` rows were processed. `baseline` names the step whose rows undo it."""

    sync: str
    baseline: str | None = None
    expect: dict[str, str] = {}
    stop_if: dict[str, str] = {}
    stop_after_rows: int = 50
    within: Duration | None = None
    poll: Duration = timedelta(minutes=1)


class RunSync:
    """Triggers exactly once per attempt: an unknown answer is looked up, never re-sent."""

    kind: ClassVar[str] = "run_sync"
    Inputs: ClassVar[type[BaseModel]] = RunSyncInputs
    writes: ClassVar[bool] = True
    has_undo: ClassVar[bool] = True
    outputs: ClassVar[Sequence[str]] = (
        "run_id",
        "status",
        "processed",
        "accepted",
        "failed",
        "invalid",
        "error_rate",
        "started_at",
        "completed_at",
        "duration_s",
        "evidence",
    )

    def advance(self, inputs: RunSyncInputs, context: StepContext) -> Move:
        spec = context.plan.syncs[inputs.sync]
        service = context.connections.sync_service(spec.on)
        sends = int(context.memory.get("sends", 1))
        trigger = context.settled.get(f"trigger-{sends}")
        if trigger is None:
            return _before(spec, service, sends, context)
        if trigger.how == "never_sent":
            return Remember({"sends": sends + 1})
        if trigger.how == "refused":
            return Failed(f"the trigger of {inputs.sync} was refused: {trigger.detail}")
        return self._watch(inputs, spec, service, service.run(int(trigger.value)), context)

    def undo(self, inputs: RunSyncInputs, context: StepContext) -> Move:
        if inputs.baseline is None:
            return Failed("no `baseline:` step is named, so there is nothing to restore from")
        spec = context.plan.syncs[inputs.sync]
        return Restoration(spec, inputs.baseline).advance(context)

    def perform(self, effect: Effect, inputs: RunSyncInputs, context: StepContext) -> Answer[Any]:
        spec = context.plan.syncs[inputs.sync]
        if effect.action == "trigger":
            return context.connections.sync_service(spec.on).trigger(spec.id)
        if effect.action == "cancel":
            service = context.connections.sync_service(spec.on)
            return service.cancel(int(effect.request["run_id"]))
        return Restoration(spec, inputs.baseline or "").perform(effect, context)

    def look_up(
        self, effect: Effect, inputs: RunSyncInputs, context: StepContext
    ) -> Found | NotFound:
        """Runs above the watermark that the API started: exactly one is ours."""
        spec = context.plan.syncs[inputs.sync]
        service = context.connections.sync_service(spec.on)
        bound = {r.run_id for r in context.facts.runs(inputs.sync) if r.ours}
        found = service.runs(spec.id, above=effect.watermark or 0)
        ours = [r for r in found if _is_api(r) and r.id not in bound]
        if len(ours) == 1:
            run = ours[0]
            seen = f"run {run.id} is the only API run above {effect.watermark}"
            return Found(run.id, seen)
        if len(ours) > 1:
            ids = ", ".join(str(r.id) for r in ours)
            return NotFound(f"several runs could be ours ({ids}): say which, or that none is")
        return NotFound(
            f"no run of {inputs.sync} above {effect.watermark} was started by the API",
            effect.intended_at + SETTLE if effect.intended_at else None,
        )

    def _watch(
        self,
        inputs: RunSyncInputs,
        spec: SyncSpec,
        service: SyncService,
        run: SyncRun,
        context: StepContext,
    ) -> Move:
        seen = _observed(run, inputs.sync, context, ours=True)
        if _is_news(seen, context.facts.runs(inputs.sync)):
            return SawRun(seen)
        if run.is_over:
            return _after(inputs, spec, service, run, context)
        stop = _stop_reason(inputs, run, context.now)
        if stop is not None and "stopped" not in context.memory:
            return Remember({"stopped": stop})
        if "stopped" in context.memory and "cancel" not in context.settled:
            return Act(
                Effect(
                    name="cancel",
                    action="cancel",
                    target=f"run {run.id}",
                    request={"run_id": run.id},
                )
            )
        return Wait(context.now + inputs.poll, f"{inputs.sync} run {run.id} is {run.status}")


def _before(spec: SyncSpec, service: SyncService, sends: int, context: StepContext) -> Move:
    """Nothing else of this sync may be going; the newest run id is the watermark."""
    latest = service.runs(spec.id, limit=1)
    if latest and not latest[0].is_over:
        until = context.now + timedelta(seconds=30)
        return Wait(until, f"run {latest[0].id} of sync {spec.id} is still {latest[0].status}")
    return Act(
        Effect(
            name=f"trigger-{sends}",
            action="trigger",
            target=f"sync {spec.id}",
            request={"sync": spec.id},
            idempotent=False,
            watermark=latest[0].id if latest else 0,
            needs_window=True,
        )
    )


def _after(
    inputs: RunSyncInputs,
    spec: SyncSpec,
    service: SyncService,
    run: SyncRun,
    context: StepContext,
) -> Move:
    stranger = _stranger(inputs, spec, service, run, context)
    if stranger is not None:
        return SawRun(stranger)
    if "stopped" in context.memory:
        return Failed(f"run {run.id} was stopped: {context.memory['stopped']}")
    if run.status != "completed":
        return Failed(f"run {run.id} ended {run.status}: {run.error or 'no reason given'}")
    counters = _counters(run)
    for metric, text in inputs.expect.items():
        if Condition.parse(text).holds(counters.get(metric)) is not True:
            return Failed(f"run {run.id}: {metric} is {counters.get(metric)}, expected {text}")
    rejected = service.rejected(run.id, limit=100) if run.failed or run.invalid else []
    digest = context.evidence.put({"run": run, "rejected": rejected})
    return Done({**counters, "evidence": digest})


def _stranger(
    inputs: RunSyncInputs,
    spec: SyncSpec,
    service: SyncService,
    ours: SyncRun,
    context: StepContext,
) -> RunObserved | None:
    """A run of the same sync, not ours, that started while this step ran and is news to the log."""
    known = context.facts.runs(inputs.sync)
    for run in reversed(service.runs(spec.id, since=context.started_at)):
        if run.id != ours.id and run.created_at >= context.started_at:
            seen = _observed(run, inputs.sync, context, ours=False)
            if _is_news(seen, known):
                return seen
    return None


def _stop_reason(inputs: RunSyncInputs, run: SyncRun, now: datetime) -> str | None:
    """Why the running run must be stopped, None to let it go on."""
    if inputs.within is not None and now - run.created_at > inputs.within:
        return f"still {run.status} after {format_duration(inputs.within)}"
    if (run.processed or 0) < inputs.stop_after_rows:
        return None
    counters = _counters(run)
    for metric, text in inputs.stop_if.items():
        if Condition.parse(text).holds(counters.get(metric)):
            return f"{metric} is {counters[metric]}, stop if {text}"
    return None


def _counters(run: SyncRun) -> dict[str, Scalar]:
    """Counters as outputs. error_rate = failed / processed, processed = accepted + failed."""
    over = run.completed_at
    return {
        "run_id": run.id,
        "status": run.status,
        "processed": run.processed,
        "accepted": run.accepted,
        "failed": run.failed,
        "invalid": run.invalid,
        "error_rate": (run.failed or 0) / run.processed if run.processed else None,
        "started_at": to_text(run.created_at),
        "completed_at": to_text(over) if over else None,
        "duration_s": (over - run.created_at).total_seconds() if over else None,
    }


def _observed(run: SyncRun, sync: str, context: StepContext, *, ours: bool) -> RunObserved:
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


def _is_news(seen: RunObserved, known: Sequence[KnownRun]) -> bool:
    before = next((k for k in known if k.run_id == seen.run_id), None)
    return before is None or (
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


def _is_api(run: SyncRun) -> bool:
    """The reason is optional in the API's answers; without it the run counts as a candidate."""
    return run.trigger is None or run.trigger.lower() in {"api", "manual"}
