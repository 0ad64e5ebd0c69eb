"""The same command gives the same bytes, whatever the process; another seed gives another world."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from rehearsing import PLAN, ROOT, rehearsed

from rollout.store.reading import open_readonly

SCENARIO = "view_drift"
"""Goes through the pilot and stops before Sync A: long enough for every kind of event."""


def _rehearse(state: Path, *, hash_seed: str) -> dict[str, object]:
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
    told: dict[str, object] = json.loads(done.stdout)
    return told


def test_another_process_with_another_hash_seed_gives_identical_events_and_head(
    tmp_path: Path,
) -> None:
    """This process has a hash seed of its own, a random one unless somebody set it."""
    state = tmp_path / "other.db"
    other = "20260106" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
    there, here = _rehearse(state, hash_seed=other), rehearsed(SCENARIO)
    with open_readonly(state) as reader:
        assert list(reader.events(here.rehearsal.plan.plan)) == here.events
    with sqlite3.connect(state) as store:
        (last,) = store.execute("SELECT * FROM events ORDER BY seq DESC LIMIT 1").fetchall()
    assert there["log_head"] == last[-1]
    mine = json.loads(json.dumps(here.summary))
    assert {**there, "wall_s": 0} == {**mine, "wall_s": 0}


@pytest.mark.slow
def test_another_seed_is_another_world_with_the_same_verdicts() -> None:
    one, two = rehearsed(SCENARIO), rehearsed(SCENARIO, 77)
    assert one.summary["log_head"] != two.summary["log_head"]
    verdicts = [
        [(g["gate"], c["id"], c["verdict"]) for g in done.summary["gates"] for c in g["checks"]]
        for done in (one, two)
    ]
    assert verdicts[0] == verdicts[1]
