"""A gate asked beside the rollout: a look leaves nothing behind, a record moves no phase."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from live_processes import here, tiny_plan


@pytest.fixture
def state(tmp_path: Path) -> Path:
    found = tmp_path / "tiny.db"
    assert here("start", tiny_plan(tmp_path), "--state", found)[0] == 0
    return found


def events(state: Path) -> int:
    _, out, _ = here("log", "--state", state, "--json")
    return len(out.splitlines())


def test_a_look_records_nothing(state: Path) -> None:
    code, out, err = here("check", "clean", "--state", state)
    assert code == 0, err
    assert out.startswith("clean: GO\n")
    assert events(state) == 1


def test_what_nobody_has_confirmed_is_inconclusive(state: Path) -> None:
    code, out, _ = here("check", "ready", "--state", state, "--json")
    assert code == 3
    said = json.loads(out)
    assert (said["decision"], said["recorded"]) == ("inconclusive", None)


def test_a_record_is_kept_and_asked_afresh_each_time(state: Path) -> None:
    first = json.loads(here("check", "clean", "--state", state, "--record", "--json")[1])
    second = json.loads(here("check", "clean", "--state", state, "--record", "--json")[1])
    assert first["recorded"][0] == 2
    assert second["recorded"][0] == first["recorded"][1] + 1
    assert here("verify", "--state", state)[0] == 0
    status = json.loads(here("status", "--state", state, "--json")[1])
    assert status["phases"][0]["stage"] == "pending"


def test_an_unknown_gate_names_those_there_are(state: Path) -> None:
    code, _, err = here("check", "nope", "--state", state)
    assert code == 2
    assert "clean, over, ready" in err
