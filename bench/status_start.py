"""How long the read path takes from a cold process on a long log, against `python -c pass`.

Each arm is a whole process; arms run in turns. Prints one JSON line per arm, then a table.

    python bench/status_start.py --rounds 15 --events 100000
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from rollout.domain.events import Payload, SoakStarted, StepProgressed
from rollout.store.opening import open_store
from rollout.store.verification import verify_store

NOW = datetime(2026, 1, 6, 18, tzinfo=UTC)
TAIL = 500
"""Events behind the newest snapshot."""

FLOOR = """
import argparse, sqlite3, sys
c = sqlite3.connect("file:" + sys.argv[1] + "?mode=ro", uri=True)
print(c.execute("SELECT seq, hash FROM events ORDER BY rollout, seq DESC LIMIT 1").fetchone())
"""
READING = """
import argparse, sys
from rollout.store.reading import open_readonly
with open_readonly(sys.argv[1]) as reader:
    name = reader.rollouts()[0]
    head, snapshot = reader.head(name), reader.latest_snapshot(name)
    tail = reader.events(name, after=snapshot[0].seq)
    print(head.seq, len(tail))
"""
WRITING = """
import sys
from rollout.store.opening import open_store
open_store(sys.argv[1], create=False).close()
"""
VERIFYING = """
import sys
from rollout.store.verification import verify_store
assert verify_store(sys.argv[1]).ok
"""


def fill(path: Path, count: int) -> None:
    with open_store(path, create=True, relaxed=True) as store:
        done = 0
        while done < count:
            batch: list[Payload] = [
                StepProgressed(
                    phase="p", attempt=1, step="s", memory={"n": done + n, "t": "x" * 150}
                )
                if n % 2
                else SoakStarted(phase="monitoring", attempt=1)
                for n in range(min(1000, count - done))
            ]
            store.log.append("r", done, NOW, "rollout", batch)
            done += len(batch)
            if done <= count - TAIL:
                store.log.save_snapshot("r", store.log.head("r"), b'{"phases":[]}' * 3000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--events", type=int, default=100_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rollout.db"
        fill(path, options.events)
        arms = {
            "python -c pass": "pass",
            "argparse + sqlite3": FLOOR,
            "rollout.store.reading": READING,
            "open_store": WRITING,
            "verify_store": VERIFYING,
        }
        taken: dict[str, list[float]] = {name: [] for name in arms}
        for _ in range(options.rounds):
            for name, script in arms.items():
                began = time.perf_counter()
                subprocess.run(
                    [sys.executable, "-c", script, str(path)], check=True, capture_output=True
                )
                taken[name].append((time.perf_counter() - began) * 1e3)
        base = taken["python -c pass"]
        rows = [
            (name, median(ms), median(m / b for m, b in zip(ms, base, strict=True)))
            for name, ms in taken.items()
        ]
        began = time.perf_counter()
        with open_store(path, create=False):
            opening = time.perf_counter() - began
        began = time.perf_counter()
        assert verify_store(path).ok
        verifying = time.perf_counter() - began
        size = path.stat().st_size
    for name, ms, ratio in rows:
        print(json.dumps({"arm": name, "ms": round(ms, 1), "x_pass": round(ratio, 2)}))
    print(
        json.dumps(
            {
                "events": options.events,
                "file_mb": round(size / 1e6, 1),
                "open_store_s": round(opening, 3),
                "verify_store_s": round(verifying, 3),
            }
        )
    )
    print(
        f"\n{'whole process, ' + format(options.events, ',') + ' events':<34}{'ms':>8}{'x pass':>8}"
    )
    for name, ms, ratio in rows:
        print(f"{name:<34}{ms:>8.1f}{ratio:>8.2f}")


if __name__ == "__main__":
    main()
