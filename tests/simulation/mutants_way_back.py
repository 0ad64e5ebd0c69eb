"""Mistakes on the way back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from fakes import CENSUS_USER

from rollout.domain import decide, restoring
from rollout.domain.effects import Yes
from rollout.domain.instants import from_text
from rollout.domain.restoring import Before, Delete, Sorted, Target, sort_rows
from rollout.domain.undo_order import newest_first
from rollout.engine import rollback
from rollout.engine.effects import EffectRunner
from rollout.engine.rollback import RollbackRunner
from rollout.kinds import Done
from rollout.steps import end_runs, restoration, run_sync
from rollout.steps.restoration import Restoration
from rollout.steps.run_record import still_going
from rollout.steps.run_sync import RunSync
from rollout.steps.sync_settings import SetSchedule

from .mutants import Patch, mutant

LONG = ("reverting", "whole", "watched")
"""Plans of more than one phase."""


@mutant(
    "a refused trigger is sent again while everything goes back", "status_429", "refused", "whim"
)
def rollback_triggers_again() -> Iterable[Patch]:
    yield EffectRunner, "close", EffectRunner.settle


@mutant("the syncs are not paused before anything is undone", "whim")
def rollback_without_pause() -> Iterable[Patch]:
    yield RollbackRunner, "_side_by_side", lambda self, phase, specs: ""


@mutant("what nobody knows the end of is not settled before anything is undone", "lost_request")
def rollback_over_open_requests() -> Iterable[Patch]:
    yield RollbackRunner, "_close", lambda self, phase: True


@mutant("nobody waits for runs before anything is undone", "whim")
def rollback_while_running() -> Iterable[Patch]:
    yield end_runs, "_going", lambda context: iter(())
    yield run_sync, "_going", lambda service, sync_id, ours: None


@mutant("a run of ours is looked for in a list that lags", "lagging_list", "decides_meanwhile")
def rollback_trusts_the_list() -> Iterable[Patch]:
    yield end_runs, "_unfinished", lambda name, context: []
    yield run_sync, "_going", lambda service, sync_id, ours: still_going(service, sync_id)


@mutant("a rollback needs no proof")
def rollback_unproven() -> Iterable[Patch]:
    def prove(self: RollbackRunner, phase: Any, gates: Any) -> Any:
        return self._end(phase, "undone", "trust me", self._summary(phase, verified=True))

    yield RollbackRunner, "_prove", prove


@mutant("a proof that was waived counts as a proof", "whim")
def waived_proof_counts() -> Iterable[Patch]:
    real = RollbackRunner._summary

    def summary(self: RollbackRunner, phase: Any, *, verified: bool) -> Any:
        return real(self, phase, verified=True)

    yield RollbackRunner, "_summary", summary


def _sorting(change: Callable[[Sorted], None]) -> Any:
    real = sort_rows

    def sorted_(target: Any, before: Any, later: Any = ()) -> Sorted:
        found = real(target, before, later)
        change(found)
        return found

    return sorted_


@mutant("created rows are not deleted")
def created_rows_left() -> Iterable[Patch]:
    def change(found: Sorted) -> None:
        found.delete.clear()

    yield restoration, "sort_rows", _sorting(change)


@mutant("rows that were only updated are deleted")
def updated_rows_deleted() -> Iterable[Patch]:
    def change(found: Sorted) -> None:
        found.delete += [Delete(row.id, row.key) for row in found.restore]
        found.restore.clear()

    yield restoration, "sort_rows", _sorting(change)


@mutant("what others changed since is overwritten", "others_edit")
def others_overwritten() -> Iterable[Patch]:
    """Both guards are gone: the look over all rows, and the second one just before a row is written."""
    yield Target, "is_ours", lambda self, row: True
    yield from not_looked_at_again()


@mutant("rows are not looked at again before they are written", "others_edit")
def not_looked_at_again() -> Iterable[Patch]:
    def changed_last_by(store: Any, target: str, ids: Any) -> dict[str, str]:
        return dict.fromkeys(ids, CENSUS_USER)

    yield restoration, "changed_last_by", changed_last_by


@mutant("a row that refused to be restored is not told", "write_refused")
def refused_rows_forgotten() -> Iterable[Patch]:
    real = Restoration.perform

    def perform(self: Restoration, effect: Any, context: Any) -> Any:
        answer = real(self, effect, context)
        if not isinstance(answer, Yes):
            return answer
        return Yes({**answer.value, "refused": {}}, answer.detail)

    yield Restoration, "perform", perform


@mutant("what others had made of a row by a later baseline is forgotten", "others_edit", plans=LONG)
def later_baselines_forgotten() -> Iterable[Patch]:
    yield restoring, "_stays", lambda later, before, record: None


@mutant("a clock decides what somebody changed since a baseline", "others_edit")
def clock_decides_whose() -> Iterable[Patch]:
    def theirs_since(self: Before, record: str, before: Before) -> bool:
        found = self.theirs.get(record)
        return found is not None and from_text(found[1]) >= before.taken_at

    yield Before, "theirs_since", theirs_since


@mutant("more is undone than was named", "whim", plans=LONG)
def scope_ignored() -> Iterable[Patch]:
    real = RollbackRunner._to_undo
    yield RollbackRunner, "_to_undo", lambda self, first="": real(self, "")


@mutant("the oldest step is undone first", plans=LONG)
def oldest_undone_first() -> Iterable[Patch]:
    def oldest_first(state: Any, first: str = "") -> Any:
        return list(reversed(newest_first(state, first)))

    yield rollback, "newest_first", oldest_first


@mutant("after a rollback a retry begins with the phase that was under way", "whim", plans=LONG)
def retry_begins_too_late() -> Iterable[Patch]:
    yield decide, "_first_undone", lambda case: case.phase.id


@mutant("a schedule is not given back", plans=("settings", "whole", "watched"))
def schedule_not_given_back() -> Iterable[Patch]:
    yield SetSchedule, "undo", lambda self, inputs, context: Done({})


@mutant("a rollback that failed does not say what is left", "write_refused")
def failure_says_nothing() -> Iterable[Patch]:
    def fail(
        self: RollbackRunner, phase: Any, why: str, left: Any, go_on: str, rows: int = 0
    ) -> Any:
        return self._end(phase, "undo_failed", "sorry", self._summary(phase, verified=False))

    yield RollbackRunner, "_fail", fail


@mutant("undoing a run undoes nothing")
def run_not_undone() -> Iterable[Patch]:
    yield RunSync, "undo", lambda self, inputs, context: Done({})
