"""Reading a rollout out of a store for the quick commands: newest snapshot, then the rest of the log."""

from __future__ import annotations

from rollout.cli.exits import Misuse
from rollout.domain.errors import LogDamaged
from rollout.domain.fold import fold
from rollout.domain.state import RolloutState, decode_state
from rollout.store.reading import Reader
from rollout.view.plan_words import PlanWords, plan_words

PAGE = 2000
"""Events read at once."""


def choose(reader: Reader, asked: str | None) -> str:
    """The rollout that was asked for, else the one begun last. Raises: Misuse."""
    names = reader.rollouts()
    if not names:
        raise Misuse(f"{reader.path}: the store holds no rollout yet: start one first")
    if asked is None:
        return names[-1]
    if asked not in names:
        raise Misuse(f"{reader.path}: has no rollout {asked!r}; it has {', '.join(names)}")
    return asked


def folded(reader: Reader, rollout: str) -> RolloutState:
    """The state after the newest event. Raises: StoreUnavailable, LogDamaged."""
    state = RolloutState()
    snapshot = reader.latest_snapshot(rollout)
    if snapshot is not None:
        kept = decode_state(snapshot[1])
        if kept is not None and (kept.rollout, kept.seq) == (rollout, snapshot[0].seq):
            state = kept
    while page := reader.events(rollout, after=state.seq, limit=PAGE):
        try:
            fold(page, state)
        except (KeyError, StopIteration) as gap:
            raise LogDamaged(
                f"{rollout}: events after #{state.seq} do not fit what came before "
                f"({gap}): run `rollout verify`"
            ) from gap
        if len(page) < PAGE:
            break
    return state


def words_of(reader: Reader, state: RolloutState) -> PlanWords:
    """What the plan says of itself; empty when its document is not in the store."""
    try:
        return plan_words(reader.evidence(state.plan_sha256))
    except KeyError:
        return PlanWords()
