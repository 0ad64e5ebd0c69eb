"""Eight processes, one store: they all want to begin the same effect at the same instant."""

from __future__ import annotations

import multiprocessing
import tempfile
from collections import Counter
from datetime import UTC, datetime
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
from test_kill_loops import MEMORY

from rollout.domain.chain import verify
from rollout.domain.errors import LogConflict
from rollout.domain.events import EffectIntended, RolloutCreated
from rollout.domain.fold import fold
from rollout.engine.record import RolloutRecord
from rollout.live.clocks import StandingClock
from rollout.store.opening import open_store
from rollout.store.reading import open_readonly

PROCESSES = 8
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


def raced(path: Path, races: int) -> int:
    """Let them race; how many effects were begun, by the processes' own count."""
    context = multiprocessing.get_context("spawn")
    barrier, mine = context.Barrier(PROCESSES), context.Queue()
    runners = [
        context.Process(target=racing, args=(path, barrier, races, mine)) for _ in range(PROCESSES)
    ]
    for runner in runners:
        runner.start()
    won = [mine.get(timeout=600) for _ in runners]
    for runner in runners:
        runner.join(timeout=60)
        assert runner.exitcode == 0
    return sum(won)


def begin(path: Path) -> None:
    created = RolloutCreated(
        plan=NAME, title="Race", plan_sha256="0" * 64, profile="test", phases=[], params={}
    )
    with open_store(path, create=True, profile="test") as store:
        store.log.append(NAME, 0, AT, "rollout", [created])


def hold(path: Path, races: int) -> None:
    """Each effect has one intent, and nobody thinks that he began one that another began."""
    begin(path)
    assert raced(path, races) == races
    with open_store(path, create=False) as store:
        events = list(store.log.read(NAME))
    intents = Counter(e.payload.effect for e in events if isinstance(e.payload, EffectIntended))
    assert len(intents) == races
    assert max(intents.values()) == 1
    assert len(fold(events).effects) == races
    with open_readonly(path) as reader:
        assert verify(reader.sealed(NAME), rollout=NAME) == []


def test_of_eight_processes_one_begins_each_effect(tmp_path: Path) -> None:
    hold(tmp_path / "r.db", 20)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_of_eight_processes_one_begins_each_of_a_thousand_effects() -> None:
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as name:
        hold(Path(name) / "r.db", 1000)
