"""Every mistake of the list is found, by the seed the table names; without it that seed finds nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from simulation import mutants
from simulation.house import House, housed
from simulation.simulation import simulate

mutants.load()
SEEDS = mutants.listed()
MORE = 150
"""Promising seeds to try when the world has changed so much that the listed one kills no more."""


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with housed() as found:
        yield found


def test_every_mutant_is_in_the_table_with_the_seed_that_kills_it_or_said_to_be_alive() -> None:
    assert set(SEEDS) | mutants.alive() == set(mutants.MUTANTS)
    assert not set(SEEDS) & mutants.alive()
    assert len(SEEDS) >= 60


@pytest.mark.parametrize("name", ["resend_on_5xx", "absence_passes", "hash_over_joined_strings"])
def test_a_mutant_is_killed_and_leaves_nothing_behind(name: str, house: House) -> None:
    killed = mutants.hunt(name, house, 25, SEEDS[name])
    assert killed is not None
    with housed() as other:  # the stores of this house were begun by a program with the mistake
        assert simulate(killed.seed, other).violation is None


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", sorted(SEEDS))
def test_the_listed_seed_kills_the_mutant(name: str, house: House) -> None:
    killed = mutants.hunt(name, house, 1, SEEDS[name]) or mutants.hunt(name, house, MORE)
    assert killed is not None, "it survives: which oracle should have seen it?"
    with housed() as other:  # the stores of this house were begun by a program with the mistake
        assert simulate(killed.seed, other).violation is None
