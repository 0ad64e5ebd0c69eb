"""How long `rollout report` takes on a watch of 48 hours, a minute apart, 20 checks: 57,600 measurements.

One gate, a snapshot now and then, as the engine writes them. Each arm is a whole process, told by its
own CPU time, because the machine's speed wanders; arms run in turns and ratios are medians of one
round's. Prints one JSON line per arm, then a table. Ends with 1 when the page needs more CPU than 45
times `python -c pass` (a second, where that takes 22 ms) or more than 1 MiB.

    python bench/report.py --rounds 7
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from rollout.domain.events import (
    CheckConcluded,
    GateDecided,
    GateOpened,
    Measured,
    Payload,
    PhaseOutline,
    RolloutCreated,
    StageChanged,
)
from rollout.domain.evidence import Decision, Verdict
from rollout.domain.fold import fold
from rollout.domain.plan import Plan
from rollout.domain.snapshot import encode_state
from rollout.domain.state import RolloutState
from rollout.store.opening import open_store

START = datetime(2026, 1, 15, 18, tzinfo=UTC)
NAME = "bench"
CHECKS = [f"check_{n:02}" for n in range(20)]
MINUTES = 48 * 60
SNAPSHOT_EVERY = 2000
PLACE = {"phase": "watch", "attempt": 1, "moment": "soak", "gate": "watch", "round": 1}

GOAL = 45.0
PAGE_BYTES = 2**20

ONE = ("report", "--gate", "watch")


def plan() -> Plan:
    checks = [
        {
            "check": name,
            "kind": "sql",
            "title": f"The figure of {name} stays where it should",
            "go": {"value": "<= 50"},
            "owner": "data_engineering",
            "if_it_fails": "Look at the figure of the minute before.",
            "inputs": {"sql": f"SELECT value FROM figures WHERE name = '{name}'"},
        }
        for name in CHECKS
    ]
    phase = {"phase": "watch", "title": "48 hours", "exit": ["watch"]}
    return Plan.model_validate(
        {
            "plan": NAME,
            "title": "Bench",
            "timezone": "America/Los_Angeles",
            "phases": [phase],
            "gates": {"watch": {"gate": "watch", "title": "All is well", "checks": checks}},
        }
    )


def fill(path: Path) -> int:
    """A store with the whole watch; how many measurements it holds."""
    asked = plan()
    with open_store(path, create=True, relaxed=True) as store:
        digest = store.evidence.put(asked.model_dump(mode="json", by_alias=True))
        samples = {check: store.evidence.put(_sample(check)) for check in CHECKS}
        state, now = RolloutState(), START
        created = RolloutCreated(
            plan=NAME,
            title="Bench",
            plan_sha256=digest,
            profile="prod",
            phases=[PhaseOutline(id="watch", title="48 hours", steps=[])],
            params={},
        )
        batches: list[list[Payload]] = [[created, _stage(), GateOpened(**PLACE, checks=CHECKS)]]  # type: ignore[arg-type]
        batches += [_minute(minute, samples) for minute in range(MINUTES)]
        batches.append(_end())
        for batch in batches:
            now += timedelta(minutes=1)
            state = fold(store.log.append(NAME, state.seq, now, "rollout", batch), state)
            if state.seq % SNAPSHOT_EVERY < len(batch):
                store.log.save_snapshot(NAME, store.log.head(NAME), encode_state(state))
    return MINUTES * len(CHECKS)


def _stage() -> StageChanged:
    return StageChanged(
        phase="watch", attempt=1, trigger="open_entry", source="pending", target="exit_gate"
    )


def _minute(minute: int, samples: dict[str, str]) -> list[Payload]:
    return [
        Measured(
            **PLACE,  # type: ignore[arg-type]
            check=check,
            verdict=Verdict.PASS,
            reason="value is fine, required at most 50",
            observed={"value": round(25 + 20 * math.sin(minute / 200 + n), 3), "population": 18722},
            evidence=samples[check],
        )
        for n, check in enumerate(CHECKS)
    ]


def _end() -> list[Payload]:
    concluded: list[Payload] = [
        CheckConcluded(**PLACE, check=check, verdict=Verdict.PASS, reason="fine")  # type: ignore[arg-type]
        for check in CHECKS
    ]
    decided = GateDecided(**PLACE, decision=Decision.GO, reasons=[], evidence_sha256="0" * 64)  # type: ignore[arg-type]
    return [*concluded, decided]


def _sample(check: str) -> dict[str, object]:
    row = {"property_key": "00865a1e-acc5-407a-a38f-0f04bf85ea63", "name": "Acme", "value": 25}
    return {
        "check": check,
        "taken_at": START,
        "observation": {
            "metrics": {"value": 25.0, "population": 18722},
            "source": "warehouse",
            "query": f"SELECT value FROM figures WHERE name = '{check}'",
            "as_of": START,
            "sample": [row] * 20,
        },
        "judgement": {
            "verdict": "pass",
            "reason": "value is fine, required at most 50",
            "rulings": [
                {
                    "metric": "value",
                    "observed": 25.0,
                    "condition": "<= 50",
                    "met": True,
                    "margin": 25.0,
                }
            ],
        },
    }


def cpu_of(command: list[str]) -> tuple[float, float]:
    """Seconds of CPU and of wall time of a process of its own."""
    before, began = os.times(), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    wall, after = time.perf_counter() - began, os.times()
    spent = after.children_user + after.children_system
    return spent - before.children_user - before.children_system, wall


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store, page = folder / "rollout.db", folder / "gate.html"
        measured = fill(store)
        rollout = [sys.executable, "-m", "rollout"]
        where = ["--state", str(store)]
        arms = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "rollout status": [*rollout, "status", *where],
            "report, HTML": [*rollout, *ONE, *where, "--out", str(page)],
            "report, JSON": [*rollout, *ONE, *where, "--out", str(folder / "gate.json")],
            "report, JUnit": [*rollout, *ONE, *where, "--out", str(folder / "gate.xml")],
        }
        taken: dict[str, list[tuple[float, float]]] = {arm: [] for arm in arms}
        for _ in range(options.rounds):
            for arm, command in arms.items():
                taken[arm].append(cpu_of(command))
        sizes = {
            "report, HTML": page.stat().st_size,
            "report, JSON": (folder / "gate.json").stat().st_size,
        }
    return _tell(taken, sizes, measured)


def _tell(taken: dict[str, list[tuple[float, float]]], sizes: dict[str, int], measured: int) -> int:
    base = [cpu for cpu, _ in taken["python -c pass"]]
    rows = [
        (
            arm,
            median(cpu for cpu, _ in runs),
            median(wall for _, wall in runs),
            median(cpu / floor for (cpu, _), floor in zip(runs, base, strict=True)),
        )
        for arm, runs in taken.items()
    ]
    for arm, cpu, wall, ratio in rows:
        said = {
            "arm": arm,
            "cpu_s": round(cpu, 3),
            "wall_s": round(wall, 3),
            "x_pass": round(ratio, 1),
        }
        print(json.dumps({**said, "bytes": sizes.get(arm), "measurements": measured}))
    print(f"\n{f'{measured:,} measurements':<24}{'cpu s':>8}{'wall s':>8}{'x pass':>8}{'kB':>8}")
    for arm, cpu, wall, ratio in rows:
        size = f"{sizes[arm] / 1000:,.0f}" if arm in sizes else ""
        print(f"{arm:<24}{cpu:>8.2f}{wall:>8.2f}{ratio:>8.1f}{size:>8}")
    ratio = next(row[-1] for row in rows if row[0] == "report, HTML")
    return int(ratio > GOAL or sizes["report, HTML"] > PAGE_BYTES)


if __name__ == "__main__":
    sys.exit(main())
