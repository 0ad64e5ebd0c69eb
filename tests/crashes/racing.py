"""One of the processes of a race; a module of its own, as each process imports it anew."""

from __future__ import annotations

import multiprocessing
from datetime import UTC, datetime
from multiprocessing.synchronize import Barrier
from pathlib import Path

from rollout.domain.errors import LogConflict
from rollout.domain.events import EffectIntended
from rollout.engine.record import RolloutRecord
from rollout.live.clocks import StandingClock
from rollout.store.opening import open_store

AT = datetime(2026, 1, 6, tzinfo=UTC)
NAME = "race"


def racing(path: Path, barrier: Barrier, races: int, mine: multiprocessing.Queue[int]) -> None:
    """Begin each effect that the log does not show yet, as an engine does: fold, decide, append."""
    won = 0
    with open_store(path, create=False) as store:
        record = RolloutRecord(store.log, NAME, StandingClock(AT))
        for number in range(races):
            barrier.wait(timeout=120)
            won += _begun(record, f"only/1/run/trigger-{number}")
    mine.put(won)


def _begun(record: RolloutRecord, effect: str) -> bool:
    while True:
        record.refresh()
        if effect in record.state.effects:
            return False
        try:
            record.append(
                [
                    EffectIntended(
                        effect=effect,
                        phase="only",
                        attempt=1,
                        step="run",
                        action="trigger",
                        target="sync",
                        request={},
                        idempotent=False,
                    )
                ]
            )
        except LogConflict:
            continue
        return True
