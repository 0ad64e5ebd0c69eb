"""A log of any length, a page at a time: by number when all is shown, by bounded looks when some is.

Nothing here reads more than a few thousand events at once, however long the log is: a look says how
far it came, and the next one goes on from there.
"""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Protocol

import msgspec

from rollout.domain.chain import SealedEvent
from rollout.domain.events import Event
from rollout.ports import Head
from rollout.view.log_filter import LogFilter

PAGE = 200
"""Events read at once for a screen."""

PAGES = 24
"""Pages kept at hand."""

LOOK = 400
"""Events that one bounded look opens when their words decide."""

LOOK_BY_KIND = 5_000
"""The same when the database can tell by their kind."""


class LogSource(Protocol):
    """What can be read: a store, or a recorded log up to some event."""

    def head(self, rollout: str) -> Head: ...

    def events(
        self,
        rollout: str,
        *,
        after: int = 0,
        before: int | None = None,
        limit: int | None = None,
        kinds: Iterable[str] = (),
        newest: bool = False,
    ) -> list[Event]: ...

    def sealed(
        self, rollout: str, after: int = 0, before: int | None = None, limit: int | None = None
    ) -> list[SealedEvent]: ...

    def close(self) -> None: ...


class Look(msgspec.Struct, frozen=True):
    """What a bounded look found, oldest first, and where it came to: everything between `low` and
    `high` (both exclusive) has been looked at."""

    found: list[Event]
    low: int
    high: int


def look_back(
    source: LogSource, rollout: str, wanted: LogFilter, *, before: int, after: int = 0
) -> Look:
    """The newest part of what lies between `after` and `before`."""
    low = max(before - 1 - _span(wanted), after)
    return Look(_matching(source, rollout, wanted, low, before), low, before)


def look_on(source: LogSource, rollout: str, wanted: LogFilter, *, after: int, before: int) -> Look:
    """The oldest part of what lies between `after` and `before`."""
    high = min(after + 1 + _span(wanted), before)
    return Look(_matching(source, rollout, wanted, after, high), after, high)


def _span(wanted: LogFilter) -> int:
    return LOOK_BY_KIND if wanted.kinds and not wanted.needs_events else LOOK


def _matching(
    source: LogSource, rollout: str, wanted: LogFilter, after: int, before: int
) -> list[Event]:
    if before - after <= 1:
        return []
    events = source.events(rollout, after=after, before=before, kinds=wanted.kinds)
    return [event for event in events if wanted.matches(event)]


class LogPages:
    """Events by number. Pages are kept while they are used; a page that was not full is read again."""

    def __init__(self, source: LogSource, rollout: str) -> None:
        self._source, self._rollout = source, rollout
        self._pages: OrderedDict[int, Sequence[Event]] = OrderedDict()

    def event(self, seq: int) -> Event | None:
        """None when the log has no such event (yet). Raises: StoreUnavailable, LogDamaged."""
        if seq < 1:
            return None
        number, place = divmod(seq - 1, PAGE)
        page = self._pages.get(number, ())
        if place >= len(page):
            page = self._read(number)
        self._pages.move_to_end(number)
        return page[place] if place < len(page) else None

    def _read(self, number: int) -> Sequence[Event]:
        start = number * PAGE
        page = self._source.events(self._rollout, after=start, before=start + PAGE + 1)
        self._pages[number] = page
        while len(self._pages) > PAGES:
            self._pages.popitem(last=False)
        return page


class Matches:
    """The numbers of the events that a filter lets through, found from the newest backwards.

    `older` and `newer` each take one bounded step; between them everything was looked at.
    """

    def __init__(self, source: LogSource, rollout: str, wanted: LogFilter, head: int) -> None:
        self._source, self._rollout, self.wanted = source, rollout, wanted
        self._older, self._newer = array("q"), array("q")
        self.low, self.high = head + 1, head + 1
        """Events from `low` to below `high` were looked at."""

    def __len__(self) -> int:
        return len(self._older) + len(self._newer)

    def seq(self, position: int) -> int:
        """The number of the match at a position, the oldest known one first."""
        size = len(self._older)
        if position < size:
            return self._older[size - 1 - position]
        return self._newer[position - size]

    def position(self, seq: int) -> int:
        """Of the newest match that is not newer than `seq`; 0 when there is none."""
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            if self.seq(middle) <= seq:
                low = middle + 1
            else:
                high = middle
        return max(low - 1, 0)

    @property
    def is_complete(self) -> bool:
        """Whether everything down to the first event was looked at."""
        return self.low <= 1

    def older(self) -> int:
        """One look further back; how many it found."""
        if self.is_complete:
            return 0
        look = look_back(self._source, self._rollout, self.wanted, before=self.low)
        self._older.extend(event.seq for event in reversed(look.found))
        self.low = look.low + 1
        return len(look.found)

    def newer(self, head: int) -> int:
        """One look at what was appended since; how many it found."""
        if self.high > head:
            return 0
        look = look_on(
            self._source, self._rollout, self.wanted, after=self.high - 1, before=head + 1
        )
        self._newer.extend(event.seq for event in look.found)
        self.high = look.high
        return len(look.found)


class Found(msgspec.Struct, frozen=True):
    """Of one bounded step of a search: `seq` when there is one, else where to go on from; `is_over`
    when there is nothing further that way."""

    seq: int | None
    at: int
    is_over: bool = False


def find_next(
    source: LogSource, rollout: str, wanted: LogFilter, *, after: int, head: int
) -> Found:
    """The next match behind `after`, as far as one bounded look goes."""
    look = look_on(source, rollout, wanted, after=after, before=head + 1)
    if look.found:
        return Found(look.found[0].seq, look.found[0].seq)
    return Found(None, look.high - 1, look.high > head)


def find_previous(source: LogSource, rollout: str, wanted: LogFilter, *, before: int) -> Found:
    """The next match in front of `before`, as far as one bounded look goes."""
    look = look_back(source, rollout, wanted, before=before)
    if look.found:
        return Found(look.found[-1].seq, look.found[-1].seq)
    return Found(None, look.low + 1, look.low <= 0)
