"""`rollout rehearse --by-hand`: the rehearsal as a process of its own, driven by people from other
terminals (`rollout tui`, `decide`, `attest`, `waive`, `sign`, `rehearsal`)."""

from __future__ import annotations

import math
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from rollout.cli import exits
from rollout.cli.files import make_folder
from rollout.cli.rehearse import Wish
from rollout.domain.errors import PlanProblems, StoreUnavailable
from rollout.live.clocks import SystemClock
from rollout.live.heartbeat import Heartbeat
from rollout.live.waiting import Signals
from rollout.rehearsal.board import read_board
from rollout.rehearsal.by_hand import ByHand
from rollout.rehearsal.harness import Ready
from rollout.rehearsal.pace import Pace
from rollout.store.ownership import acquire
from rollout.wiring import run_by_hand, scenario_faults

SPEED = 60.0
"""Times faster than real, unless somebody says otherwise."""

WHO = "rollout rehearse"

DEFAULT = Path("state/rehearsal.db")
"""Where a rehearsal behind the TUI is kept, unless somebody says otherwise."""

LOOK_S = 0.1

ENDS_WITHIN_S = 30.0
"""Real seconds for what is under way when the TUI is left."""


def run(wish: Wish) -> int:
    """Until the rollout has ended or a signal comes. Raises: PlanProblems, Misuse, KindMisused,
    StoreUnavailable, LogDamaged."""
    state, speed = _fit(wish)
    goes_on = goes_on_with(wish, state)
    known = scenario_faults(wish.plan)
    request = wish.request(None)

    def drive(ready: Ready) -> str:
        with Signals(_talk) as signals:  # who is told that Ctrl-C ends it may press it at once
            exits.say(
                f"rollout: {ready.controller.state.rollout} is rehearsed by hand: `rollout tui --state "
                f"{state}` drives it, `rollout rehearsal --state {state}` says how it stands; Ctrl-C ends it"
            )
            pace = Pace(speed)
            return ByHand(ready, state, known, signals, time.monotonic, pace, goes_on).run()

    try:
        owner = acquire(state, since=SystemClock().now(), who=WHO)
    except StoreUnavailable as held:
        exits.say(f"rollout: {held}")
        return exits.UNREACHABLE
    with owner, Heartbeat(owner):
        outcome = run_by_hand(request, owner.epoch, drive)
    if not outcome:
        exits.say("rollout: ended; the rehearsal goes on with --resume")
        return exits.GO
    exits.say(f"rollout: {outcome.replace('_', ' ')}")
    return exits.GO if outcome == "completed" else exits.NO_GO


def run_with_tui(wish: Wish) -> int:
    """The rehearsal as a process of its own and the TUI in front of it; leaving the TUI ends both.

    Raises: PlanProblems, Misuse, StoreUnavailable.
    """
    # Late: only who sits down waits for the TUI.
    from rollout.cli import seat

    seat.require_terminal()
    state = wish.state or DEFAULT
    talk = state.with_name(state.name + ".out")
    process = _begun(replace(wish, state=state), talk)
    try:
        code = seat.run(seat.Wish(state=str(state), ascii_only=wish.ascii_only))
    finally:
        over = process.poll() is not None
        ended = _ended(process)
    exits.write(talk.read_text(encoding="utf-8", errors="replace") if ended not in (0, 1) else "")
    goes_on = f"the same command with `--state {state} --resume` goes on with it"
    tells = f"the rehearsal has ended; `rollout report --all --state {state} --out DIR` tells of it"
    exits.say(f"rollout: {tells if over else goes_on}")
    return code


def _begun(wish: Wish, talk: Path) -> subprocess.Popen[bytes]:
    """A `rehearse --by-hand` of its own session, once it has begun. Raises: PlanProblems with what
    it said when it did not begin."""
    state, speed = _fit(wish)
    make_folder(state.parent)
    before = read_board(state)
    options: list[object] = ["--scenario", wish.scenario, "--state", state, "--speed", speed]
    options += [*_more(wish), *(["--resume"] if wish.resume else [])]
    command = [sys.executable, "-m", "rollout", "rehearse", wish.plan, "--by-hand", *options]
    with talk.open("wb") as out:
        process = subprocess.Popen(  # noqa: S603 - our own program, no shell
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    with Signals(_talk) as signals:
        while process.poll() is None and not signals.stopping:
            board = read_board(state)
            if board is not None and board != before and board.pid == process.pid:
                return process
            signals.wait(LOOK_S)
    _ended(process)
    said = talk.read_text(encoding="utf-8", errors="replace").strip()
    raise PlanProblems([said.removeprefix("rollout: ") or "the rehearsal did not begin"])


def goes_on_with(wish: Wish, state: Path) -> list[str]:
    """The command line that goes on with this rehearsal from any folder."""
    named = Path(wish.scenario)
    scenario = str(named.absolute()) if named.suffix else wish.scenario
    absolute = replace(wish, plugins=tuple(p.absolute() for p in wish.plugins))
    command = ["rollout", "rehearse", wish.plan.absolute(), "--by-hand", "--resume"]
    where = ["--state", state.absolute(), "--scenario", scenario]
    speed = [] if wish.speed is None else ["--speed", f"{wish.speed:g}"]
    return [str(part) for part in (*command, *where, *speed, *_more(absolute))]


def _more(wish: Wish) -> list[object]:
    """What else makes this rehearsal what it is, as options."""
    found: list[object] = [] if wish.seed is None else ["--seed", wish.seed]
    found += [part for setting in wish.settings for part in ("--set", setting)]
    return found + [part for plugin in wish.plugins for part in ("--plugins", plugin)]


def _ended(process: subprocess.Popen[bytes]) -> int:
    """Ask it to end, and wait: it ends after what is under way."""
    if process.poll() is None:
        process.terminate()
    try:
        return process.wait(timeout=ENDS_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _fit(wish: Wish) -> tuple[Path, float]:
    """The store and the speed. Raises: Misuse for what makes no sense by hand."""
    if wish.state is None:
        raise exits.Misuse("--by-hand needs --state FILE: people decide through it")
    if wish.out is not None or wish.as_json:
        raise exits.Misuse("--by-hand tells nothing at its end: leave out --out and --json")
    speed = SPEED if wish.speed is None else wish.speed
    if not math.isfinite(speed) or speed < 0:
        raise exits.Misuse(f"--speed {speed:g}: above 0, or 0 to wait for nothing")
    return wish.state, speed


def _talk(text: str) -> None:
    exits.say(f"rollout: {text}")
