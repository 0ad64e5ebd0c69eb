"""The controller as a process of its own: signals, crashes, a second one, two terminals at once."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest
from live_processes import (
    ROOT,
    begin,
    finished,
    here,
    kinds,
    line_with,
    rollout,
    status,
    tiny_plan,
)

from rollout.cli.exits import PIPE_CLOSED
from rollout.live.watching import LOOK_S

WAITS = "waits for a person: attest told"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A store with a tiny rollout that was begun and is driven by nobody."""
    found = tmp_path / "tiny.db"
    code, _, err = here("start", tiny_plan(tmp_path), "--state", found)
    assert code == 0, err
    return found


@pytest.fixture
def controllers() -> Iterator[list[subprocess.Popen[str]]]:
    """Controllers of a test; those still alive at its end are killed."""
    begun: list[subprocess.Popen[str]] = []
    yield begun
    for process in begun:
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.kill()
        process.communicate()


def drive(state: Path, controllers: list[subprocess.Popen[str]]) -> subprocess.Popen[str]:
    process = begin("run", "--state", state)
    controllers.append(process)
    return process


def attest(state: Path, by: str = "ann") -> tuple[int, str, str]:
    return here(
        *("attest", "told", "--yes", "--by", by, "--role", "project_lead"),
        *("--note", "told them", "--state", state),
    )


def test_a_rollout_is_driven_to_its_end_with_answers_from_other_terminals(
    state: Path, controllers: list[subprocess.Popen[str]]
) -> None:
    """Every command is a process of its own here; elsewhere only the controller has to be one."""
    controller = drive(state, controllers)
    line_with(controller.stderr, WAITS)
    said = ("--yes", "--by", "ann", "--role", "project_lead", "--note", "told them")
    assert rollout("attest", "told", *said, "--state", state)[0] == 0
    line_with(controller.stderr, "waits for a person: proceed")
    assert rollout("decide", "go", "--by", "ann", "--reason", "ready", "--state", state)[0] == 0
    line_with(controller.stderr, "waits for a person: sign over")
    code, _, err = rollout(
        *("sign", "over", "--approve", "--by", "bea", "--role", "project_lead"),
        *("--reason", "it is over", "--key", state.parent / "bea", "--state", state),
    )
    assert code == 0, err
    assert "ssh-keygen signs" in err
    assert finished(controller)[0] == 0
    told = json.loads(rollout("status", "--state", state, "--json")[1])
    assert told["outcome"] == "completed"
    assert rollout("verify", "--state", state)[0] == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_the_controller_cleanly(
    state: Path, controllers: list[subprocess.Popen[str]], number: signal.Signals
) -> None:
    controller = drive(state, controllers)
    line_with(controller.stderr, WAITS)
    controller.send_signal(number)
    code, _, err = finished(controller)
    assert code == 0
    assert "the rollout goes on when `rollout run` starts again" in err
    line_with(drive(state, controllers).stderr, WAITS)  # the lock is free, and nothing is lost


def test_a_second_controller_is_told_who_holds_the_store_and_since_when(
    state: Path, controllers: list[subprocess.Popen[str]]
) -> None:
    first = drive(state, controllers)
    line_with(first.stderr, WAITS)
    code, _, err = rollout("run", "--state", state)
    assert code == 4
    assert f"process {first.pid} on " in err
    assert " since 20" in err


def test_a_frozen_controller_still_blocks_and_a_killed_one_does_not(
    state: Path, controllers: list[subprocess.Popen[str]]
) -> None:
    first = drive(state, controllers)
    line_with(first.stderr, WAITS)
    first.send_signal(signal.SIGSTOP)
    assert rollout("run", "--state", state)[0] == 4
    first.kill()
    first.wait(timeout=30)
    second = drive(state, controllers)
    assert "ownership 2" in line_with(second.stderr, "drives it")
    line_with(second.stderr, WAITS)


def test_a_step_that_waits_goes_on_after_kill_9(
    tmp_path: Path, controllers: list[subprocess.Popen[str]]
) -> None:
    state = tmp_path / "slow.db"
    assert here("start", tiny_plan(tmp_path, wait="3s"), "--state", state)[0] == 0
    first = drive(state, controllers)
    line_with(first.stderr, WAITS)
    attest(state)
    line_with(first.stderr, "waits for a person: proceed")
    here("decide", "go", "--by", "ann", "--reason", "ready", "--state", state)
    line_with(first.stderr, "pause ends then")
    os.kill(first.pid, signal.SIGKILL)
    first.wait(timeout=30)
    line_with(drive(state, controllers).stderr, "waits for a person: sign over")
    found = kinds(state)
    assert found.count("step_started") == 2  # pause and clean, each once
    assert found.count("step_completed") == 2


