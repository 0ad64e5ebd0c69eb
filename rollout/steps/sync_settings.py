"""Pause, resume and schedule a sync; what was before is remembered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec
from pydantic import BaseModel

from rollout.domain.effects import Answer
from rollout.domain.plan import Model
from rollout.kinds import Act, Done, Effect, Failed, Move, Remember, StepContext
from rollout.ports import Schedule
from rollout.steps.quiet import SentAgain


class SyncInputs(Model):
    """`sync` is a sync of the plan."""

    sync: str


class SetScheduleInputs(Model):
    """Census' words: never, quarter_hourly, hourly, daily, weekly, expression (with `cron`, UTC)."""

    sync: str
    frequency: str
    cron: str | None = None
    hour: int | None = None
    minute: int | None = None


class _Setting(SentAgain):
    """One setting of one sync: remember what is, change it, done."""

    writes: ClassVar[bool] = True
    has_undo: ClassVar[bool] = True
    outputs: ClassVar[Sequence[str]] = ("changed",)

    def advance(self, inputs: Any, context: StepContext) -> Move:
        wanted = self.wanted(inputs)
        spec = context.plan.syncs[inputs.sync]
        if "before" not in context.memory:
            config = context.connections.sync_service(spec.on).sync(spec.id)
            schedule = msgspec.to_builtins(config.schedule)
            return Remember({"before": {"paused": config.paused, "schedule": schedule}})
        return _changed("set", inputs.sync, wanted, context) or Done({"changed": True})

    def undo(self, inputs: Any, context: StepContext) -> Move:
        before = context.forward_memory.get("before")
        wanted = self.way_back(before) if before else None
        if wanted is None:
            return Done({})
        return _changed("set", inputs.sync, wanted, context) or Done({"changed": True})

    def wanted(self, inputs: Any) -> dict[str, Any]:
        """The request that makes it so."""
        raise AssertionError(f"{type(self).__name__} must say what it wants")

    def way_back(self, before: dict[str, Any]) -> dict[str, Any] | None:
        """The request that undoes it; None when a rollback wants it to stay (a paused sync)."""
        return None

    def perform(self, effect: Effect, inputs: Any, context: StepContext) -> Answer[Any]:
        spec = context.plan.syncs[inputs.sync]
        service = context.connections.sync_service(spec.on)
        if effect.action == "set_paused":
            return service.set_paused(spec.id, bool(effect.request["paused"]))
        return service.set_schedule(
            spec.id, msgspec.convert(effect.request["schedule"], type=Schedule)
        )


class PauseSync(_Setting):
    """Stops a sync's schedule, and reads back that it is paused: a sync that says yes and goes on is
    not paused. One that is paused already is left as it is. A rollback leaves it paused: a person
    resumes it."""

    kind: ClassVar[str] = "pause_sync"
    Inputs: ClassVar[type[BaseModel]] = SyncInputs

    def advance(self, inputs: Any, context: StepContext) -> Move:
        was_paused = "before" in context.memory and context.memory["before"]["paused"]
        if was_paused and "set" not in context.settled and _is_paused(inputs.sync, context):
            return Done({"changed": False})
        move = super().advance(inputs, context)
        if isinstance(move, Done) and not _is_paused(inputs.sync, context):
            return Failed(f"{inputs.sync} was told to pause and still reads as not paused")
        return move

    def wanted(self, inputs: Any) -> dict[str, Any]:
        return {"paused": True}


class ResumeSync(_Setting):
    """Lets a sync run again; undo pauses it."""

    kind: ClassVar[str] = "resume_sync"
    Inputs: ClassVar[type[BaseModel]] = SyncInputs

    def wanted(self, inputs: Any) -> dict[str, Any]:
        return {"paused": False}

    def way_back(self, before: dict[str, Any]) -> dict[str, Any] | None:
        return {"paused": True}


class SetSchedule(_Setting):
    """Changes when a sync runs by itself; undo gives it the schedule it had."""

    kind: ClassVar[str] = "set_schedule"
    Inputs: ClassVar[type[BaseModel]] = SetScheduleInputs

    def wanted(self, inputs: Any) -> dict[str, Any]:
        return {"schedule": inputs.model_dump(exclude={"sync"})}

    def way_back(self, before: dict[str, Any]) -> dict[str, Any] | None:
        return {"schedule": before["schedule"]}


def _is_paused(sync: str, context: StepContext) -> bool:
    spec = context.plan.syncs[sync]
    return context.connections.sync_service(spec.on).sync(spec.id).paused


def _changed(name: str, sync: str, request: dict[str, Any], context: StepContext) -> Move | None:
    settled = context.settled.get(name)
    if settled is None:
        action = "set_paused" if "paused" in request else "set_schedule"
        return Act(Effect(name=name, action=action, target=sync, request=request))
    if not settled.took_place:
        return Failed(f"{sync} could not be changed: {settled.detail}")
    return None
