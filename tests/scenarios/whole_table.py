"""The target's whole table before and after a rehearsal, read in the world itself: no check of ours, no
adapter, no API in between."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rehearsing import PLAN, kinds

from rollout import wiring
from rollout.rehearsal.harness import Ready, Rehearsal, play
from rollout.rehearsal.summary import summary
from rollout.rehearsal.truth_sql import SYSTEM_FIELDS
from rollout.rehearsal.world import World

Rows = Mapping[str, tuple[Any, ...]]

FILLED_LATER = "sf_property_id__c"
"""The Salesforce workflow's own field: no sync writes it, and no rollback."""


@dataclass
class Witnessed:
    """`before` as the world was built, `after` at the end; `others` is what somebody else made of a
    row, None where they deleted it. `requests` are the calls that Salesforce was sent."""

    before: Rows
    columns: list[str]
    after: Rows = field(default_factory=dict)
    others: dict[str, tuple[Any, ...] | None] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    rehearsal: Rehearsal | None = None
    requests: list[tuple[str, str]] = field(default_factory=list)

    def wrong(self) -> dict[str, tuple[Any, Any]]:
        """Every row that is not as it was, or as somebody else made it: id -> (wanted, found)."""
        wanted: dict[str, Any] = {**self.before, **self.others}
        ids = wanted.keys() | self.after.keys()
        return {
            i: (wanted.get(i), self.after.get(i)) for i in ids if wanted.get(i) != self.after.get(i)
        }


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


def witnessed(scenario: str, seed: int | None = None, **overrides: Any) -> Witnessed:
    """Rehearse a scenario on the shipped plan and watch its world."""
    seen: list[Witnessed] = []

    def drive(ready: Ready) -> str:
        seen.append(_played(ready))
        return seen[0].summary["outcome"]  # type: ignore[no-any-return]

    request = wiring.RehearsalRequest(PLAN, scenario, seed, {}, kinds(), overrides=overrides)
    wiring.run_by_hand(request, 0, drive)
    return seen[0]


def _played(ready: Ready) -> Witnessed:
    world = ready.stage.world
    columns = columns_of(world)
    seen = Witnessed(rows_of(world, columns), columns)
    _watch_others(ready, seen)
    _watch_requests(ready, seen)
    seen.rehearsal = play(ready)
    seen.after = rows_of(world, columns)
    seen.summary = summary(seen.rehearsal, 0.0)
    return seen


def _watch_others(ready: Ready, seen: Witnessed) -> None:
    """What a fault's statement makes of the target is somebody else's change."""
    world, run = ready.stage.world, ready.stage.world.run_statement

    def run_and_compare(statement: str, on: Any) -> int:
        was = rows_of(world, seen.columns) if on == "salesforce" else {}
        count = run(statement, on)
        now = rows_of(world, seen.columns) if on == "salesforce" else {}
        changed = {i for i in was.keys() | now.keys() if was.get(i) != now.get(i)}
        seen.others |= {i: now.get(i) for i in changed}
        return count

    world.run_statement = run_and_compare  # type: ignore[method-assign,assignment]


def _watch_requests(ready: Ready, seen: Witnessed) -> None:
    app = ready.stage.app
    answer = app.on_request
    assert answer is not None

    def note(method: str, path: str) -> Any:
        seen.requests.append((method, path))
        return answer(method, path)

    app.on_request = note