@pytest.mark.parametrize(
    ("words", "told"),
    [(("go", "go"), "somebody was quicker"), (("go", "hold"), "moved to")],
    ids=["the same", "the opposite"],
)
def test_of_two_terminals_that_decide_at_once_one_wins_and_the_other_is_told(
    state: Path, controllers: list[subprocess.Popen[str]], words: tuple[str, str], told: str
) -> None:
    line_with(drive(state, controllers).stderr, WAITS)
    attest(state)
    line_with(controllers[0].stderr, "waits for a person: proceed")
    seen = status(state)["events"]
    both = [
        begin(
            *("decide", word, "--by", by, "--reason", f"{by} says so"),
            *("--seen", seen, "--state", state),
        )
        for word, by in zip(words, ("ann", "bea"), strict=True)
    ]
    ended = [finished(process) for process in both]
    assert sorted(code for code, _, _ in ended) == [0, 1]
    loser = next(err for code, _, err in ended if code == 1)
    winner = "ann" if ended[0][0] == 0 else "bea"
    assert told in loser or "somebody was quicker" in loser
    assert f"{winner} says so" in loser
    assert kinds(state).count("decision_made") == 1


def test_a_refused_decision_exits_1_and_says_what_is_legal(state: Path) -> None:
    code, out, err = here("decide", "go", "--by", "ann", "--reason", "x", "--state", state)
    assert (code, out) == (1, "")
    assert "cannot proceed while only is pending" in err


def test_what_nobody_drives_is_not_said_to_move_on_by_itself(
    state: Path, controllers: list[subprocess.Popen[str]]
) -> None:
    hold = ("decide", "hold", "--by", "ann", "--reason", "x", "--state", state)
    refused = here(*hold)[2]
    assert f"it moves on by itself once a controller runs: `rollout run --state {state}`" in refused
    line_with(drive(state, controllers).stderr, WAITS)
    assert "once a controller runs" not in here(*hold)[2]


@pytest.mark.parametrize("command", [("log", "--follow"), ("watch",)])
def test_who_follows_ends_quietly_when_nobody_reads_any_more(
    state: Path, controllers: list[subprocess.Popen[str]], command: tuple[str, ...]
) -> None:
    follower = begin(*command, "--state", state)
    controllers.append(follower)
    line_with(follower.stdout, "rollout of plan tiny")
    assert follower.stdout is not None
    assert follower.stderr is not None
    follower.stdout.close()
    assert follower.wait(20) == PIPE_CLOSED
    assert follower.stderr.read() == ""
    controllers.remove(follower)
    follower.stderr.close()


def test_watch_in_a_pipe_prints_each_event_and_ends_with_the_rollout(
    state: Path, controllers: list[subprocess.Popen[str]]
) -> None:
    watcher = begin("watch", "--state", state)
    controllers.append(watcher)
    line_with(watcher.stdout, "rollout of plan tiny")
    line_with(drive(state, controllers).stderr, WAITS)
    line_with(watcher.stdout, "gate ready before the phase opened")
    code, _, err = here("decide", "abort", "--by", "ann", "--reason", "no", "--state", state)
    assert code == 0, err
    line_with(watcher.stdout, "aborted")
    assert finished(watcher)[0] == 0
    assert finished(controllers[1])[0] == 1


def test_watch_on_a_terminal_draws_when_something_changed_and_only_then(
    state: Path, controllers: list[subprocess.Popen[str]]
) -> None:
    line_with(drive(state, controllers).stderr, WAITS)
    screen, terminal = os.openpty()
    command = [sys.executable, "-m", "rollout", "watch", "--state", str(state)]
    watcher = subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, cwd=ROOT)
    os.close(terminal)
    try:
        assert "1 only  entry" in seen(screen, "gate ready before the phase opened", 30)
        assert "A tiny rollout" not in seen(
            screen, "", 2 * LOOK_S
        )  # looked again, and drew nothing
        code, _, err = here("decide", "abort", "--by", "ann", "--reason", "no", "--state", state)
        assert code == 0, err
        assert "A tiny rollout" in seen(screen, "the rollout ended", 30)  # the whole picture again
        assert watcher.wait(30) == 0
    finally:
        watcher.kill()
        watcher.wait(30)
        os.close(screen)


def seen(screen: int, words: str, within_s: float) -> str:
    """What is drawn until the words are; without words, until the time or the drawing is over."""
    until, read = monotonic() + within_s, b""
    while not words or words.encode() not in read:
        left = until - monotonic()
        if left <= 0 or not select.select([screen], [], [], left)[0]:
            assert not words, f"{words!r} was not drawn:\n{read.decode(errors='replace')}"
            break
        try:
            read += os.read(screen, 65536)
        except OSError:  # the other end is closed
            break
    return read.decode(errors="replace")


def test_a_log_that_is_followed_goes_on_with_each_event(
    state: Path, controllers: list[subprocess.Popen[str]]
) -> None:
    follower = begin("log", "--follow", "--kind", "decision_made", "--state", state)
    controllers.append(follower)
    line_with(drive(state, controllers).stderr, WAITS)
    here("decide", "abort", "--by", "ann", "--reason", "no reason", "--state", state)
    assert "no reason" in line_with(follower.stdout, "said abort")
    follower.send_signal(signal.SIGTERM)
    assert finished(follower)[0] == 0
