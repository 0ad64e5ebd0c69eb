"""SIGKILL in real processes: at every place of six rollouts and more, and at every pair in recovery."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from crash_scenarios import SMALL, WHOLE
from disk_bench import Scenario
from killing import Loop

from rollout.store.opening import open_store

MEMORY = Path("/dev/shm")
"""A kill loses nothing that was written, so that the disk need not be waited for."""

NTH = int(os.environ.get("ROLLOUT_EVERY_NTH_PLACE", "4"))
"""Of the places of a first kill; 1 is all of them, and half an hour for the seven rollouts."""


@pytest.fixture
def loop_on(tmp_path: Path) -> Iterator[Callable[[Scenario], Loop]]:
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else tmp_path) as name:
        template = Path(name) / "template.db"
        open_store(template, create=True, profile="test").close()
        yield lambda scenario: Loop(scenario, template, Path(name))


def test_a_small_rollout_ends_the_same_wherever_its_process_was_killed(
    loop_on: Callable[[Scenario], Loop],
) -> None:
    """Every fifth place here, every one below."""
    loop = loop_on(SMALL[0])
    loop.every_place(5)
    assert loop.kills == len(range(0, len(loop.places), 5)) > 6


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("scenario", [SMALL[0], SMALL[5]], ids=lambda s: s.name)
def test_a_small_rollout_ends_the_same_at_every_place(
    scenario: Scenario, loop_on: Callable[[Scenario], Loop]
) -> None:
    loop = loop_on(scenario)
    loop.every_place()
    assert loop.kills == len(loop.places) > 30


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("scenario", WHOLE, ids=lambda s: s.name)
def test_a_rollout_ends_the_same_wherever_its_process_was_killed(
    scenario: Scenario, loop_on: Callable[[Scenario], Loop]
) -> None:
    loop = loop_on(scenario)
    loop.every_place()
    assert loop.kills == len(loop.places) > 60
    _tell(loop)


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("scenario", SMALL, ids=lambda s: s.name)
def test_a_small_rollout_ends_the_same_wherever_two_processes_were_killed(
    scenario: Scenario, loop_on: Callable[[Scenario], Loop]
) -> None:
    loop = loop_on(scenario)
    loop.every_pair(NTH)
    assert loop.kills > 500 // NTH
    _tell(loop)


def _tell(loop: Loop) -> None:
    """For docs/reliability.md: `pytest -s -m slow tests/crashes`."""
    print(  # noqa: T201 - a figure to copy
        f"\n{loop.scenario.name}: {len(loop.places)} places, {loop.processes} processes, {loop.kills} kills"
    )
