"""Mistakes on the way back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rollout.domain.effects import Yes
from rollout.engine.effects import EffectRunner
from rollout.engine.rollback import RollbackRunner
from rollout.kinds import Done
from rollout.steps import restoration, run_sync
from rollout.steps.restoration import Restoration
from rollout.steps.run_sync import RunSync

from .mutants import Patch, mutant


@mutant("a refused trigger is sent again while everything goes back", "status_429", "whim")
def rollback_triggers_again() -> Iterable[Patch]:
    yield EffectRunner, "close", EffectRunner.settle


@mutant("the syncs are not paused before anything is undone", "whim")
def rollback_without_pause() -> Iterable[Patch]:
    yield RollbackRunner, "_first", lambda self, phase, specs: ""


@mutant("rows are restored while our run still writes", "whim")
def rollback_while_running() -> Iterable[Patch]:
    yield run_sync, "_going", lambda service, sync_id, ours: None


@mutant("a run of ours is looked for in a list that lags", "lagging_list")
def rollback_trusts_the_list() -> Iterable[Patch]:
    from rollout.steps.run_record import still_going

    yield run_sync, "_going", lambda service, sync_id, ours: still_going(service, sync_id)


@mutant("a rollback needs no proof")
def rollback_unproven() -> Iterable[Patch]:
    def prove(self: RollbackRunner, phase: Any, gates: Any) -> Any:
        return self._end(phase, "undone", "trust me", self._summary(phase, verified=True))

    yield RollbackRunner, "_prove", prove


def _sorting(change: Any) -> Any:
    real = restoration._sorted

    def changed(*given: Any) -> Any:
        plan = real(*given)
        change(plan)
        return plan

    return changed


@mutant("created rows are not deleted")
def created_rows_left() -> Iterable[Patch]:
    def change(plan: dict[str, list[Any]]) -> None:
        plan["delete"] = []

    yield restoration, "_sorted", _sorting(change)


@mutant("rows that were only updated are deleted")
def updated_rows_deleted() -> Iterable[Patch]:
    def change(plan: dict[str, list[Any]]) -> None:
        plan["delete"] += [{"Id": row["Id"]} for row in plan["restore"]]
        plan["restore"] = []

    yield restoration, "_sorted", _sorting(change)


@mutant("what others changed since is overwritten", "others_edit")
def others_overwritten() -> Iterable[Patch]:
    real = restoration._sort_known
    yield restoration, "_sort_known", lambda plan, row, values, ours: real(plan, row, values, True)


@mutant("a row that refused to be restored is not told", "write_refused")
def refused_rows_forgotten() -> Iterable[Patch]:
    real = Restoration.perform

    def perform(self: Restoration, effect: Any, context: Any) -> Any:
        answer = real(self, effect, context)
        return Yes([], answer.detail) if isinstance(answer, Yes) else answer

    yield Restoration, "perform", perform


@mutant("undoing a run undoes nothing")
def run_not_undone() -> Iterable[Patch]:
    yield RunSync, "undo", lambda self, inputs, context: Done({})
