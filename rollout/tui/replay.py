"""A recorded log instead of a living one: the same readings for the same screens, at any event.

Keys only say where somebody wants to be; the thread that reads goes there. Nothing is written.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from rollout.domain.errors import LogDamaged, StoreUnavailable
from rollout.domain.events import Event, PlanAdopted
from rollout.tui.link import (
    AGAIN_S,
    LOOKS_WITHIN,
    NEWEST,
    StoreLink,
    evidence_at_hand,
    evidence_of,
)
from rollout.tui.messages import Opened, Reading
from rollout.view.recording import Recording
from rollout.view.replay import SPEEDS, Jump, ReplayView, moved, parse_jump
from rollout.view.run_samples import KIND
from rollout.view.stored import words_of

_ANY_DAY = datetime(2000, 1, 1, tzinfo=UTC)

TICK_S = 0.125
"""Between two pictures while it plays."""

STEP_FORWARD = 200
"""So many events on, the picture is folded on instead of being made anew."""


@dataclass(frozen=True)
class _Wish:
    """Where somebody wants to be, and whether it plays on from there."""

    seq: int
    is_playing: bool = False
    speed: int = 5
    text: str = ""
    """A jump as it was typed, to be understood by the thread that reads."""
    marks: int = 0
    """So many landmarks on (or back)."""


class ReplayLink(StoreLink):
    """`seek` and the others may be called from any thread."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._lock = threading.Condition()
        self._wish = _Wish(1)
        self._recording: Recording | None = None
        self._shown = 0
        self._due = 0.0
        self._trouble = ""
        self._told: ReplayView | None = None

    # what a person says ------------------------------------------------------

    def step(self, by: int) -> None:
        """So many events on or back; it plays no more."""
        self._change(lambda w: replace(w, seq=w.seq + by, is_playing=False))

    def seek(self, seq: int) -> None:
        self._change(lambda w: replace(w, seq=seq, is_playing=False))

    def jump(self, text: str) -> None:
        """To what somebody typed. Raises: ValueError that says what can be typed."""
        parse_jump(text, _ANY_DAY)
        self._change(lambda w: replace(w, text=text, is_playing=False))

    def mark(self, by: int) -> None:
        """To the next (1) or the last (-1) place where a phase moved on or a gate was decided."""
        self._change(lambda w: replace(w, marks=w.marks + by, is_playing=False))

    def play(self) -> None:
        """On, or a pause."""
        self._change(lambda w: replace(w, is_playing=not w.is_playing))

    def faster(self, by: int) -> None:
        """The next speed, or the one before."""

        def change(wish: _Wish) -> _Wish:
            place = min(max(SPEEDS.index(wish.speed) + by, 0), len(SPEEDS) - 1)
            return replace(wish, speed=SPEEDS[place])

        self._change(change)

    def _change(self, change: Callable[[_Wish], _Wish]) -> None:
        with self._lock:
            self._wish = change(self._wish)
            self._trouble = ""
            self._lock.notify()

    # the thread that reads ---------------------------------------------------

    def run(
        self, publish: Callable[[Reading], None], is_cancelled: Callable[[], bool] = lambda: False
    ) -> None:
        """Until `stop` or `is_cancelled`; prepares the log while nobody wants anything."""
        try:
            while not self.stop.is_set() and not is_cancelled():
                reading = self.look()
                is_new = reading.opened or reading.events or reading.replay != self._told
                if is_new or reading.lost:
                    self._told = reading.replay
                    publish(reading)
                self._rest()
        finally:
            self.close()

    def _rest(self) -> None:
        """Until something is wanted. A log that is not prepared yet is prepared meanwhile."""
        if self._recording is None:  # lost: looked for again a little later
            self.stop.wait(AGAIN_S)
            return
        try:
            if self._recording.prepare():
                return
        except (StoreUnavailable, LogDamaged) as error:
            self._trouble = str(error)
        with self._lock:
            if self._wish.seq == self._shown and not self._wish.text and not self._wish.marks:
                self._lock.wait(TICK_S)

    def _look(self) -> Reading:
        opened: Opened | None = None
        events: list[Event] = []
        if self._recording is None:
            self._begin()
        assert self._recording is not None
        target = self._target(self._recording)
        if self._shown and 0 <= target - self._shown <= STEP_FORWARD:
            events = self._recording.events(self._shown, target + 1)
        if (not events and target != self._shown) or any(map(_is_another_plan, events)):
            opened, events = self._opened(self._recording, target), []
        self._shown = target
        wanted = evidence_of(events) if opened is None else evidence_at_hand(opened.state)
        return Reading(
            at_s=self.monotonic(),
            opened=opened,
            events=events,
            documents=self._documents(wanted),
            replay=self._view(self._recording),
        )

    def _begin(self) -> None:
        self._reader, self._name = self.open_log()
        self._recording = Recording(self._reader, self._name)

    def _target(self, recording: Recording) -> int:
        """Where the picture should be now."""
        with self._lock:
            wish = self._wish
            seq = self._jumped(wish.text, recording) if wish.text else wish.seq
            seq = self._marked(seq, wish.marks, recording)
            now = self.monotonic()
            if wish.is_playing and not wish.text and not wish.marks and now >= self._due:
                seq += max(round(wish.speed * TICK_S), 1)
                self._due = now + max(TICK_S, 1 / wish.speed)
            seq = min(max(seq, 1), max(recording.head, 1))
            at_end = seq >= recording.head
            self._wish = _Wish(seq, wish.is_playing and not at_end, wish.speed)
            return seq

    def _marked(self, seq: int, marks: int, recording: Recording) -> int:
        for _ in range(abs(marks)):
            find = recording.landmark_after if marks > 0 else recording.landmark_before
            found = find(seq)
            if found is None:
                return recording.head if marks > 0 else 1
            seq = found.seq
        return seq

    def _jumped(self, text: str, recording: Recording) -> int:
        """Where a jump leads; where it cannot be understood, where we are."""
        (here, *_) = recording.events(max(self._shown, 1) - 1, max(self._shown, 1) + 1)
        try:
            return self._resolved(parse_jump(text, here.at), here, recording)
        except ValueError as problem:
            self._trouble = str(problem)
            return max(self._shown, 1)

    def _resolved(self, jump: Jump, here: Event, recording: Recording) -> int:
        if jump.kind == "seq":
            return int(jump.number)
        if jump.kind == "share":
            return round(jump.number * recording.head)
        if jump.kind == "instant" and jump.instant is not None:
            return recording.seq_at(jump.instant)
        if jump.kind == "span":
            return recording.seq_at(moved(here.at, jump.number))
        found = recording.began(jump.name)
        if found is None:
            raise ValueError(
                f"no phase {jump.name!r} began; there is {', '.join(recording.phases()) or 'none'}"
            )
        return found

    def _opened(self, recording: Recording, seq: int) -> Opened:
        assert self._reader is not None
        state = recording.state_at(seq)
        newest = self._reader.events(self._name, before=seq + 1, limit=NEWEST, newest=True)
        looks = self._reader.events(
            self._name, after=max(seq - LOOKS_WITHIN, 0), before=seq + 1, kinds=[KIND]
        )
        return Opened(state, words_of(self._reader, state), newest, looks)

    def _view(self, recording: Recording) -> ReplayView:
        place = recording.place_in(self._shown)
        (event, *_) = recording.events(self._shown - 1, self._shown + 1)
        return ReplayView(
            seq=self._shown,
            head=recording.head,
            at=event.at,
            place=place.said if place is not None else "begun",
            is_playing=self._wish.is_playing,
            speed=self._wish.speed,
            trouble=self._trouble,
        )

    def close(self) -> None:
        self._recording, self._shown = None, 0
        super().close()


def _is_another_plan(event: Event) -> bool:
    """From here on other words hold: the picture is made anew."""
    return isinstance(event.payload, PlanAdopted)
