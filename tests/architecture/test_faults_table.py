"""docs/faults.md in step with the tests and the simulation: each fault has its row, and what it names is there."""

from __future__ import annotations

import re

import pytest
from simulation.dice import FAULTS as SIMULATED
from sources import ROOT
from test_security_table import FAULTS as IN_THE_OTHER_TABLE
from test_security_table import defined_in

PAGE = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if re.match(r"\| \d", line)
]
MODEL = range(1, 74)


@pytest.mark.parametrize("fault", MODEL)
def test_every_fault_of_the_model_has_its_row_in_one_of_the_tables(fault: int) -> None:
    here = sum(row[0] == str(fault) for row in ROWS)
    assert here + (fault in IN_THE_OTHER_TABLE) == 1


def test_every_test_that_the_page_names_is_there() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", PAGE)
    assert len(named) > 50
    assert [f"{f}::{t}" for f, t in named if t not in defined_in(f)] == []


def test_every_fault_of_the_simulation_that_the_page_names_is_there() -> None:
    named = {name for row in ROWS for name in re.findall(r"`(\w+)`", row[3])}
    assert len(named) > 35
    assert named - set(SIMULATED) == set()


def test_a_fault_that_nothing_causes_is_said_to_be_so() -> None:
    silent = [row[0] for row in ROWS if row[2] == row[3] == "–" and not row[4]]
    assert silent == []
