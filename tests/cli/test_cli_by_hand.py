"""`rollout rehearse --by-hand` and `rollout rehearsal`: a process of its own, asked from another."""

from __future__ import annotations

import json
import shlex
import signal
from pathlib import Path

import pytest
from hands import plan_folder
from live_processes import ROOT, begin, finished, here, line_with

from rollout.cli.seat_launcher import driver_for


def test_it_is_driven_from_other_terminals_and_goes_on_after_a_signal(tmp_path: Path) -> None:
    plan, state = plan_folder(tmp_path), tmp_path / "r.db"
    process = begin("rehearse", plan, "--by-hand", "--state", state, "--speed", "0")
    try:
        line_with(process.stderr, "rehearsed by hand", 60)
        assert here("attest", "told", "--yes", *ann(state), "--note", "all")[0] == 0
        code, out, _ = here("rehearsal", "inject", "others.renamed", "--state", state)
        assert (code, out) == (0, "renamed: active\n")
        board = json.loads(here("rehearsal", "--state", state, "--json")[1])
        assert board["faults"][1]["id"] == "renamed"
        code, out, _ = here("rehearsal", "inject", "nothing", "--state", state)
        assert (code, out.partition(":")[0]) == (1, "refused")
        process.send_signal(signal.SIGTERM)
        assert finished(process)[0] == 0
    finally:
        process.kill()
    code, _, err = here("rehearsal", "pause", "--state", state)
    assert code == 4
    assert "does not answer: start it again with --resume" in err
    goes_on_as_printed(driver_for(str(state), None, None, "rehearsal"))


def goes_on_as_printed(command: str) -> None:
    """What the TUI prints for a rehearsal that nobody drives, typed as it stands."""
    process = begin(*shlex.split(command)[1:])
    try:
        line_with(process.stderr, "rehearsed by hand", 60)
        process.send_signal(signal.SIGTERM)
        assert finished(process)[0] == 0
    finally:
        process.kill()


def ann(state: Path) -> tuple[object, ...]:
    return ("--by", "ann", "--role", "project_lead", "--state", state)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["rehearse", "--by-hand"], "--by-hand needs --state FILE"),
        (["rehearse", "--by-hand", "--state", "x.db", "--json"], "leave out --out and --json"),
        (["rehearse", "--by-hand", "--state", "x.db", "--speed", "-1"], "--speed -1"),
        (["rehearse", "--speed", "60"], "add --by-hand"),
        (["rehearsal", "dance"], "'dance' cannot be asked"),
        (["rehearsal", "inject"], "inject needs the name of a fault"),
        (["rehearsal", "speed", "fast"], "a number of times faster"),
        (["rehearsal", "pause", "now"], "'now' is too much"),
        (["rehearsal", "--state", "nowhere.db"], "no rehearsal is driven by hand there"),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_to_do(
    arguments: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    code, _, err = here(*arguments)
    assert code == 2
    assert said in err
