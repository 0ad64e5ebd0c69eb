"""A fixed handful of seeds in every run of the tests, more of them in the slow ones."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulation.dice import FAULTS, Dice
from simulation.house import House, housed
from simulation.process import Connections
from simulation.simulation import simulate
from simulation.soak import Account

ROOT = Path(__file__).parents[2]
FEW = range(40)
MANY = range(10_000, 10_600)


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with housed() as found:
        yield found


def account_of(seeds: range, house: House) -> Account:
    kept = Account()
    for seed in seeds:
        kept.add(simulate(seed, house))
    return kept


def broken(kept: Account) -> list[str]:
    return [f"--seed {r.seed}: {r.violation}" for r in kept.violations]


def test_every_invariant_holds_in_a_disturbed_world(house: House) -> None:
    kept = account_of(FEW, house)
    assert broken(kept) == []
    assert kept.reached["verified"]
    assert kept.reached["ended_completed"]
    assert len([name for name in FAULTS if kept.fired[name]]) > len(FAULTS) * 0.8


def test_a_world_without_faults_needs_nobody_but_those_the_plan_names(house: House) -> None:
    quiet = next(seed for seed in range(1000) if Dice(seed).is_quiet)
    report = simulate(quiet, house)
    assert (report.violation, report.end, report.fired.total()) == (None, "completed", 0)
    assert report.reached["needs_human"] == report.reached["decided_hold"] == 0


def test_the_same_seed_gives_the_same_log_in_another_process() -> None:
    def heads(hash_seed: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "tests.simulation", "--heads", "--seeds", "6", "--start", "7"],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    first = heads("1")
    assert len(first.splitlines()) == 6
    assert first == heads("2")


def test_neither_the_shortcuts_nor_the_network_in_the_librarys_place_change_a_run(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds = range(7, 12)
    heads = [simulate(seed, house).head for seed in seeds]
    house.leave()
    monkeypatch.setattr(Connections, "over_httpx", True)
    with housed(shortcuts=False) as other:
        assert [simulate(seed, other).head for seed in seeds] == heads


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_fault_and_every_state_is_reached_and_every_invariant_holds(house: House) -> None:
    kept = account_of(MANY, house)
    assert broken(kept) == []
    assert kept.missing() == []
