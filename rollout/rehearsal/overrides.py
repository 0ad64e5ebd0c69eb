"""A scenario with some of its values replaced: `operator.on_no_go=rollback`, `world.properties=500`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from rollout.domain.errors import PlanProblems
from rollout.rehearsal.scenario import Scenario
from rollout.rehearsal.world_spec import WorldSpec

PARTS = ("operator", "world")
"""What of a scenario can be replaced; its faults are what it is about."""


def overridden(scenario: Scenario, values: Mapping[str, object]) -> Scenario:
    """The scenario with `values`, by dotted path, in place of its own; its world can be built.

    Raises: PlanProblems for a path that is not there or a value that does not fit.
    """
    if not values:
        _refuse_odd_world(scenario)
        return scenario
    wrong = [path for path in values if path.split(".")[0] not in PARTS or "." not in path]
    if wrong:
        known = " and ".join(f"{part}.*" for part in PARTS)
        raise PlanProblems([f"--set {path}: only {known} of a scenario are set" for path in wrong])
    document = scenario.model_dump(mode="json", by_alias=True)
    for path, value in values.items():
        _put(document, path.split("."), value)
    try:
        changed = Scenario.model_validate(document)
    except ValidationError as error:
        raise PlanProblems([f"--set {_said(problem)}" for problem in error.errors()]) from error
    _refuse_odd_world(changed)
    return changed


def _refuse_odd_world(scenario: Scenario) -> None:
    try:
        WorldSpec.model_validate(scenario.world)
    except ValidationError as error:
        said = [_said(problem, "world") for problem in error.errors()]
        raise PlanProblems([f"scenario {scenario.scenario}: {text}" for text in said]) from error


def _put(document: dict[str, Any], path: list[str], value: object) -> None:
    for key in path[:-1]:
        inner = document.get(key)
        if not isinstance(inner, dict):
            # `on_no_go: hold` becomes a choice by phase as soon as one phase is named.
            inner = document[key] = {"default": inner} if inner is not None else {}
        document = inner
    document[path[-1]] = value


def _said(problem: Any, *below: str) -> str:
    place = ".".join(str(part) for part in (*below, *problem["loc"]))
    return f"{place}: {str(problem['msg']).removeprefix('Value error, ')}"
