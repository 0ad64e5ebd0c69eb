"""What the live commands share: where a sandbox is described, and which clock a decision is dated by."""

from __future__ import annotations

import os
from pathlib import Path

from rollout.live.clocks import PacedClock, StandingClock, SystemClock, clock_of
from rollout.live.opening import board_of
from rollout.live.profiles import PROD, REHEARSAL, SANDBOX, profile_of

SANDBOX_VARIABLE = "ROLLOUT_SANDBOX"
"""Names the sandbox's file when --sandbox does not."""


def sandbox_file(given: Path | None, env: str) -> Path | None:
    """The option, else for a sandbox the environment."""
    if given is not None or env != SANDBOX:
        return given
    named = os.environ.get(SANDBOX_VARIABLE, "")
    return Path(named) if named else None


def deciding_clock(profile: str, sandbox: Path | None, state: str) -> PacedClock | None:
    """None for a sandbox nobody named: its log's newest instant is the best that is known. A
    rehearsal's time stands on its board.

    Raises: PlanProblems, ServiceError.
    """
    if profile == PROD:
        return SystemClock()
    if profile == REHEARSAL:
        board = board_of(state)
        return None if board is None else StandingClock(board.now)
    found = sandbox_file(sandbox, profile)
    return None if found is None else clock_of(profile_of(profile, found))
