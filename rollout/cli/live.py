"""The rehearsal on a terminal while it runs: phases, what is running, the gate."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from rich.console import Console
from rich.live import Live
from rich.text import Text

from rollout.domain.state import RolloutState
from rollout.rehearsal.harness import Watcher
from rollout.view.plan_words import PlanWords
from rollout.view.status import status_view
from rollout.view.status_text import live_lines

AT_MOST_EVERY_S = 0.1
"""Ten pictures a second are as many as anybody reads."""


class LiveStatus:
    """Redraws on stderr when something changed, at most ten times a second; leaves nothing behind."""

    def __init__(
        self,
        *,
        ascii_only: bool,
        console: Console | None = None,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ascii_only, self._seconds = ascii_only, seconds
        self._console = console if console is not None else Console(stderr=True)
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._drawn_at = float("-inf")
        self._drawn_seq = -1

    def __enter__(self) -> Watcher:
        self._live.start()
        return self.watch

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def watch(self, state: RolloutState, now: datetime) -> None:
        """Called after every tick; `now` is the rehearsal's time."""
        at = self._seconds()
        if state.seq == self._drawn_seq or at - self._drawn_at < AT_MOST_EVERY_S:
            return
        self._drawn_at, self._drawn_seq = at, state.seq
        self._live.update(self._picture(state, now), refresh=True)

    def _picture(self, state: RolloutState, now: datetime) -> Text:
        view = status_view(state, PlanWords())
        size = self._console.size
        lines = live_lines(view, now, size.width, ascii_only=self._ascii_only)
        return Text("\n".join(lines[: size.height - 1]), no_wrap=True)
