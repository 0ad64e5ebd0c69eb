"""However a plan is bent, the answer is a plan or problems with places, never a traceback."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from loader_fakes import CHECKS, HEAD, STEPS, plan_of, write

from rollout.domain.errors import PlanProblems
from rollout.loader.documents import load_plan
from rollout.loader.problems import Problems
from rollout.loader.strict_yaml import read_yaml

PLAN = plan_of(
    """
    - phase: pilot
      title: Pilot
      entry: [{gate: ready, with: {most: 5}}]
      window: {days: [tue], between: ["10:00", "12:00"], not_on: [quarter_end, "2026-12-24"]}
      steps:
        - {step: select_cohort, id: c, from: t, seed: 1, strata: [{name: a, count: 1}]}
        - {step: snapshot, id: before, metrics: {rows: {sql: SELECT 1}}}
        - {step: run_sync, id: a, sync: sync_a, within: 5m, expect: {processed: "= 5"}}
        - {step: verify, id: v, gate: {gate: ready, with: {most: 6}}}
      soak: {for: 2d, checkpoints: {4h: [ready]}, every: {12h: [ready]}, min_coverage: 95 %}
      exit: [ready]
      sign_off: {roles: [lead], expires: 72h}
    """,
    HEAD
    + "rollback: {steps: [{step: pause_sync, id: p, sync: sync_a}], gates: [ready], within: 2h, user: u}\n"
    + "holidays: US\n",
)
GATE = """
gate: ready
title: Is it so?
params: {most: {about: how many, default: 3}}
checks:
  - {check: c, kind: sql, title: T, owner: o, if_it_fails: F, sql: sql/x.sql, at_most: "${{ gate.most }}",
     go: {n: = 1}, no_go: {n: "> ${{ params.expected }}"}, timeout: 90s, shadow: true,
     sampling: {count: 3, interval: 1m}}
  - {check: d, kind: census_run, title: T, owner: o, if_it_fails: F, sync: sync_a, of_step: a}
"""
SQL = "SELECT count(*) AS n FROM t WHERE x > ${{ gate.most }}"
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**17), 10**17),
    st.floats(-1e6, 1e6).map(lambda x: round(x, 3)),
    st.text(max_size=12),
    st.sampled_from(
        ["${{ gate.most }}", "${{ params.expected }}", "${{ steps.a.run_id }}", "${{ x", "${env:A}",
         "> 1 %", "5m", "ready", "../../etc/passwd", "sql/x.sql", "sync_a", "lead", "\N{SNOWMAN}"]
    ),
    st.just([]), st.just({}), st.just([[]]), st.just([{}]), st.just({"gate": "ready", "with": {"most": []}}),
)  # fmt: skip


def parsed(text: str) -> Any:
    problems = Problems()
    document = read_yaml(text.encode(), "f", problems)
    assert document is not None, problems.lines()
    assert not len(problems), problems.lines()
    return document.data


def paths_of(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    members: Any = value.items() if isinstance(value, dict) else ()
    members = enumerate(value) if isinstance(value, list) else members
    found = [path] if path else []
    return found + [p for key, child in members for p in paths_of(child, (*path, key))]


DOCUMENTS = (parsed(PLAN), parsed(GATE))
PATHS = [(number, path) for number, one in enumerate(DOCUMENTS) for path in paths_of(one)]


def bent(document: Any, path: tuple[Any, ...], value: Any, how: str) -> Any:
    document = copy.deepcopy(document)
    holder = document
    for key in path[:-1]:
        holder = holder[key]
    if how == "replace":
        holder[path[-1]] = value
    elif how == "remove":
        del holder[path[-1]]
    elif isinstance(holder, dict):
        holder["extra key"] = value
    else:
        holder.append(value)
    return document


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bent")
    write(folder, plan=PLAN, ready=GATE, x__sql=SQL)
    return folder


def test_the_plan_before_bending_is_sound(root: Path) -> None:
    path = write(root, plan=PLAN, ready=GATE, x__sql=SQL)
    assert set(load_plan(path, CHECKS, STEPS).gates) == {"ready", "ready__2", "ready__3"}


@given(st.sampled_from(PATHS), VALUES, st.sampled_from(["replace", "replace", "remove", "add"]))
@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_bent_plan_is_a_plan_or_problems(
    root: Path, where: tuple[int, tuple[Any, ...]], value: Any, how: str
) -> None:
    number, path = where
    texts = [json.dumps(one, ensure_ascii=False) for one in DOCUMENTS]
    texts[number] = json.dumps(bent(DOCUMENTS[number], path, value, how), ensure_ascii=False)
    plan = write(root, plan=texts[0], ready=texts[1], x__sql=SQL)
    try:
        load_plan(plan, CHECKS, STEPS)
    except PlanProblems as found:
        lines = found.problems
    else:
        return
    assert lines
    assert len(set(lines)) == len(lines)
    assert all(re.match(r".+?:[1-9][0-9]*:[1-9][0-9]*: .", line) for line in lines), lines


@given(st.text("SELECT FROMt,(*)'=1;-/${}params.x \n", max_size=80))
@settings(max_examples=60, deadline=None)
def test_bent_sql_is_a_plan_or_problems(root: Path, sql: str) -> None:
    path = write(root, plan=PLAN, ready=GATE, x__sql=sql)
    try:
        load_plan(path, CHECKS, STEPS)
    except PlanProblems as found:
        lines = found.problems
    else:
        return
    assert all(re.search(r":\d+:\d+: ", line) for line in lines), lines
