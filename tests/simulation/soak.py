"""Many seeds, perhaps in several processes, and the account of all of them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import Any

from .dice import FAULTS
from .house import housed
from .simulation import Report, simulate
from .violation import Violated

CHUNK = 50
"""Seeds that one process takes at a time."""

SOMETIMES: tuple[str, ...] = (
    "adopted",
    "needs_human",
    "settled",
    "never_sent",
    "refused",
    "abandoned",
    "mistaken_for_ours",
    "takeover",
    "takeover_refused",
    "damage_refused",
    "killed_with_an_open_effect",
    "store_with_an_open_effect",
    "overtaken",
    "waived_through",
    "signed",
    "soaked",
    "verified",
    "not_verified",
    "waits_for_a_person",
    "ended_completed",
    "ended_rolled_back",
    "ended_aborted",
    *(f"decided_{d}" for d in ("proceed", "hold", "resume", "retry", "restart", "roll_back")),
    *(f"decided_{d}" for d in ("waive", "settle", "abort", "end")),
    *("closed_a_finding", "adopted_a_plan", "followed_a_plan", "plan_moved_to_held"),
    *(f"run_{s}" for s in ("completed", "failed", "canceled", "skipped")),
    *(f"rollback_from_{s}" for s in ("entry_gate", "ready", "running", "exit_gate", "sign_off")),
    "rollback_from_held",
    "rollback_from_rollback_failed",
    "rollback_from_rolled_back",
    *(f"undone_{k}" for k in ("run_sync", "set_schedule", "restrict_source", "restore_source")),
    *(f"undone_{k}" for k in ("pause_sync", "resume_sync")),
    "sign_off_to_held",
    "entry_gate_to_held",
    "running_to_held",
    "exit_gate_to_held",
)
"""States that a soak must have seen, or it proves nothing about them."""


@dataclass
class Account:
    """Of a soak."""

    seeds: int = 0
    seconds: float = 0.0
    events: int = 0
    fired: Counter[str] = field(default_factory=Counter)
    reached: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    violations: list[Report] = field(default_factory=list)

    def add(self, report: Report) -> None:
        self.seeds += 1
        self.events += report.events
        self.fired.update(report.fired)
        self.reached.update(report.reached)
        self.ends[report.end] += 1
        if report.violation is not None:
            self.violations.append(report)

    def document(self) -> dict[str, Any]:
        """To be written down, and added to others: an account of a long soak is made in parts."""
        found = [
            {"seed": r.seed, "violation": str(r.violation), "plan": r.plan} for r in self.violations
        ]
        return {
            "seeds": self.seeds,
            "seconds": round(self.seconds, 1),
            "events": self.events,
            "fired": dict(self.fired),
            "reached": dict(self.reached),
            "ends": dict(self.ends),
            "violations": found,
        }

    def take(self, document: dict[str, Any]) -> None:
        """Add what another one wrote down."""
        self.seeds += document["seeds"]
        self.seconds += document["seconds"]
        self.events += document["events"]
        self.fired.update(document["fired"])
        self.reached.update(document["reached"])
        self.ends.update(document["ends"])
        for found in document["violations"]:
            violation = Violated("kept", found["violation"])
            self.violations.append(Report(found["seed"], found["plan"], violation=violation))

    def missing(self) -> list[str]:
        """Faults that never fired and states that never were."""
        faults = [name for name in FAULTS if not self.fired[name]]
        return faults + [name for name in SOMETIMES if not self.reached[name]]


def soak(start: int, seeds: int, workers: int = 1) -> Iterator[Report]:
    """The reports of `seeds` runs from seed `start` on, in their order."""
    chunks = [
        range(first, min(first + CHUNK, start + seeds))
        for first in range(start, start + seeds, CHUNK)
    ]
    if workers <= 1:
        with housed() as house:
            for chunk in chunks:
                for seed in chunk:
                    yield simulate(seed, house)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for reports in pool.map(_chunk, chunks):
            yield from reports


def _chunk(seeds: Sequence[int]) -> list[Report]:
    with housed() as house:
        return [simulate(seed, house) for seed in seeds]


def account(start: int, seeds: int, workers: int = 1) -> Account:
    """Run them all. CPU seconds of this process with one worker, wall seconds with more."""
    kept = Account()
    clock = time.process_time if workers <= 1 else time.perf_counter
    began = clock()
    for report in soak(start, seeds, workers):
        kept.add(report)
    kept.seconds = clock() - began
    return kept
