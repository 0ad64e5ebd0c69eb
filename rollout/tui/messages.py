"""What the rest of the program tells the screens; a newer reading replaces one not yet handled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from textual.message import Message

from rollout.domain.events import Event
from rollout.domain.state import RolloutState
from rollout.view.plan_words import PlanWords
from rollout.view.replay import ReplayView


@dataclass(frozen=True)
class Opened:
    """A store was opened, or opened again: everything up to its newest event.

    Given away: from now on only the thread of the screens touches `state`.
    """

    state: RolloutState
    words: PlanWords
    newest: list[Event]
    looks: list[Event] = field(default_factory=list)
    """What was seen of the runs of late, for their speed."""


@dataclass(frozen=True)
class Reading:
    """One look at the store. Either `lost` says why it could not be read, or the rest says what is
    new: `events` follow on what was given before.

    `sign`: the controller gave a sign of life since the look before. `now`: the rollout's own
    time, None where only its log knows it. `words`: the plan was replaced by another one.
    `replay`: where in a recorded log this is. `driver`: the command that drives the rollout.
    """

    at_s: float
    opened: Opened | None = None
    events: list[Event] = field(default_factory=list)
    documents: Mapping[str, Any] = field(default_factory=dict)
    words: PlanWords | None = None
    sign: bool = False
    holder: str = ""
    readonly: str = ""
    now: datetime | None = None
    lost: str = ""
    replay: ReplayView | None = None
    driver: str = ""

    @property
    def is_news(self) -> bool:
        return bool(self.opened or self.events or self.lost or self.replay)


class Read(Message):
    """A reading for the thread of the screens. None is lost: each is folded, in order."""

    def __init__(self, reading: Reading) -> None:
        super().__init__()
        self.reading = reading


class Fetched(Message):
    """Evidence that a screen asked for; what was not found is left out."""

    def __init__(self, asked: list[str], documents: Mapping[str, Any]) -> None:
        super().__init__()
        self.asked, self.documents = asked, documents
