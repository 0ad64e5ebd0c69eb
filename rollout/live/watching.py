"""Look on while somebody else drives: wait for the next event without touching the store."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rollout.domain.events import Event
from rollout.live.waiting import Signals
from rollout.store.reading import Reader

LOOK_S = 0.5
PAGE = 2000


def batches(
    reader: Reader,
    rollout: str,
    signals: Signals,
    after: int,
    over: Callable[[], bool] = lambda: False,
) -> Iterator[list[Event]]:
    """Events after `after` as they come, at most two looks a second, until a signal or `over`.

    A batch is empty only at the first look, when there is nothing new. Raises: StoreUnavailable,
    LogDamaged.
    """
    first = True
    while not (signals.stopping or over()):
        found = reader.events(rollout, after=after, limit=PAGE)
        if found or first:
            after = found[-1].seq if found else after
            first = False
            yield found
        if len(found) < PAGE:
            signals.wait(LOOK_S)
