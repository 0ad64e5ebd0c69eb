"""Seeds that once ended in a violation. The bug's own test stands beside its code, and is named here;
the seed is kept because its world was hard, whatever it meets today."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from simulation.house import House, housed
from simulation.simulation import simulate

FOUND = {
    65: "rollback restored rows while our own run still wrote: the list of runs lagged "
    "(test_run_sync.test_a_rollback_asks_for_our_own_run_when_the_list_lags)",
    203: "a process that died in every send sent for ever: unheard sends were not counted "
    "(test_crashes.test_a_process_that_dies_in_every_send_does_not_send_for_ever)",
    107050: "what somebody changed between two baselines was lost when a clock had been ahead "
    "(test_restoring.test_a_baseline_taken_by_a_clock_that_was_ahead_hides_nobodys_change)",
}


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with housed() as found:
        yield found


@pytest.mark.parametrize("seed", FOUND)
def test_the_seed_finds_nothing_any_more(seed: int, house: House) -> None:
    assert simulate(seed, house).violation is None
