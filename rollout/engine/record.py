"""The rollout's log as the engine sees it: a folded state that is never ahead of the log."""

from __future__ import annotations

from collections.abc import Sequence

from rollout.domain.events import Payload
from rollout.domain.fold import apply
from rollout.domain.snapshot import decode_state, encode_state
from rollout.domain.state import RolloutState
from rollout.ports import Clock, EventLog, Head

ACTOR = "rollout"
"""Who writes what no person decided."""

SNAPSHOT_EVERY = 2000
"""Events between snapshots: opening folds at most this many."""


class RolloutRecord:
    """Reads, folds, appends. `state` is refreshed by every call; treat it as read-only."""

    def __init__(self, log: EventLog, rollout: str, clock: Clock) -> None:
        self._log, self._rollout, self._clock = log, rollout, clock
        self.state = _from_snapshot(log, rollout)
        self._snapshot_seq = self.state.seq
        self.refresh()

    def refresh(self) -> None:
        """Fold what others appended. Raises: StoreUnavailable, LogDamaged."""
        for event in self._log.read(self._rollout, after=self.state.seq):
            apply(self.state, event)

    def append(self, payloads: Sequence[Payload], *, actor: str = ACTOR) -> None:
        """Commit after the newest event we know, then fold. Raises: LogConflict."""
        events = self._log.append(self._rollout, self.state.seq, self._clock.now(), actor, payloads)
        for event in events:
            apply(self.state, event)
        if self.state.seq - self._snapshot_seq >= SNAPSHOT_EVERY:
            self.save_snapshot()

    def save_snapshot(self) -> None:
        """So that the next opening need not fold everything."""
        head = Head(seq=self.state.seq, hash=self.state.head)
        self._log.save_snapshot(self._rollout, head, encode_state(self.state))
        self._snapshot_seq = self.state.seq


def _from_snapshot(log: EventLog, rollout: str) -> RolloutState:
    snapshot = log.latest_snapshot(rollout)
    if snapshot is None:
        return RolloutState()
    return decode_state(snapshot[1]) or RolloutState()
