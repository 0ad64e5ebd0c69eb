"""How a picture of a rollout is given out, and from what instant it is looked at."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from rollout.cli import exits
from rollout.domain.state import RolloutState
from rollout.live.system_clock import SystemClock

PROD = "prod"
"""Source: `live/profiles.py`, which costs too much start-up time to be asked."""


def present(state: RolloutState) -> datetime:
    """Now. Only production goes by this machine's clock; of any other world the log alone says what
    time it is there: that of its newest event."""
    wall = SystemClock().now()
    if state.profile == PROD or state.latest_at is None:
        return max(wall, state.latest_at or wall)
    return state.latest_at


def show(
    options: argparse.Namespace,
    view: Any,
    drawn: Callable[..., Sequence[str]],
    spoken: Callable[[Any], Sequence[str]],
) -> None:
    """The view as JSON, as sentences, or as lines of the terminal's width."""
    if options.json:
        exits.write_json(view)
    elif options.plain:
        exits.write_lines(spoken(view))
    else:
        width = options.width or exits.columns()
        exits.write_lines(drawn(view, width, ascii_only=options.ascii or exits.needs_ascii()))
