"""A recorded log that can be looked at as of any of its events.

Folding a long log takes seconds; so the state is kept at some places on the way, and any other one
is folded from the nearest of those.
"""

from __future__ import annotations

import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import datetime

import msgspec

from rollout.domain.errors import LogDamaged
from rollout.domain.events import Event, GateDecided, RolloutEnded, StageChanged
from rollout.domain.fold import fold
from rollout.domain.snapshot import decode_state, encode_state
from rollout.domain.state import RolloutState
from rollout.store.reading import Reader
from rollout.view.sentences import sentence

STEP = 400
"""Events that one step of the preparation folds."""

KEPT = 64
"""States kept; of more, every second one goes."""

MOST_BYTES = 64_000_000
"""All kept states together, compressed."""

SPACING = 1_000
"""Events between two kept states, to begin with."""

_TELLING = ("stage_changed", "gate_decided", "rollout_ended")


class Landmark(msgspec.Struct, frozen=True):
    """An event that a person may want to come to: a phase moved on, or a gate was decided."""

    seq: int
    at: datetime
    said: str
    phase: str = ""
    stage: str = ""


class Recording:
    """Belongs to one thread, as its reader does. Raises: StoreUnavailable, LogDamaged."""

    def __init__(self, reader: Reader, rollout: str, spacing: int = SPACING) -> None:
        self._reader, self.rollout = reader, rollout
        self.head = reader.head(rollout).seq
        self._kept: dict[int, bytes] = {}
        self._spacing = spacing
        self._front = RolloutState()
        self._keep_stored()
        self.landmarks = [_landmark(e) for e in reader.events(rollout, kinds=_TELLING)]
        self._places = [mark.seq for mark in self.landmarks]

    def events(self, after: int, before: int) -> list[Event]:
        """Those between, both exclusive."""
        return self._reader.events(self.rollout, after=after, before=before)

    # states ----------------------------------------------------------------

    def state_at(self, seq: int) -> RolloutState:
        """After event `seq`; the caller's own to change."""
        seq = min(max(seq, 0), self.head)
        state = self._nearest(seq)
        while state.seq < seq:
            self._fold(state, self.events(state.seq, min(state.seq + STEP, seq) + 1))
            self._keep(state)
        return state

    @property
    def prepared(self) -> int:
        """The event up to which states are kept."""
        return self._front.seq

    def prepare(self) -> bool:
        """One bounded step towards having states of the whole log; False when there is nothing left."""
        if self._front.seq >= self.head:
            return False
        self._fold(self._front, self.events(self._front.seq, self._front.seq + STEP + 1))
        self._keep(self._front)
        return True

    def _fold(self, state: RolloutState, events: Sequence[Event]) -> None:
        before = state.seq
        try:
            fold(events, state)
        except (KeyError, StopIteration) as gap:
            raise LogDamaged(
                f"{self.rollout}: events after #{state.seq} do not fit what came before "
                f"({gap}): run `rollout verify`"
            ) from gap
        if state.seq == before:
            raise LogDamaged(f"{self.rollout}: the log ends at #{before}, not at #{self.head}")

    def _nearest(self, seq: int) -> RolloutState:
        """The latest kept state that is not after `seq`."""
        for place in sorted(self._kept, reverse=True):
            if place <= seq:
                state = decode_state(zlib.decompress(self._kept[place]))
                if state is not None:
                    return state
        return RolloutState()

    def _keep_stored(self) -> None:
        """The store's own snapshot, if it is one of this fold and this log."""
        found = self._reader.latest_snapshot(self.rollout)
        if found is None:
            return
        head, body = found
        state = decode_state(body)
        if state is not None and (state.rollout, state.seq) == (self.rollout, head.seq):
            self._kept[head.seq] = zlib.compress(body, 1)

    def _keep(self, state: RolloutState) -> None:
        newest = max((place for place in self._kept if place <= state.seq), default=0)
        if state.seq - newest < self._spacing:
            return
        self._kept[state.seq] = zlib.compress(encode_state(state), 1)
        while len(self._kept) > KEPT or sum(map(len, self._kept.values())) > MOST_BYTES:
            if len(self._kept) < 2:
                return
            for place in sorted(self._kept)[:-1:2]:
                del self._kept[place]
            self._spacing *= 2

    # places ----------------------------------------------------------------

    def landmark_after(self, seq: int) -> Landmark | None:
        position = bisect_right(self._places, seq)
        return self.landmarks[position] if position < len(self.landmarks) else None

    def landmark_before(self, seq: int) -> Landmark | None:
        position = bisect_left(self._places, seq)
        return self.landmarks[position - 1] if position else None

    def place_in(self, seq: int) -> Landmark | None:
        """The newest landmark at or before an event."""
        return self.landmark_before(seq + 1)

    def began(self, phase: str) -> int | None:
        """Where a phase was entered first; None when it never was."""
        return next((m.seq for m in self.landmarks if m.phase == phase), None)

    def phases(self) -> list[str]:
        return list(dict.fromkeys(m.phase for m in self.landmarks if m.phase))

    def seq_at(self, moment: datetime) -> int:
        """The last event that is not later than `moment`; the first one when all are.

        Times are labels: where they go back, the answer is one of the places that fit.
        """
        low, high = 1, self.head
        while low < high:
            middle = (low + high + 1) // 2
            (event,) = self.events(middle - 1, middle + 1)
            if event.at <= moment:
                low = middle
            else:
                high = middle - 1
        return low


def _landmark(event: Event) -> Landmark:
    payload = event.payload
    if isinstance(payload, StageChanged):
        said = f"{payload.phase} {payload.target.replace('_', ' ')}"
        return Landmark(event.seq, event.at, said, payload.phase, payload.target)
    if isinstance(payload, GateDecided):
        said = f"gate {payload.gate} {payload.decision.value.replace('_', '-')}"
        return Landmark(event.seq, event.at, said, payload.phase)
    if isinstance(payload, RolloutEnded):
        return Landmark(event.seq, event.at, payload.outcome.replace("_", " "))
    return Landmark(event.seq, event.at, sentence(payload))
