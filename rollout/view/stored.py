"""Reading a rollout out of a store for whoever shows it: newest snapshot, then the rest of the log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from rollout.domain.errors import LogDamaged, StoreUnavailable
from rollout.domain.fold import fold
from rollout.domain.state import FOLD_VERSION, GateState, RolloutState
from rollout.store.reading import Reader
from rollout.view.plan_words import PlanWords, words_of_all

PAGE = 2000
"""Events read at once."""


def choose(reader: Reader, asked: str | None) -> str:
    """The rollout that was asked for, else the one begun last. Raises: StoreUnavailable."""
    names = reader.rollouts()
    if not names:
        raise StoreUnavailable(f"{reader.path}: the store holds no rollout yet: start one first")
    if asked is None:
        return names[-1]
    if asked not in names:
        raise StoreUnavailable(
            f"{reader.path}: has no rollout {asked!r}; it has {', '.join(names)}"
        )
    return asked


def folded(reader: Reader, rollout: str, *, at: int | None = None) -> RolloutState:
    """The state after the newest event, or after event `at`.

    Raises: StoreUnavailable, also when the log has no such event; LogDamaged.
    """
    state = _from_snapshot(reader, rollout) or RolloutState()
    if at is not None and state.seq > at:
        state = RolloutState()
    before = at + 1 if at is not None else None
    while page := reader.events(rollout, after=state.seq, before=before, limit=PAGE):
        try:
            fold(page, state)
        except (KeyError, StopIteration) as gap:
            raise LogDamaged(
                f"{rollout}: events after #{state.seq} do not fit what came before "
                f"({gap}): run `rollout verify`"
            ) from gap
        if len(page) < PAGE:
            break
    if at is not None and state.seq != at:
        raise StoreUnavailable(f"{rollout}: there is no event #{at}; the log ends at #{state.seq}")
    return state


class _ThinState(RolloutState):
    """A state whose gates are not decoded yet: of thousands, a status looks at a few."""

    gates: list[msgspec.Raw] = []  # type: ignore[assignment]  # decoded by `_Gates`


class _ThinSnapshot(msgspec.Struct):
    version: int
    state: _ThinState


class _Gates(list[Any]):
    """Gates as they lie in the snapshot, each decoded when somebody looks at it."""

    def __getitem__(self, position: Any) -> Any:
        found = super().__getitem__(position)
        if isinstance(found, msgspec.Raw):
            found = self[position] = msgspec.json.decode(found, type=GateState)
        return found

    def __iter__(self) -> Iterator[Any]:
        return (self[position] for position in range(len(self)))


def _from_snapshot(reader: Reader, rollout: str) -> RolloutState | None:
    """None when there is no snapshot of this fold and this rollout."""
    found = reader.latest_snapshot(rollout)
    if found is None:
        return None
    head, body = found
    try:
        snapshot = msgspec.json.decode(body, type=_ThinSnapshot)
    except msgspec.MsgspecError:
        return None
    state = snapshot.state
    if (snapshot.version, state.rollout, state.seq) != (FOLD_VERSION, rollout, head.seq):
        return None
    state.gates = _Gates(state.gates)
    return state


def words_of(reader: Reader, state: RolloutState) -> PlanWords:
    """What the plan says of itself; empty when its document is not in the store."""
    return words_of_all(state, reader.evidence)
