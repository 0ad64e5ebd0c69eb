"""What an append costs, against a bare sqlite3 insert with the same pragmas, measured in turns.

Prints one JSON line per arm, then a table. Ratios are medians of paired rounds, because the disk's
speed wanders more than the difference that is looked for.

    python bench/append.py --rounds 9
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from rollout.domain.chain import genesis
from rollout.domain.events import Measured, Payload
from rollout.domain.evidence import Verdict
from rollout.ports import EventLog, Head
from rollout.store.memory import MemoryEventLog
from rollout.store.opening import open_store
from rollout.store.rows import Row, seal
from rollout.store.sqlite_rules import DURABLE, RELAXED, set_pragmas

NOW = datetime(2026, 1, 6, 18, tzinfo=UTC)
BATCH = 20
SAMPLE = Measured(
    phase="full_sync_b",
    attempt=1,
    moment="exit",
    gate="sync_verified",
    round=3,
    check="error_rate",
    verdict=Verdict.PASS,
    reason="7,974 of 7,980 rows were accepted, 0.08 % failed",
    observed={"error_rate": 0.0008, "rows": 7980, "failed": 6},
    evidence="a" * 64,
)
Arm = Callable[[int], float]


def bare(path: Path | None, pragmas: dict[str, str | int], batch: int) -> Arm:
    """Rows made beforehand, put into a table of the same columns; nothing is read or checked."""
    connection = sqlite3.connect(path or ":memory:", isolation_level=None)
    set_pragmas(connection, ((k, v) for k, v in pragmas.items() if path or k != "journal_mode"), "")
    connection.execute(
        "CREATE TABLE events (rollout TEXT NOT NULL, seq INTEGER NOT NULL, at TEXT NOT NULL,"
        " actor TEXT NOT NULL, kind TEXT NOT NULL, version INTEGER NOT NULL, payload BLOB NOT NULL,"
        " prev TEXT NOT NULL, hash TEXT NOT NULL, PRIMARY KEY (rollout, seq)) WITHOUT ROWID"
    )
    head = Head(seq=0, hash=genesis("r"))

    def run(count: int) -> float:
        nonlocal head
        rows: list[Row] = seal("r", head, NOW, "rollout", [SAMPLE] * count)[0]
        head = Head(seq=rows[-1][1], hash=rows[-1][-1])
        began = time.perf_counter()
        for start in range(0, count, batch):
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(
                "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows[start : start + batch]
            )
            connection.commit()
        return time.perf_counter() - began

    return run


def ours(log: EventLog, batch: int) -> Arm:
    """Read the head, check, encode, hash, insert, commit, and hand back the events."""
    payloads: list[Payload] = [SAMPLE] * batch
    seq = 0

    def run(count: int) -> float:
        nonlocal seq
        began = time.perf_counter()
        for _ in range(0, count, batch):
            log.append("r", seq, NOW, "rollout", payloads)
            seq += batch
        return time.perf_counter() - began

    return run


def measure(arms: dict[str, Arm], rounds: int, count: int) -> dict[str, list[float]]:
    """Microseconds per event of each arm, one figure a round, the arms in turns."""
    taken: dict[str, list[float]] = {name: [] for name in arms}
    for arm in arms.values():
        arm(count)
    for _ in range(rounds):
        for name, arm in arms.items():
            taken[name].append(arm(count) / count * 1e6)
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--folder", type=Path, default=None, help="on the disk to be measured")
    options = parser.parse_args()
    table: list[tuple[str, float, float]] = []
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        for label, is_file, relaxed, batch, count in (
            ("durable file, one event a commit", True, False, 1, 60),
            (f"durable file, {BATCH} events a commit", True, False, BATCH, 60 * BATCH),
            ("relaxed file, one event a commit", True, True, 1, 1000),
            ("memory, one event a commit", False, True, 1, 2000),
            (f"memory, {BATCH} events a commit", False, True, BATCH, 4000),
        ):
            pragmas = RELAXED if relaxed else DURABLE
            stem = f"{len(table)}"
            bare_path = folder / f"bare{stem}.db" if is_file else None
            place = folder / f"ours{stem}.db" if is_file else Path(":memory:")
            with open_store(place, create=True, relaxed=relaxed) as store:
                arms = {
                    "bare sqlite3": bare(bare_path, pragmas, batch),
                    "event log": ours(store.log, batch),
                }
                taken = measure(arms, options.rounds, count)
            ratio = median(
                o / b for b, o in zip(taken["bare sqlite3"], taken["event log"], strict=True)
            )
            for arm, figures in taken.items():
                line = {"case": label, "arm": arm, "us_per_event": round(median(figures), 1)}
                print(json.dumps(line | ({"ratio": round(ratio, 2)} if arm == "event log" else {})))
            table.append((label, median(taken["event log"]), ratio))
        lists = measure({"lists": ours(MemoryEventLog(), 1)}, options.rounds, 2000)["lists"]
        print(json.dumps({"case": "MemoryEventLog", "us_per_event": round(median(lists), 1)}))
    print(f"\n{'case':<38}{'us/event':>10}{'x bare':>8}")
    for label, figure, ratio in table:
        print(f"{label:<38}{figure:>10.1f}{ratio:>8.2f}")


if __name__ == "__main__":
    main()
