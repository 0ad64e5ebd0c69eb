"""What the live commands share: where a sandbox is described, and which clock a decision is dated by."""

from __future__ import annotations

import os
from pathlib import Path

from rollout.live.clocks import PacedClock, SystemClock, clock_of
from rollout.live.profiles import PROD, SANDBOX, profile_of

SANDBOX_VARIABLE = "ROLLOUT_SANDBOX"
"""Names the sandbox's file when --sandbox does not."""


def sandbox_file(given: Path | None, env: str) -> Path | None:
    """The option, else for a sandbox the environment."""
    if given is not None or env != SANDBOX:
        return given
    named = os.environ.get(SANDBOX_VARIABLE, "")
    return Path(named) if named else None


def deciding_clock(profile: str, sandbox: Path | None) -> PacedClock | None:
    """None for a sandbox nobody named: its log's newest instant is the best that is known.

    Raises: PlanProblems, ServiceError.
    """
    if profile == PROD:
        return SystemClock()
    found = sandbox_file(sandbox, profile)
    return None if found is None else clock_of(profile_of(profile, found))
