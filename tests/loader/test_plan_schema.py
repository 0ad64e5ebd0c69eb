"""The editor's schema accepts what loads, refuses what is misspelt, and is always the same."""

from __future__ import annotations

import importlib
import json
from typing import Any

import pytest
from loader_fakes import CHECKS, HEAD, READY, STEPS, plan_of

from rollout.loader.problems import Problems
from rollout.loader.schema import plan_schema, schema_text
from rollout.loader.strict_yaml import read_yaml

jsonschema: Any = importlib.import_module("jsonschema")  # it ships no types
SCHEMA = plan_schema(CHECKS, STEPS)

PHASES = """
- phase: pilot
  title: Pilot
  entry: [ready, {gate: counted, with: {most: 5}}]
  window: {days: [tue], between: ["10:00", "12:00"], not_on: [holidays]}
  steps:
    - {step: select_cohort, id: c, from: t, seed: "${{ params.expected }}", strata: [{name: a, count: 1}]}
    - {step: run_sync, id: a, sync: sync_a, within: 5m}
    - {step: verify, id: v, gate: {gate: counted, with: {most: 5}}}
    - {step: publish, id: p, to: all, irreversible: it is told}
  soak: {for: 2d, checkpoints: {4h: [ready]}, every: {12h: [{gate: ready}]}, min_coverage: 95 %}
  exit: [ready]
  sign_off: {roles: [lead], expires: 72h}
"""
GATE = """
gate: counted
title: Counted
params: {most: {about: how many, default: 3}}
checks:
  - {check: c, kind: sql, title: T, owner: o, if_it_fails: F, sql: sql/x.sql, at_most: "${{ gate.most }}",
     go: {n: = 1}, sampling: {count: 3, interval: 1m}, timeout: 90s}
"""


def data(text: str) -> Any:
    problems = Problems()
    document = read_yaml(text.encode(), "f", problems)
    assert document is not None, problems.lines()
    assert not len(problems), problems.lines()
    return document.data


def errors(text: str, name: str | None = None) -> list[str]:
    schema = SCHEMA if name is None else {"$ref": f"#/$defs/{name}", "$defs": SCHEMA["$defs"]}
    validator = jsonschema.Draft202012Validator(schema)
    return [error.message for error in validator.iter_errors(data(text))]


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_a_plan_that_loads_is_accepted() -> None:
    assert errors(plan_of(PHASES)) == []
    assert errors(plan_of(PHASES, HEAD + "rollback: {gates: [{gate: ready}], within: 2h}\n")) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("within: 5m", "withn: 5m"),
        ("step: run_sync", "step: run_snc"),
        ("days: [tue]", "days: [tuesday]"),
        ("sync: sync_a, within", "within"),
        ('seed: "${{ params.expected }}"', "seed: many"),
        ("title: Pilot", "titel: Pilot"),
        ("with: {most: 5}}]", "whith: {most: 5}}]"),
        ('"10:00", "12:00"', '"10", "25:00"'),
        ("irreversible: it is told", "inputs: {}"),
    ],
)
def test_what_is_misspelt_is_refused(old: str, new: str) -> None:
    assert old in PHASES
    assert errors(plan_of(PHASES.replace(old, new))) != []


def test_what_the_loader_makes_is_not_written_by_authors() -> None:
    assert errors(plan_of(PHASES, HEAD + "gates: {}\n")) != []
    assert errors(plan_of(PHASES, HEAD + "files: {}\n")) != []


def test_gate_files_have_a_schema_too() -> None:
    assert errors(READY, "GateFile") == []
    assert errors(GATE, "GateFile") == []
    assert errors("gates:\n- {gate: a, title: A, checks: []}\n", "GateFile") != []
    assert errors(GATE.replace("at_most", "at_mots"), "GateFile") != []
    assert errors(GATE.replace("kind: sql", "kind: sqll"), "GateFile") != []
    assert errors(GATE.replace("about: how", "abuot: how"), "GateFile") != []


def test_the_same_kinds_in_another_order_give_the_same_text() -> None:
    turned = schema_text(dict(reversed(CHECKS.items())), dict(reversed(STEPS.items())))
    assert turned == schema_text(CHECKS, STEPS)
    assert json.loads(turned) == SCHEMA


def test_steps_and_checks_are_told_apart_by_kind() -> None:
    choices = {one["$ref"].rpartition(".")[2] for one in SCHEMA["$defs"]["StepSpec"]["oneOf"]}
    assert choices == set(STEPS)
    step = SCHEMA["$defs"]["StepSpec.run_sync"]
    assert step["properties"]["step"] == {"const": "run_sync"}
    assert step["description"] == "Run a sync once."


def test_no_default_is_shown_in_a_form_that_the_loader_would_refuse() -> None:
    assert '"PT' not in schema_text(CHECKS, STEPS)
