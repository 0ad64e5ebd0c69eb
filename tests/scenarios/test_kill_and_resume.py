"""kill -9 in the middle of a rehearsal, then --resume: the same end, and no sync triggered twice."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest
from live_processes import here
from rehearsing import PLAN, ROOT, rehearsed

SCENARIO = "view_drift"
Killed = Callable[[int], Path]


def _command(state: Path, scenario: str, *more: str) -> list[str]:
    base = [sys.executable, "-m", "rollout", "rehearse", str(PLAN), "--scenario", scenario]
    return [*base, "--state", str(state), "--json", *more]


def _kill_after(state: Path, scenario: str, events: int, *more: str) -> bool:
    """Start, and SIGKILL as soon as the log holds `events` events; False when it ended before."""
    process = subprocess.Popen(
        _command(state, scenario, *more),
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while process.poll() is None:
        if _length(state) >= events:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            return True
        Event().wait(0.02)  # it needs the core more than we do
    return False


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Killed:
    """A rehearsal that was killed after so many events; every caller gets a copy of what it left."""
    left: dict[int, Path] = {}

    def find(events: int) -> Path:
        if events not in left:
            left[events] = tmp_path_factory.mktemp("killed")
            assert _kill_after(left[events] / "rollout.db", SCENARIO, events)
        copy = tmp_path_factory.mktemp("copy") / "left"
        shutil.copytree(left[events], copy)
        return copy / "rollout.db"

    return find


def _length(state: Path) -> int:
    if not state.exists():
        return 0
    try:
        with sqlite3.connect(f"file:{state}?mode=ro", uri=True, timeout=1) as store:
            found: int = store.execute("SELECT count(*) FROM events").fetchone()[0]
            return found
    except sqlite3.Error:  # the schema is being made, or the writer holds the file
        return 0


def _finish(state: Path, scenario: str) -> dict[str, object]:
    """Go on in this process, which is another one than that which was killed."""
    said = ("--scenario", scenario, "--state", state, "--json", "--resume")
    code, out, err = here("rehearse", PLAN, *said)
    assert code in {0, 1}, err
    summary: dict[str, object] = json.loads(out)
    return summary


def _triggers(state: Path) -> Counter[str]:
    """Trigger requests that reached the mocked Census, by sync."""
    journal = state.with_name(state.name + ".world.jsonl")
    entries = [json.loads(line) for line in journal.read_text().splitlines()]
    paths = [e["path"].partition("?")[0] for e in entries if e["kind"] == "request"]
    return Counter(p for p in paths if p.endswith("/trigger"))


def _end(summary: dict[str, object]) -> dict[str, object]:
    return {name: summary[name] for name in ("outcome", "phases", "runs")}


@pytest.mark.parametrize(
    "kills",
    [
        (90,),
        pytest.param((40,), marks=pytest.mark.slow),
        pytest.param((90, 120), marks=pytest.mark.slow),
        pytest.param((150, 160, 170), marks=pytest.mark.slow),
    ],
)
def test_killed_and_resumed_it_ends_as_if_nothing_had_happened(
    killed: Killed, kills: tuple[int, ...]
) -> None:
    state = killed(kills[0])
    for events in kills[1:]:
        _kill_after(state, SCENARIO, events, "--resume")
    summary = _finish(state, SCENARIO)
    assert _end(summary) == _end(rehearsed(SCENARIO).summary)
    assert set(_triggers(state).values()) == {1}


@pytest.mark.slow
@pytest.mark.parametrize("events", range(15, 1200, 85))
def test_killed_anywhere_in_the_whole_plan_it_completes(tmp_path: Path, events: int) -> None:
    state = tmp_path / "rollout.db"
    _kill_after(state, "planned", events)
    summary = _finish(state, "planned")
    assert _end(summary) == _end(rehearsed("planned").summary)
    assert set(_triggers(state).values()) == {2}, "once in the pilot, once in full, for each sync"


def test_an_existing_state_is_never_overwritten(killed: Killed) -> None:
    state = killed(90)
    before = _length(state)
    assert before >= 90
    code, _, err = here("rehearse", PLAN, "--scenario", SCENARIO, "--state", state, "--json")
    assert code == 2
    assert "--resume" in err
    assert _length(state) == before
