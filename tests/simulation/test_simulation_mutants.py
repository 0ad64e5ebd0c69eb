"""Every mistake of the list is found, by the seed the table names; without it that seed finds nothing."""

from __future__ import annotations

import pytest

from simulation import mutants

mutants.load()
SEEDS = mutants.listed()
MORE = 150
"""Promising seeds to try when the world has changed so much that the listed one kills no more."""


def test_every_mutant_is_in_the_table_with_the_seed_that_kills_it() -> None:
    assert set(SEEDS) == set(mutants.MUTANTS)
    assert len(SEEDS) >= 60


@pytest.mark.parametrize("name", ["resend_on_5xx", "absence_passes", "hash_over_joined_strings"])
def test_a_mutant_is_killed_and_leaves_nothing_behind(name: str) -> None:
    assert mutants.hunt(name, 25, SEEDS[name]) is not None


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", sorted(SEEDS))
def test_the_listed_seed_kills_the_mutant(name: str) -> None:
    killed = mutants.hunt(name, 1, SEEDS[name]) or mutants.hunt(name, MORE)
    assert killed is not None, "it survives: which oracle should have seen it?"
