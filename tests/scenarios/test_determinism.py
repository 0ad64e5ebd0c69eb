"""The same command gives the same bytes, whatever the process; another seed gives another world."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

from rehearsing import PLAN, ROOT, rehearsed

SCENARIO = "view_drift"
"""Goes through the pilot and stops before Sync A: long enough for every kind of event."""


def _rehearse(state: Path, *, hash_seed: str) -> tuple[dict[str, object], list[tuple[object, ...]]]:
    command = [sys.executable, "-m", "rollout", "rehearse", str(PLAN), "--scenario", SCENARIO]
    done = subprocess.run(
        [*command, "--state", str(state), "--json"],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 1, done.stderr
    with sqlite3.connect(state) as store:
        rows = store.execute("SELECT * FROM events ORDER BY seq").fetchall()
    summary = json.loads(done.stdout)
    summary.pop("wall_s")
    return summary, rows


def test_another_hash_seed_gives_identical_log_bytes_and_head(tmp_path: Path) -> None:
    first, first_rows = _rehearse(tmp_path / "one.db", hash_seed="1")
    second, second_rows = _rehearse(tmp_path / "two.db", hash_seed="20260106")
    assert first_rows == second_rows
    assert first == second
    assert first["log_head"] == second_rows[-1][-1]


def test_another_seed_is_another_world_with_the_same_verdicts() -> None:
    one, two = rehearsed(SCENARIO), rehearsed(SCENARIO, 77)
    assert one.summary["log_head"] != two.summary["log_head"]
    verdicts = [
        [(g["gate"], c["id"], c["verdict"]) for g in done.summary["gates"] for c in g["checks"]]
        for done in (one, two)
    ]
    assert verdicts[0] == verdicts[1]
