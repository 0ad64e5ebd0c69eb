"""Run one sync once: trigger, watch, stop it when it goes wrong, and account for it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

from pydantic import BaseModel, field_validator

from rollout.domain.condition import Condition
from rollout.domain.durations import format_duration
from rollout.domain.effects import Answer, Unknown, Yes
from rollout.domain.errors import ConditionProblem
from rollout.domain.events import RunObserved
from rollout.domain.plan import Duration, Model, SyncSpec
from rollout.domain.references import has_references
from rollout.kinds import (
    Act,
    Done,
    Effect,
    Failed,
    Found,
    Move,
    NotFound,
    Remember,
    SawRun,
    StepContext,
    Wait,
)
from rollout.ports import SyncRun, SyncService
from rollout.steps.restoration import Restoration
from rollout.steps.run_record import COUNTERS, counters, is_news, known_as, observed, still_going

SETTLE = timedelta(minutes=2)
"""How long a run that nobody acknowledged may take to show up in the list of runs."""

ASK_AGAIN = timedelta(seconds=30)
"""While somebody else's run of the sync goes on."""


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

    @field_validator("expect", "stop_if")
    @classmethod
    def _can_be_judged(cls, written: dict[str, str]) -> dict[str, str]:
        """A brake with a misspelt metric would never brake."""
        for metric, text in written.items():
            if metric not in COUNTERS:
                raise ValueError(f"a run has no {metric!r}; it has {', '.join(COUNTERS)}")
            if not has_references(text):
                try:
                    Condition.parse(text)
                except ConditionProblem as problem:
                    raise ValueError(str(problem)) from problem
        return written


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
        if not trigger.took_place:
            return Failed(f"the trigger of {inputs.sync} was {trigger.how}: {trigger.detail}")
        run = service.run(int(trigger.value))
        if run.sync_id != spec.id:
            return Failed(f"run {run.id} is of sync {run.sync_id}, not of {inputs.sync}")
        return self._watch(inputs, spec, service, run, context)

    def undo(self, inputs: RunSyncInputs, context: StepContext) -> Move:
        """Wait until nobody writes, then restore: `end_runs` has stopped what was ours."""
        if inputs.baseline is None:
            return Failed("no `baseline:` step is named, so there is nothing to restore from")
        spec = context.plan.syncs[inputs.sync]
        restoration = Restoration(spec, inputs.baseline)
        if not restoration.is_planned(context):
            going = _going(context.connections.sync_service(spec.on), spec.id, _ours(context))
            if going is not None:
                until = context.now + ASK_AGAIN
                return Wait(until, f"run {going.id} must end before its rows are restored")
        return restoration.advance(context)

    def perform(self, effect: Effect, inputs: RunSyncInputs, context: StepContext) -> Answer[Any]:
        spec = context.plan.syncs[inputs.sync]
        if effect.action == "trigger":
            answer = context.connections.sync_service(spec.on).trigger(spec.id)
            return _believed(answer, effect, _bound(context, spec.on))
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
        bound = context.facts.triggered(spec.id)
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
        seen = observed(run, inputs.sync, context, ours=True)
        if is_news(seen, context.facts.runs(inputs.sync)):
            return SawRun(seen)
        if run.is_over:
            return _after(inputs, spec, service, run, context)
        stop = _stop_reason(inputs, run, context.now)
        if stop is not None and "stopped" not in context.memory:
            return Remember({"stopped": stop})
        cancel = context.settled.get("cancel")
        if "stopped" in context.memory and cancel is None:
            return Act(_cancel(run))
        note = f"{inputs.sync} run {run.id} is {run.status}"
        if cancel is not None and not cancel.took_place:
            note += f"; it could not be stopped: {cancel.detail}"
        return Wait(context.now + inputs.poll, note)


def _before(spec: SyncSpec, service: SyncService, sends: int, context: StepContext) -> Move:
    """Nothing else of this sync may be going; the newest run id is the watermark."""
    going = still_going(service, spec.id)
    if going is not None:
        note = f"run {going.id} of sync {spec.id} is still {going.status}"
        return Wait(context.now + ASK_AGAIN, note)
    latest = service.runs(spec.id, limit=1)
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


def _cancel(run: SyncRun) -> Effect:
    return Effect(
        name="cancel", action="cancel", target=f"run {run.id}", request={"run_id": run.id}
    )


def _bound(context: StepContext, service: str) -> set[int]:
    """Runs that answer other triggers already, of every sync of the service: their numbers are one
    series, so that an old answer may be about another sync."""
    return {
        run
        for sync in context.plan.syncs.values()
        if sync.on == service
        for run in context.facts.triggered(sync.id)
    }


def _believed(answer: Answer[int], effect: Effect, bound: Collection[int]) -> Answer[int]:
    """A run that was there before is not the one just started: an old answer came again, and what
    became of this request must be looked up."""
    if not isinstance(answer, Yes):
        return answer
    if answer.value > (effect.watermark or 0) and answer.value not in bound:
        return answer
    return Unknown(f"run {answer.value} was answered, which was there before: an old answer")


def _ours(context: StepContext) -> set[int]:
    """Ids of the runs this step's triggers came to, when it is undone."""
    settled = context.forward_settled.items()
    return {int(s.value) for name, s in settled if name.startswith("trigger-") and s.took_place}


def _going(service: SyncService, sync_id: int, ours: set[int]) -> SyncRun | None:
    """A run that still writes: ours are asked one by one, as a list may lag behind."""
    asked = (service.run(run_id) for run_id in sorted(ours, reverse=True))
    return next((r for r in asked if not r.is_over), None) or still_going(service, sync_id)


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
    found = counters(run)
    for metric, text in inputs.expect.items():
        if Condition.parse(text).holds(found[metric]) is not True:
            return Failed(f"run {run.id}: {metric} is {found[metric]}, expected {text}")
    rejected = service.rejected(run.id, limit=100) if run.failed or run.invalid else []
    digest = context.evidence.put({"run": run, "rejected": rejected})
    return Done({**found, "evidence": digest})


def _stranger(
    inputs: RunSyncInputs,
    spec: SyncSpec,
    service: SyncService,
    ours: SyncRun,
    context: StepContext,
) -> RunObserved | None:
    """A run of the same sync, not ours, that started while this step ran and is news to the log.
    One that still goes is told once, not followed: this step is over."""
    known = context.facts.runs(inputs.sync)
    for run in reversed(service.runs(spec.id, since=context.started_at)):
        before = known_as(run.id, known)
        if run.id == ours.id or (before is not None and (before.ours or not run.is_over)):
            continue
        seen = observed(run, inputs.sync, context, ours=False)
        if is_news(seen, known):
            return seen
    return None


def _stop_reason(inputs: RunSyncInputs, run: SyncRun, now: datetime) -> str | None:
    """Why the running run must be stopped, None to let it go on."""
    if inputs.within is not None and now - run.created_at > inputs.within:
        return f"still {run.status} after {format_duration(inputs.within)}"
    if (run.processed or 0) < inputs.stop_after_rows:
        return None
    found = counters(run)
    for metric, text in inputs.stop_if.items():
        if Condition.parse(text).holds(found[metric]):
            return f"{metric} is {found[metric]}, stop if {text}"
    return None


def _is_api(run: SyncRun) -> bool:
    """The reason is optional in the API's answers; without it the run counts as a candidate."""
    return run.trigger is None or run.trigger.lower() in {"api", "manual"}
