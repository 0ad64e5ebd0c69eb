"""How much of a log's hash chain was followed, a stretch at a time, while somebody looks at it."""

from __future__ import annotations

from collections.abc import Iterable

from rollout.domain.chain import ChainLink, ChainProblem, SealedEvent, genesis
from rollout.view.marks import FAIL, PASS, RUN
from rollout.view.text import plain

STRETCH = 1_000
"""Events that one step follows."""


class ChainMark:
    """Follows the chain from its first event. Behind a break nothing is trusted any more."""

    def __init__(self, rollout: str) -> None:
        self._link = ChainLink(rollout, 0, genesis(rollout))
        self.problem: ChainProblem | None = None

    @property
    def verified(self) -> int:
        """The number of the last event up to which all is as it was written."""
        return self.problem.seq - 1 if self.problem is not None else self._link.seq

    def follow(self, events: Iterable[SealedEvent]) -> None:
        """The events after `verified`."""
        for event in events:
            problems = self._link.follow(event)
            if problems:
                self.problem = problems[0]
                return

    def said(self, head: int, *, ascii_only: bool = False) -> str:
        """`✓ PASS chain whole to #973`."""
        if self.problem is not None:
            mark, what = FAIL, f"chain broken at #{self.problem.seq:,}: {self.problem.what}"
        elif self.verified >= head:
            mark, what = PASS, f"chain whole to #{head:,}"
        else:
            mark, what = RUN, f"chain to #{self.verified:,} of {head:,}"
        return f"{mark.shown(ascii_only=ascii_only)} {plain(what)}"
