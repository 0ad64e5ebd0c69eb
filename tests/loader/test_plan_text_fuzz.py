"""However the text of a plan or a gate is torn, the answer is a plan or problems, and soon."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from loader_fakes import CHECKS, STEPS, write
from test_plan_fuzz import GATE, PLAN, SQL

from rollout.domain.errors import PlanProblems
from rollout.loader.documents import load_plan

TOKENS = (
    *("&a ", "*a", "<<: *a", "!!python/object/apply:os.system", "!!binary ", "%YAML 1.2", "---"),
    *("\t", "\x00", "\u202e", "\ufeff", "\x85", "? ", "| ", "> ", "- - - - ", "{" * 30, "[" * 30),
    *(": ", "#", "'", '"', "\\", "\r", "~", "0x1F", "1e999", "9" * 5000, "12:30:45", ".inf", "on"),
    *("${{ ", " }}", "${{ env.X }}", "${env:TOKEN}", "{{ 7 * 7 }}", "{x.__class__}", "../" * 9),
)
SLOWEST_S = 5.0
"""CPU seconds for one small plan; the reader's own limits keep it far below."""


@st.composite
def torn(draw: st.DrawFn, text: str) -> str:
    """The text after one to three cuts, copies, swaps or insertions, by character or by line."""
    for _ in range(draw(st.integers(1, 3))):
        lines = text.splitlines(keepends=True)
        start = draw(st.integers(0, max(len(text) - 1, 0)))
        end = min(start + draw(st.integers(1, 60)), len(text))
        line = draw(st.integers(0, max(len(lines) - 1, 0)))
        match draw(st.sampled_from(["cut", "copy", "token", "line", "twice", "indent", "swap"])):
            case "cut":
                text = text[:start] + text[end:]
            case "copy":
                text = text[:end] + text[start:end] + text[end:]
            case "token":
                text = text[:start] + draw(st.sampled_from(TOKENS)) + text[start:]
            case "line":
                text = "".join(lines[:line] + lines[line + 1 :])
            case "twice":
                text = "".join(lines[: line + 1] + lines[line:])
            case "indent":
                text = "".join([*lines[:line], " " * draw(st.integers(1, 5)), *lines[line:]])
            case "swap":
                text = "".join(lines[line:] + lines[:line])
    return text


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("torn")


def answered(folder: Path, plan: str, gate: str) -> None:
    began = time.process_time()
    path = write(folder, plan=plan, ready=gate, x__sql=SQL)
    try:
        load_plan(path, CHECKS, STEPS)
    except PlanProblems as found:
        said = found.problems
    else:
        said = ["a plan"]
    assert said
    assert all(line.strip() and line.isprintable() for line in said), said
    assert time.process_time() - began < SLOWEST_S


@given(torn(PLAN))
@example(PLAN + "a: &a [1]\nb: *a\n")
@example("a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n")
@example("[" * 30_000)
@example("{" * 30_000)
@example("1," * 60_000)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_torn_plan_is_a_plan_or_problems(folder: Path, text: str) -> None:
    answered(folder, text, GATE)


@given(torn(GATE))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_torn_gate_is_a_plan_or_problems(folder: Path, text: str) -> None:
    answered(folder, PLAN, text)


@pytest.mark.slow
@given(torn(PLAN), torn(GATE))
@settings(max_examples=4000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_many_torn_plans_with_torn_gates_are_plans_or_problems(
    folder: Path, plan: str, gate: str
) -> None:
    answered(folder, plan, gate)


def test_what_was_written_with_a_tab_is_shown_on_one_line(folder: Path) -> None:
    plan = PLAN.replace('"10:00"', '"\\t12:00"', 1)
    with pytest.raises(PlanProblems) as found:
        load_plan(write(folder, plan=plan, ready=GATE, x__sql=SQL), CHECKS, STEPS)
    assert all(line.isprintable() for line in found.value.problems)
    assert any(r"not `\t12:00`" in line for line in found.value.problems)
