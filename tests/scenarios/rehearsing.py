"""Rehearse a shipped scenario once per test run, and keep its summary and its events."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from rollout import wiring
from rollout.domain.events import Event, Measured
from rollout.rehearsal.harness import Rehearsal
from rollout.rehearsal.summary import summary

ROOT = Path(__file__).resolve().parents[2]
PLAN = ROOT / "plans" / "property_sync.yaml"
SCENARIOS = sorted(path.stem for path in (PLAN.parent / "scenarios").glob("*.yaml"))
WAY_BACK = [
    "all_the_way_back",
    "back_after_lost_trigger",
    "back_from_pilot",
    "back_from_watch",
    "back_in_sync_a",
    "back_in_sync_b",
    "day3_rolled_back",
]
"""They end rolled back, and `test_row_for_row` rehearses them."""


@dataclass(frozen=True)
class Rehearsed:
    rehearsal: Rehearsal
    summary: dict[str, Any]
    events: list[Event]
    documents: list[Any]
    """The plan, and what was measured."""

    def check(self, name: str, phase: str | None = None) -> dict[str, Any]:
        """The newest evaluation of a check."""
        found = [
            check
            for gate in self.summary["gates"]
            if phase in {None, gate["phase"]}
            for check in gate["checks"]
            if check["id"] == name
        ]
        assert found, f"{name} was never evaluated"
        last: dict[str, Any] = found[-1]
        return last

    def gate(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = [g for g in self.summary["gates"] if g["gate"] == name][-1]
        return found

    def fault(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = next(f for f in self.summary["faults"] if f["id"] == name)
        return found


@cache
def kinds() -> wiring.Kinds:
    return wiring.installed_kinds()


@lru_cache(maxsize=4)
def rehearsed(name: str, seed: int | None = None) -> Rehearsed:
    """In memory, on the shipped plan."""
    request = wiring.RehearsalRequest(PLAN, name, seed, {}, kinds())
    told: dict[str, Any] = {}
    events: list[Event] = []
    documents: list[Any] = []

    def tell(done: Rehearsal, _store: object) -> None:
        told.update(summary(done, 0.0))
        events.extend(done.log.read(done.state.rollout))
        measured = [e.payload.evidence for e in events if isinstance(e.payload, Measured)]
        digests = dict.fromkeys([done.state.plan_sha256, *measured])
        documents.extend(done.evidence.get(digest) for digest in digests if digest)

    return Rehearsed(wiring.run_rehearsal(request, tell), told, events, documents)
