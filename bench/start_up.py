"""How long `rollout status` and `log` take as whole processes on a long log, against `python -c pass`.

The log is that of a watch: one gate of 20 checks asked again and again, a snapshot now and then,
as the engine writes them. Each arm is a whole process; arms run in turns, and ratios are medians
of the ratios of one round, because the machine's speed wanders. Prints one JSON line per arm,
then a table; ends with 1 when `status` needs more than 6 times `python -c pass`.

    python bench/start_up.py --rounds 15 --events 100000
"""

from __future__ import annotations

import argparse
import json
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
    SoakStarted,
    StageChanged,
)
from rollout.domain.evidence import Decision, Verdict
from rollout.domain.fold import fold
from rollout.domain.snapshot import encode_state
from rollout.domain.state import RolloutState
from rollout.store.opening import Store, open_store

START = datetime(2026, 1, 6, 18, tzinfo=UTC)
NAME = "bench"
CHECKS = [f"check_{n:02}" for n in range(20)]
GOAL = 6.0
"""Times `python -c pass` that `rollout status` may take on 100,000 events (the design, section 11)."""

SNAPSHOT_EVERY = 2000
TAIL = 1500
"""Events behind the newest snapshot."""


def _opening(store: Store) -> list[Payload]:
    gates = {
        "watch": {
            "gate": "watch",
            "title": "The watch",
            "checks": [{"check": c, "kind": "sql", "title": f"Title of {c}"} for c in CHECKS],
        }
    }
    digest = store.evidence.put({"plan": NAME, "title": "Bench", "phases": [], "gates": gates})
    created = RolloutCreated(
        plan=NAME,
        title="Bench",
        plan_sha256=digest,
        profile="rehearsal",
        phases=[PhaseOutline(id="monitoring", title="Monitoring")],
        params={},
    )
    running = StageChanged(
        phase="monitoring", attempt=1, trigger="proceed", source="ready", target="running"
    )
    return [created, running, SoakStarted(phase="monitoring", attempt=1)]


def _round(number: int) -> list[Payload]:
    """One look: every check measured four times, then concluded and decided."""
    moment = f"every:1m#{number}"
    opened = GateOpened(
        phase="monitoring", attempt=1, moment=moment, gate="watch", round=1, checks=CHECKS
    )
    measured = [
        Measured(
            phase="monitoring",
            attempt=1,
            moment=moment,
            gate="watch",
            round=1,
            check=check,
            verdict=Verdict.PASS,
            reason="error_rate is 0.08 %, required <= 1 %",
            observed={"error_rate": 0.0008, "rows": 7980 + sample, "failed": 6},
            evidence=None,
        )
        for sample in range(4)
        for check in CHECKS
    ]
    concluded = [
        CheckConcluded(
            phase="monitoring",
            attempt=1,
            moment=moment,
            gate="watch",
            round=1,
            check=check,
            verdict=Verdict.PASS,
            reason="error_rate is 0.08 %, required <= 1 %",
        )
        for check in CHECKS
    ]
    decided = GateDecided(
        phase="monitoring",
        attempt=1,
        moment=moment,
        gate="watch",
        round=1,
        decision=Decision.GO,
        reasons=[],
        evidence_sha256="0" * 64,
    )
    return [opened, *measured, *concluded, decided]


def fill(path: Path, count: int) -> None:
    """A store of `count` events and its snapshots."""
    with open_store(path, create=True, relaxed=True) as store:
        state, now, number, saved = RolloutState(), START, 0, 0
        batch = _opening(store)
        while state.seq < count:
            events = store.log.append(NAME, state.seq, now, "rollout", batch[: count - state.seq])
            fold(events, state)
            if state.seq - saved >= SNAPSHOT_EVERY and state.seq <= count - TAIL:
                store.log.save_snapshot(NAME, store.log.head(NAME), encode_state(state))
                saved = state.seq
            number, now = number + 1, now + timedelta(minutes=1)
            batch = _round(number)


def arms(path: Path) -> dict[str, list[str]]:
    run = [sys.executable, "-m", "rollout"]
    at = ["--state", str(path)]
    return {
        "python -c pass": [sys.executable, "-c", "pass"],
        "rollout status": [*run, "status", *at],
        "rollout status --json": [*run, "status", *at, "--json"],
        "rollout log --limit 20": [*run, "log", *at, "--limit", "20"],
        "rollout --help": [*run, "--help"],
    }


def measure(path: Path, rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each arm, one figure a round."""
    taken: dict[str, list[float]] = {name: [] for name in arms(path)}
    for _ in range(rounds):
        for name, command in arms(path).items():
            began = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            taken[name].append((time.perf_counter() - began) * 1e3)
    return taken


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--events", type=int, default=100_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rollout.db"
        fill(path, options.events)
        size = path.stat().st_size
        taken = measure(path, options.rounds)
    base = taken["python -c pass"]
    rows = [
        (name, median(ms), median(m / b for m, b in zip(ms, base, strict=True)))
        for name, ms in taken.items()
    ]
    for name, ms, ratio in rows:
        print(json.dumps({"arm": name, "ms": round(ms, 1), "x_pass": round(ratio, 2)}))
    print(json.dumps({"events": options.events, "file_mb": round(size / 1e6, 1)}))
    print(f"\n{format(options.events, ',') + ' events, whole process':<34}{'ms':>8}{'x pass':>8}")
    for name, ms, ratio in rows:
        print(f"{name:<34}{ms:>8.1f}{ratio:>8.2f}")
    return 0 if {n: r for n, _, r in rows}["rollout status"] <= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
