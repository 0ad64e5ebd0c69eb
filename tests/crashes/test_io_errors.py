"""A disk that fails at the k-th write, sync, cut or removal: once and for good, for every k."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
EVENTS = 5


@pytest.fixture(scope="module")
def tries() -> list[dict[str, Any]]:
    """Every try, as the child told it."""
    compiler = shutil.which("cc")
    if compiler is None:
        assert "CI" not in os.environ, "CI must have a C compiler"
        pytest.skip("there is no C compiler")
    with tempfile.TemporaryDirectory() as name:
        shim = Path(name) / "io_faults.so"
        subprocess.run(
            [compiler, "-O1", "-shared", "-fPIC", "-o", shim, HERE / "io_faults.c", "-ldl"],
            check=True,
        )
        done = subprocess.run(
            [sys.executable, HERE / "io_child.py", name],
            env={**os.environ, "LD_PRELOAD": str(shim)},
            stdout=subprocess.PIPE,
            check=True,
            timeout=600,
        )
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.slow
@pytest.mark.timeout(700)
def test_no_acknowledged_event_is_lost_whichever_call_fails(tries: list[dict[str, Any]]) -> None:
    for each in tries:
        acknowledged = each["told"].count("+")
        assert each["problems"] == 0, each
        assert acknowledged <= each["events"] <= acknowledged + 1, each
    assert len(tries) > 100
    assert Counter(each["call"] for each in tries)["sync"] > 10


@pytest.mark.slow
@pytest.mark.timeout(700)
def test_a_failing_disk_is_a_refusal_in_words_never_an_unknown_error(
    tries: list[dict[str, Any]],
) -> None:
    assert [each for each in tries if "#" in each["told"]] == []
    refused = [each for each in tries if "!" in each["told"]]
    assert {each["told"].partition("!")[2].partition("?")[0] for each in refused} <= {
        "StoreUnavailable",
        "LogDamaged",
    }
    assert len(refused) > 60


@pytest.mark.slow
@pytest.mark.timeout(700)
def test_a_disk_that_stays_broken_acknowledges_nothing_more(tries: list[dict[str, Any]]) -> None:
    for each in tries:
        if each["sticky"] and "!" in each["told"] and each["call"] == "write":
            assert each["told"].count("+") < EVENTS, each
