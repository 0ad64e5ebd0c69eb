"""What the screens know: the state they fold themselves, and one frozen snapshot of it at a time.

The poller's thread only reads; folding here, in the thread of the screens, is why no screen ever
sees a state that is half changed.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rollout.domain.events import Event
from rollout.domain.fold import apply
from rollout.domain.state import RolloutState
from rollout.tui.messages import Reading
from rollout.view.environment import placed
from rollout.view.gates import Documents
from rollout.view.link_state import LinkView, first_link, live_link, lost_link, replay_link
from rollout.view.model import StatusView
from rollout.view.plan_words import PlanWords
from rollout.view.replay import ReplayView
from rollout.view.run_samples import RunSamples, run_samples
from rollout.view.status import status_view

NEWEST = 200
"""Events kept at hand; the log screen reads the rest by itself."""

DOCUMENTS = 400
"""Pieces of evidence kept at hand."""


@dataclass(frozen=True)
class Snapshot:
    """One picture for all screens.

    `state` is shared and changes with the next reading: use it while you draw, keep nothing of it.
    `now`: the rollout's own time. `newest`: the newest events, oldest first. `documents`: evidence
    at hand. Raises KeyError for what has to be read first.
    """

    state: RolloutState
    words: PlanWords
    view: StatusView
    link: LinkView
    now: datetime | None
    newest: Sequence[Event]
    documents: Documents
    is_loaded: bool = True
    samples: RunSamples = field(default_factory=dict)
    """How far each run had come, look by look."""
    replay: ReplayView | None = None
    """Where in a recorded log this is; None for a living one."""

    def has_document(self, digest: str) -> bool:
        """Whether that evidence is at hand."""
        try:
            self.documents(digest)
        except KeyError:
            return False
        return True


class Picture:
    """Readings in, snapshots out; `state`: the option that names the store, for commands that are
    shown. Not thread-safe: it belongs to the thread of the screens."""

    def __init__(self, state: Sequence[str] = ()) -> None:
        self._named = state
        self._state, self._words = RolloutState(), PlanWords()
        self._newest: deque[Event] = deque(maxlen=NEWEST)
        self._documents: OrderedDict[str, Any] = OrderedDict()
        self._samples: RunSamples = {}
        self._view = status_view(self._state, self._words)
        self._is_loaded, self._lost = False, ""
        self._signed_at_s: float | None = None
        self._good_at_s: float | None = None
        self._last = Reading(at_s=0.0)

    def take(self, reading: Reading) -> bool:
        """Fold what is new; whether the picture changed in more than its age."""
        self._last = reading
        changed = bool(self._lost) != bool(reading.lost) or reading.is_news
        self._lost = reading.lost
        if reading.lost:
            return changed
        self._good_at_s = reading.at_s
        if reading.sign:
            self._signed_at_s = reading.at_s
        if reading.opened is not None:
            self._begin(reading)
        if reading.words is not None:
            self._words = reading.words
        self.remember(reading.documents)
        if self._is_loaded and self._fold(reading.events) and changed:
            self._view = status_view(self._state, self._words, self._shown(), self.document)
        return changed

    def _begin(self, reading: Reading) -> None:
        assert reading.opened is not None
        self._state, self._words = reading.opened.state, reading.opened.words
        self._newest.clear()
        self._newest.extend(reading.opened.newest)
        self._samples = run_samples(reading.opened.looks)
        self._is_loaded = True

    def _fold(self, events: Sequence[Event]) -> bool:
        for event in events:
            try:
                apply(self._state, event)
            except (KeyError, StopIteration) as gap:
                self._lost = (
                    f"#{event.seq} does not fit what came before ({gap}): run `rollout verify`"
                )
                return False
            self._newest.append(event)
        run_samples(events, self._samples)
        return True

    def _shown(self) -> list[Event]:
        return list(self._newest)[-8:]

    def remember(self, documents: Mapping[str, Any]) -> None:
        """Keep evidence at hand; the oldest goes."""
        self._documents.update(documents)
        while len(self._documents) > DOCUMENTS:
            self._documents.popitem(last=False)

    def document(self, digest: str) -> Any:
        """Evidence that was read already. Raises: KeyError."""
        return self._documents[digest]

    def snapshot(self, now_s: float) -> Snapshot:
        """What is so at `now_s` on the poller's monotonic clock."""
        now = self._last.now or self._state.latest_at
        return Snapshot(
            state=self._state,
            words=self._words,
            view=self._view,
            link=self._link(now_s),
            now=now,
            newest=tuple(self._newest),
            documents=self.document,
            is_loaded=self._is_loaded,
            samples=self._samples,
            replay=self._last.replay,
        )

    def _link(self, now_s: float) -> LinkView:
        if self._lost:
            since = None if self._good_at_s is None else now_s - self._good_at_s
            return lost_link(placed(self._lost, self._named), since)
        if not self._is_loaded:
            return first_link()
        if self._last.replay is not None:
            return replay_link()
        age = None if self._signed_at_s is None else max(now_s - self._signed_at_s, 0.0)
        return live_link(
            age,
            ended=bool(self._state.outcome),
            readonly=self._last.readonly,
            holder=self._last.holder,
            driver=self._last.driver,
        )
