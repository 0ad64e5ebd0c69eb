"""What the live commands load: a person's word needs no world, no HTTP client and no plan's loader."""

from __future__ import annotations

from pathlib import Path

import pytest
from commands import modules_after
from live_processes import here, tiny_plan

WORLD = {"duckdb", "pyarrow", "numpy", "werkzeug", "lark", "textual", "jinja2"}
READING = {"sqlglot", "yaml", "httpx"}


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    state = tmp_path / "tiny.db"
    assert here("start", tiny_plan(tmp_path), "--state", state)[0] == 0
    return state


def test_a_decision_loads_neither_a_world_nor_what_reads_plans(begun: Path) -> None:
    said = ["decide", "go", "--by", "ann", "--reason", "not yet possible", "--state", begun]
    assert not modules_after(said, code=1) & (WORLD | READING)


def test_a_gate_is_asked_without_a_world(begun: Path) -> None:
    assert not modules_after(["check", "clean", "--state", begun]) & WORLD
