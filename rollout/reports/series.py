"""What was measured over time, read from the log once for all pictures of a report."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

import msgspec

from rollout.domain.errors import LogDamaged
from rollout.domain.events import Event, Measured, RunObserved
from rollout.domain.evidence import Scalar
from rollout.domain.instants import to_text

KINDS = ("measured", "run_observed")
"""Kinds of event that pictures are made of."""

MOST_EVENTS = 100_000
"""Newest events of these kinds that a report looks at."""

Stored = tuple[int, str, bytes]
"""seq, instant, payload, as they lie in the store."""


class Sample(NamedTuple):
    """One sample of a check, without its evidence."""

    seq: int
    at: str
    observed: dict[str, Scalar]


class Count(NamedTuple):
    """One look at a run's counters; None is not known yet."""

    seq: int
    at: str
    run_id: int
    processed: int | None
    failed: int | None
    source_rows: int | None


class _Thin(msgspec.Struct, gc=False):
    """Of a stored payload of either kind, only what pictures need: reading 57,600 of them must not
    keep anybody waiting."""

    phase: str
    attempt: int
    check: str = ""
    observed: dict[str, Scalar] = {}
    sync: str = ""
    run_id: int = 0
    ours: bool = False
    processed: int | None = None
    failed: int | None = None
    source_rows: int | None = None


class Seen:
    """Samples by check, and counts by sync and place, oldest first."""

    def __init__(self) -> None:
        self._samples: dict[str, list[Sample]] = defaultdict(list)
        self._counts: dict[tuple[str, str, int], list[Count]] = defaultdict(list)

    def samples(self, checks: Iterable[str], until: int) -> list[Sample]:
        """Of all these checks together, up to event `until`."""
        found = [s for check in checks for s in self._samples.get(check, ()) if s.seq <= until]
        return sorted(found, key=itemgetter(0))

    def counts(self, sync: str, phase: str, attempt: int, until: int) -> list[Count]:
        """Of our newest run of the sync in that attempt."""
        found = [c for c in self._counts.get((sync, phase, attempt), ()) if c.seq <= until]
        return [count for count in found if count.run_id == found[-1].run_id]

    def add(self, seq: int, at: str, said: Measured | RunObserved | _Thin) -> None:
        """A payload of one of `KINDS`, whole or thin."""
        if check := getattr(said, "check", ""):
            self._samples[check].append(Sample(seq, at, getattr(said, "observed", {})))
        elif getattr(said, "ours", False):
            self._count(seq, at, said)

    def _count(self, seq: int, at: str, said: Any) -> None:
        place = (said.sync, said.phase, said.attempt)
        self._counts[place].append(
            Count(seq, at, said.run_id, said.processed, said.failed, said.source_rows)
        )


NOTHING_SEEN = Seen()


_decoder = msgspec.json.Decoder(_Thin)


def seen_in_store(rows: Iterable[Sequence[Any]]) -> Seen:
    """From rows of `Stored`. Raises: LogDamaged for a payload that cannot be read."""
    seen = Seen()
    for seq, at, payload in rows:
        try:
            seen.add(seq, at, _decoder.decode(payload))
        except (msgspec.MsgspecError, TypeError) as error:
            raise LogDamaged(f"#{seq} cannot be read ({error}): run `rollout verify`") from error
    return seen


def seen_in_events(events: Iterable[Event]) -> Seen:
    """The same from events, as a rehearsal has them."""
    seen = Seen()
    found = [event for event in events if isinstance(event.payload, Measured | RunObserved)]
    for event in found[-MOST_EVENTS:]:
        if isinstance(event.payload, Measured | RunObserved):
            seen.add(event.seq, to_text(event.at), event.payload)
    return seen
