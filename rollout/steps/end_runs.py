"""See that no run of any sync of the plan writes any more, before anything is undone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, ClassVar, Literal

from pydantic import BaseModel

from rollout.domain.effects import Answer
from rollout.domain.events import RunObserved
from rollout.domain.plan import Model
from rollout.kinds import Act, Done, Effect, Move, SawRun, StepContext, Wait
from rollout.ports import SyncRun
from rollout.steps.quiet import SentAgain
from rollout.steps.run_record import OVER, active, is_news, observed

ASK_AGAIN = timedelta(seconds=30)
"""While a run goes on."""


class EndRunsInputs(Model):
    """`ours`: what becomes of a run that this rollout triggered. Anybody else's is waited for."""

    ours: Literal["cancel", "wait"] = "cancel"


class EndRuns(SentAgain):
    """Cancels our runs, or lets them end; waits for everybody's, and names them meanwhile."""

    kind: ClassVar[str] = "end_runs"
    Inputs: ClassVar[type[BaseModel]] = EndRunsInputs
    writes: ClassVar[bool] = True
    has_undo: ClassVar[bool] = True
    outputs: ClassVar[Sequence[str]] = ("canceled",)

    def advance(self, inputs: EndRunsInputs, context: StepContext) -> Move:
        going = list(_going(context))
        for name, run in going:
            is_ours = run.id in context.facts.triggered(run.sync_id)
            if is_ours and inputs.ours == "cancel" and f"cancel-{run.id}" not in context.settled:
                return Act(_cancel(name, run))
        news = next(_news(context), None)
        if news is not None:
            return SawRun(news)
        if going:
            said = "; ".join(_said(name, run, context) for name, run in going)
            return Wait(context.now + ASK_AGAIN, f"nothing is undone while a sync writes: {said}")
        canceled = sum(s.took_place for s in context.settled.values())
        return Done({"canceled": canceled})

    def undo(self, inputs: Any, context: StepContext) -> Move:
        return Done({})

    def perform(self, effect: Effect, inputs: Any, context: StepContext) -> Answer[Any]:
        on = context.plan.syncs[effect.request["sync"]].on
        service = context.connections.sync_service(on)
        return service.cancel(int(effect.request["run_id"]))


def _going(context: StepContext) -> Iterator[tuple[str, SyncRun]]:
    """Runs that are not over, by the name of their sync. Ours are asked one by one, as a list may lag
    behind."""
    for name, spec in context.plan.syncs.items():
        service = context.connections.sync_service(spec.on)
        listed = active(service, spec.id)
        asked = (
            service.run(i) for i in _unfinished(name, context) if i not in {r.id for r in listed}
        )
        for run in (*listed, *(r for r in asked if not r.is_over)):
            yield name, run


def _unfinished(name: str, context: StepContext) -> list[int]:
    """Runs of ours of which the log does not know that they are over, newest first."""
    known = {r.run_id: r.status for r in context.facts.runs(name)}
    triggered = context.facts.triggered(context.plan.syncs[name].id)
    return sorted((i for i in triggered if known.get(i) not in OVER), reverse=True)


def _news(context: StepContext) -> Iterator[RunObserved]:
    """How runs of ours ended that the log still sees going."""
    for name, spec in context.plan.syncs.items():
        service = context.connections.sync_service(spec.on)
        for run_id in _unfinished(name, context):
            seen = observed(service.run(run_id), name, context, ours=True)
            if is_news(seen, context.facts.runs(name)):
                yield seen


def _cancel(name: str, run: SyncRun) -> Effect:
    return Effect(
        name=f"cancel-{run.id}",
        action="cancel",
        target=f"run {run.id}",
        request={"run_id": run.id, "sync": name},
    )


def _said(name: str, run: SyncRun, context: StepContext) -> str:
    settled = context.settled.get(f"cancel-{run.id}")
    ours = run.id in context.facts.triggered(run.sync_id)
    whose = "ours" if ours else f"not ours, {run.trigger or 'no reason given'}"
    said = f"run {run.id} of {name} ({whose}) is {run.status}"
    if settled is not None and not settled.took_place:
        said += f" and could not be canceled: {settled.detail}"
    return said
