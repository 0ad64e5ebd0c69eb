"""Eight processes, one store: they all want to begin the same effect at the same instant."""

from __future__ import annotations

import multiprocessing
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from racing import AT, NAME, racing

from rollout.domain.chain import verify
from rollout.domain.events import EffectIntended, RolloutCreated
from rollout.domain.fold import fold
from rollout.store.opening import open_store
from rollout.store.reading import open_readonly

PROCESSES = 8
MEMORY = Path("/dev/shm")
"""Who was first does not depend on a disk, and a thousand commits would wait for it."""


def raced(path: Path, races: int) -> int:
    """Let them race; how many effects were begun, by the processes' own count."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["rollout.store.opening", "rollout.engine.record"])
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


@pytest.mark.timeout(900)
@pytest.mark.parametrize("races", [20, pytest.param(1000, marks=pytest.mark.slow)])
def test_of_eight_processes_one_begins_each_effect(races: int) -> None:
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as name:
        hold(Path(name) / "r.db", races)
