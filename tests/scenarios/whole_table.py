"""The target's whole table before and after a rehearsal, read in the world itself: no check of ours, no
adapter, no API in between."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from rehearsing import PLAN, kinds

from rollout import wiring
from rollout.domain.events import RolledBack, StageChanged, StepUndone
from rollout.domain.state import RolloutState
from rollout.rehearsal.harness import Ready, Rehearsal, play
from rollout.rehearsal.summary import summary
from rollout.rehearsal.truth_sql import SYSTEM_FIELDS
from rollout.rehearsal.world import World

Rows = Mapping[str, tuple[Any, ...]]

FILLED_LATER = "sf_property_id__c"
"""The Salesforce workflow's own field: no sync writes it, and no rollback."""

COLLECTION_S, OTHER_S = 8, 1
"""Seconds that a call takes during a rollback, so that its duration means something. Source: the
assumption of `domain/undo_cost.py`."""


@dataclass
class Witnessed:
    """`before` as the world was built, or when the first phase of the rollback's scope began to write;
    `after` at the end. `others` is what somebody else made of a row since, None where they deleted
    it. `calls` and `took` are those of the last rollback."""

    columns: list[str]
    before: Rows
    after: Rows = field(default_factory=dict)
    others: dict[str, tuple[Any, ...] | None] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    listed: set[str] = field(default_factory=set)
    """Rows that some undo says it left."""
    told: list[RolledBack] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    took: timedelta = timedelta(0)
    state: RolloutState | None = None

    def wrong(self) -> dict[str, tuple[Any, Any]]:
        """Every row that is not as it was, or as somebody else made it: id -> (wanted, found)."""
        wanted: dict[str, Any] = {**self.before, **self.others}
        ids = wanted.keys() | self.after.keys()
        return {
            i: (wanted.get(i), self.after.get(i)) for i in ids if wanted.get(i) != self.after.get(i)
        }

    def changed_by_others(self) -> set[str]:
        """Rows of the beginning that are not what they were because of somebody else."""
        return {i for i, made in self.others.items() if i in self.before and made != self.before[i]}


def columns_of(world: World) -> list[str]:
    """Every field but those that the system itself keeps."""
    found = world.truth.select("SELECT * FROM live_product_property LIMIT 0").columns
    kept = {*(name.lower() for name in SYSTEM_FIELDS), FILLED_LATER, "id"}
    return [name for name in found if name.lower() not in kept]


def rows_of(world: World, columns: list[str]) -> dict[str, tuple[Any, ...]]:
    """Live rows by record id."""
    names = ", ".join(f'"{name}"' for name in columns)
    table = world.truth.select(f"SELECT Id, {names} FROM live_product_property")
    return {str(record): tuple(values) for record, *values in table.rows}


def witnessed(scenario: str, seed: int | None = None) -> Witnessed:
    """Rehearse a scenario on the shipped plan and watch its world."""
    seen: list[Witnessed] = []
    scope: list[_Scope] = []

    def drive(ready: Ready) -> str:
        world = ready.stage.world
        columns = columns_of(world)
        seen.append(Witnessed(columns, rows_of(world, columns)))
        turns = ready.setup.scenario.operator.turns_back
        scope.append(_Scope(world, seen[0], turns[-1].scope if turns else ""))
        _watch_others(world, seen[0])
        _watch_calls(ready, seen[0])
        return _told(play(ready), world, seen[0])

    def watch(state: RolloutState, _now: Any) -> None:
        scope[0].look(state)

    request = wiring.RehearsalRequest(PLAN, scenario, seed, {}, kinds(), watch=watch)
    wiring.run_by_hand(request, 0, drive)
    return seen[0]


@dataclass
class _Scope:
    """A rollback of a part goes back to when its first phase began to run."""

    world: World
    seen: Witnessed
    first: str
    looked: bool = False

    def look(self, state: RolloutState) -> None:
        if self.first and not self.looked and state.phases[self.first].stage == "ready":
            self.looked = True
            self.seen.before = rows_of(self.world, self.seen.columns)
            self.seen.others.clear()


def _told(done: Rehearsal, world: World, seen: Witnessed) -> str:
    seen.after = rows_of(world, seen.columns)
    seen.summary, seen.state = summary(done, 0.0), done.state
    began = None
    for event in done.log.read(done.plan.plan):
        match event.payload:
            case RolledBack() as told:
                seen.told.append(told)
            case StepUndone(outputs={"left": str(left)}):
                seen.listed |= set(done.evidence.get(left)["ids"])
            case StageChanged(target="rolling_back"):
                began = event.at
            case StageChanged(target="rolled_back"):
                assert began is not None
                seen.took = event.at - began
    return done.outcome


def _watch_others(world: World, seen: Witnessed) -> None:
    """What a fault's statement makes of the target is somebody else's change."""
    run = world.run_statement

    def run_and_compare(statement: str, on: Any) -> int:
        was = rows_of(world, seen.columns) if on == "salesforce" else {}
        count = run(statement, on)
        now = rows_of(world, seen.columns) if on == "salesforce" else {}
        changed = {i for i in was.keys() | now.keys() if was.get(i) != now.get(i)}
        seen.others |= {i: now.get(i) for i in changed}
        return count

    world.run_statement = run_and_compare  # type: ignore[method-assign,assignment]


def _watch_calls(ready: Ready, seen: Witnessed) -> None:
    """While a rollback goes on, each call is counted and takes its time."""
    app, stage = ready.stage.app, ready.stage
    answer = app.on_request
    assert answer is not None

    def note(method: str, path: str) -> Any:
        phase = ready.controller.state.current_phase()
        if phase is not None and phase.stage == "rolling_back":
            writes = method != "GET" and path.endswith("/composite/sobjects")
            seen.calls[f"{method} {'sobjects' if writes else path.split('/')[1]}"] += 1
            wait = COLLECTION_S if writes else OTHER_S
            stage.clock.advance_to(stage.clock.now() + timedelta(seconds=wait))
        elif phase is not None and phase.stage != "rolled_back":
            seen.calls.clear()
        return answer(method, path)

    app.on_request = note
