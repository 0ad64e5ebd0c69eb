"""The TUI in a real terminal, through the whole rehearsal of the shipped plan: every decision by keys,
one no-go handled by hold, fix and a new attempt, and one rollback."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from live_processes import ROOT, rollout
from terminal import NotSeen, Terminal, pause

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

WITHIN_S = 1200.0
TRIES = 4
KEYS = {
    "attest": "a",
    "proceed": "g",
    "sign": "s",
    "retry": "r",
    "roll_back": "R",
    "hold": "p",
    "resume": "p",
    "close_finding": "c",
}


def status(state: Path) -> dict[str, Any]:
    code, out, err = rollout("status", "--state", state, "--json")
    assert code in {0, 1, 3}, err
    found: dict[str, Any] = json.loads(out)
    return found


class Lead:
    """A person who reads the screen and presses keys; `said` is what they decided, in order."""

    def __init__(self, terminal: Terminal, state: Path) -> None:
        self.terminal, self.state = terminal, state
        self.said: list[str] = []

    def decide(self, action: str, *, wanted: str = "") -> None:
        """Open the dialog, fill it in from the top, press its button, see it gone and recorded.

        A terminal may lose a key while the machine is busy: a form that is not what was typed is
        left and opened anew, as a person would.
        """
        t, before = self.terminal, status(self.state)["events"]
        for _ in range(TRIES):
            t.keys(KEYS[action])
            words = t.wait("still to do", 30)
            for part in ("REHEARSAL", "you saw #", "[ Cancel ]"):
                assert part in words, f"no {part!r} in:\n{t.screen()}"
            if self._fill(action, words, wanted):
                break
            t.keys("Escape")
            t.gone("[ Cancel ]", 30)
        else:
            raise AssertionError(f"{action} cannot be filled in:\n{t.screen()}")
        t.gone("[ Cancel ]", 60)
        self._recorded(action, before)
        self.said.append(action)

    def _fill(self, action: str, words: str, wanted: str) -> bool:
        """Whether the form is whole and its button was pressed."""
        t, reason = self.terminal, f"{action} as agreed"
        self._tab()  # from Cancel, over the locked button, to the first field
        if "choose what it is about" in words:
            t.keys("Enter")
            self._tab()
        if "say yes or no" in words:
            t.keys("Enter")
            self._tab()
        if "say who you are" in t.words():
            t.keys("Enter")
        self._tab()
        t.type(reason)
        if not self._sees(reason):
            return False
        self._tab()
        if action == "attest":
            self._tab()
        asked = re.search(r"type `([^`]+)`", t.words())
        if asked is not None:
            assert wanted in asked.group(1)
            t.type(asked.group(1))
        if not self._sees("still to do", gone=True):
            return False
        if asked is not None:
            self._tab()
        t.wait("will be recorded", 10)  # a long form scrolls down to what it will append
        t.wait("the same as a command", 10)
        self._tab()  # from Cancel to the button
        t.keys("Enter")
        return True

    def _sees(self, text: str, *, gone: bool = False) -> bool:
        try:
            self.terminal.wait(lambda words: (text in words) is not gone, 8)
        except NotSeen:
            return False
        return True

    def _tab(self) -> None:
        self.terminal.keys("Tab")
        pause(0.4)

    def _recorded(self, action: str, before: int) -> None:
        for _ in range(100):
            if status(self.state)["events"] > before:
                return
            pause(0.2)
        raise AssertionError(f"{action} recorded nothing:\n{self.terminal.screen()}")


@pytest.fixture(params=[(80, 24), (140, 45)], ids=["80x24", "140x45"])
def seat(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Terminal, Path]]:
    if shutil.which("tmux") is None:
        pytest.fail("tmux is not installed")
    terminal, state = Terminal(*request.param), tmp_path / "r.db"
    terminal.run(
        [
            *(sys.executable, "-m", "rollout", "rehearse", "--tui"),
            *("--state", state, "--speed", "0"),
        ],
        cwd=ROOT,
        env={"TEXTUAL_ANIMATIONS": "none"},
    )
    try:
        yield terminal, state
    finally:
        terminal.close()


def test_a_lead_drives_the_whole_plan_from_the_terminal(seat: tuple[Terminal, Path]) -> None:
    terminal, state = seat
    lead = Lead(terminal, state)
    words = terminal.wait("tested_on_ten_records", 120)
    assert "REHEARSAL" in words
    assert "LIVE" in words
    ends = monotonic() + WITHIN_S
    while monotonic() < ends:
        now = status(state)
        if now["outcome"]:
            break
        assert _step(lead, now), f"nothing to do at {now['word']}:\n{terminal.screen()}"
    over = status(state)
    assert over["outcome"] == "completed", terminal.screen()
    assert {p["id"]: p["attempt"] for p in over["phases"]} == {
        "pilot": 2,
        "full_sync_a": 1,
        "full_sync_b": 2,
        "monitoring": 1,
        "operationalize": 1,
    }
    assert lead.said.count("roll_back") == 1
    assert lead.said.count("retry") == 2
    assert "completed" in terminal.wait("completed", 30)
    terminal.keys("q")
    terminal.wait("Leaving stops nothing", 60)
    terminal.keys("Tab")
    pause(0.4)
    terminal.keys("Enter")
    assert terminal.exit_code() == 0
    # What stands before may have been scrolled away, and a line is broken anywhere.
    assert "tellsofit" in terminal.words().replace(" ", "")


def _step(lead: Lead, now: dict[str, Any]) -> bool:
    """Do what is next; True while there is something to do or to wait for."""
    phase = next(p for p in now["phases"] if p["stage"] != "passed")
    name, stage = phase["id"], phase["stage"]
    awaited = [c["action"] for c in now["next"] if c["awaited"]]
    if stage == "sign_off" and name == "pilot" and "roll_back" not in lead.said:
        lead.decide("roll_back", wanted="everything")
    elif stage == "rolled_back":
        _after_the_rollback(lead)
        lead.decide("retry", wanted="pilot")
    elif stage == "held":
        _handle_no_go(lead, name)
    elif "attest" in awaited or "sign" in awaited or "proceed" in awaited:
        if (name, stage) == ("full_sync_a", "ready"):
            _break(lead)
        lead.decide(next(a for a in awaited if a in KEYS))
    else:
        pause(0.5)
    return True


def _after_the_rollback(lead: Lead) -> None:
    """A rollback leaves the syncs paused: somebody resumes them, and the copy catches up."""
    _on_stage(lead, "inject", "tried_again.sync_a_resumed")
    _on_stage(lead, "inject", "tried_again.sync_b_resumed")
    lead.terminal.keys("9")
    lead.terminal.wait("To inject", 30)
    for _ in range(2):
        lead.terminal.keys(".")
        lead.terminal.wait("one step", 30)
        pause(1)
    lead.terminal.keys("1")
    lead.terminal.gone("To inject", 30)


def _break(lead: Lead) -> None:
    """Something goes wrong while Sync A runs: it will be seen before Sync B."""
    _on_stage(lead, "inject", "api_limit")


def _on_stage(lead: Lead, word: str, subject: str) -> None:
    code, out, err = rollout("rehearsal", word, subject, "--state", lead.state)
    assert code == 0, out + err


def _handle_no_go(lead: Lead, phase: str) -> None:
    """Read why, mend it on the Rehearsal screen, close its finding, begin the phase again."""
    terminal = lead.terminal
    assert phase == "full_sync_b", terminal.screen()
    words = terminal.wait("FAIL", 30)
    assert "b_allowance" in words or "Salesforce has API requests left" in words, terminal.screen()
    terminal.keys("9")
    words = terminal.wait("noticed by b_allowance", 30)
    terminal.keys("BTab")  # from what can be injected back to what happened
    pause(0.3)
    terminal.keys("Home")
    pause(0.3)
    terminal.keys("x")
    terminal.wait("api_limit: cleared", 30)
    terminal.keys("1")
    terminal.gone("To inject", 30)
    lead.decide("close_finding")  # it blocks the phase until somebody says that it is resolved
    lead.decide("retry", wanted="full_sync_b")
