"""`rollout rehearse --by-hand`: the rehearsal as a process of its own, driven by people from other
terminals (`rollout tui`, `decide`, `attest`, `waive`, `sign`, `rehearsal`)."""

from __future__ import annotations

import math
import time
from pathlib import Path

from rollout.cli import exits
from rollout.cli.rehearse import Wish
from rollout.domain.errors import StoreUnavailable
from rollout.live.clocks import SystemClock
from rollout.live.waiting import Signals
from rollout.rehearsal.by_hand import ByHand
from rollout.rehearsal.harness import Ready
from rollout.rehearsal.pace import Pace
from rollout.store.ownership import acquire
from rollout.wiring import run_by_hand, scenario_faults

SPEED = 60.0
"""Times faster than real, unless somebody says otherwise."""

WHO = "rollout rehearse"


def run(wish: Wish) -> int:
    """Until the rollout has ended or a signal comes. Raises: PlanProblems, Misuse, KindMisused,
    StoreUnavailable, LogDamaged."""
    state, speed = _fit(wish)
    known = scenario_faults(wish.plan)
    request = wish.request(None)

    def drive(ready: Ready) -> str:
        began = ready.controller.state
        exits.say(
            f"rollout: {began.rollout} is rehearsed by hand: `rollout tui --state {state}` drives it, "
            f"`rollout rehearsal --state {state}` says how it stands; Ctrl-C ends it"
        )
        with Signals(_talk) as signals:
            return ByHand(ready, state, known, signals, time.monotonic, Pace(speed)).run()

    try:
        owner = acquire(state, since=SystemClock().now(), who=WHO)
    except StoreUnavailable as held:
        exits.say(f"rollout: {held}")
        return exits.UNREACHABLE
    with owner:
        outcome = run_by_hand(request, owner.epoch, drive)
    if not outcome:
        exits.say("rollout: ended; the rehearsal goes on with --resume")
        return exits.GO
    exits.say(f"rollout: {outcome.replace('_', ' ')}")
    return exits.GO if outcome == "completed" else exits.NO_GO


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
