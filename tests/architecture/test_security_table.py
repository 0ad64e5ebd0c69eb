"""docs/security.md in step with the code: every test and every file that it names is there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith(("| item", "| fault"))
]
ASVS = [
    "1.2.1", "1.2.10", "1.3.6", "1.3.7", "1.5.2", "2.3.1", "2.3.4", "2.3.5", "5.2.1", "5.3.2",
    "13.2.4", "14.2.1", "15.1.2", "15.2.1", "15.3.2", "15.4.2", "16.2.5", "16.3.2", "16.4.1",
    "16.4.2", "16.5.3",
]  # fmt: skip
FAULTS = [19, 21, 22, 23, 41, 47, 48, 49, *range(57, 74)]


@cache
def defined_in(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}


def named() -> list[tuple[str, str]]:
    return re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", PAGE)


def test_every_test_that_the_page_names_is_there() -> None:
    gone = [f"{f}::{t}" for f, t in named() if not (ROOT / f).is_file() or t not in defined_in(f)]
    assert gone == []
    assert len(named()) > 80


def test_every_row_has_a_test_or_says_that_there_is_none() -> None:
    assert {len(row) for row in ROWS} == {4}
    silent = [row[0] for row in ROWS if "::test_" not in row[3] and "Not done" not in row[3]]
    assert silent == []


def test_every_place_that_the_page_names_is_there() -> None:
    places = [p for row in ROWS for p in re.findall(r"`([\w./-]+)`", row[2])]
    gone = [p for p in places if not ((ROOT / "rollout" / p).exists() or (ROOT / p).exists())]
    assert gone == []


@pytest.mark.parametrize("item", ASVS)
def test_every_item_that_applies_has_its_row(item: str) -> None:
    assert any(re.search(rf"(^|[ ,]){re.escape(item)}([ ,]|$)", row[0]) for row in ROWS)


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_of_storage_input_and_secrets_has_its_row(fault: int) -> None:
    assert any(re.match(rf"(\d+, )?{fault}[ ,]", row[0]) for row in ROWS)
