"""The shipped plan against a sandbox of real servers: real sockets, TLS, the official connector."""

from __future__ import annotations

import json
import signal
import threading
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from live_people import answer_until_over
from live_processes import begin, finished, line_with, rollout

pytestmark = pytest.mark.slow

SPEED = 1200
WITHIN_S = 1500.0


def pause(seconds: float) -> None:
    threading.Event().wait(seconds)


def journal(clock: str) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{clock}/journal", timeout=30) as answer:
        entries: list[dict[str, Any]] = json.load(answer)["entries"]
    return entries


@pytest.mark.timeout(1800)
def test_the_shipped_plan_is_completed_live(tmp_path: Path) -> None:
    state, ready = tmp_path / "rollout.db", tmp_path / "ready.json"
    sandbox = begin("sandbox", "--speed", SPEED, "--json")
    line = line_with(sandbox.stdout, "census", 60)
    ready.write_text(line)
    env = {"ROLLOUT_SANDBOX": str(ready)}
    code, _, err = rollout("start", "--env", "sandbox", "--state", state, env=env)
    assert code == 0, err
    controller = begin("run", "--state", state, "--quiet", env=env)
    try:
        over = answer_until_over(state, WITHIN_S, pause)
        assert over["outcome"] == "completed", over["reason"]
        assert [p["stage"] for p in over["phases"]] == ["passed"] * 5
        assert finished(controller)[0] == 0
        asked = journal(json.loads(line)["clock"])
        triggers = Counter(
            e["path"] for e in asked if e["method"] == "POST" and e["path"].endswith("/trigger")
        )
        assert set(triggers.values()) == {2}, triggers  # the pilot and the full run, once each
    finally:
        for process in (controller, sandbox):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                finished(process)
