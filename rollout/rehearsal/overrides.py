"""A scenario with some of its values replaced: `operator.on_no_go=rollback`, `world.properties=500`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from rollout.domain.errors import PlanProblems
from rollout.rehearsal.scenario import Scenario

PARTS = ("operator", "world")
"""What of a scenario can be replaced; its faults are what it is about."""


def overridden(scenario: Scenario, values: Mapping[str, object]) -> Scenario:
    """The scenario with `values`, by dotted path, in place of its own.

    Raises: PlanProblems for a path that is not there or a value that does not fit.
    """
    if not values:
        return scenario
    wrong = [path for path in values if path.split(".")[0] not in PARTS or "." not in path]
    if wrong:
        known = " and ".join(f"{part}.*" for part in PARTS)
        raise PlanProblems([f"--set {path}: only {known} of a scenario are set" for path in wrong])
    document = scenario.model_dump(mode="json", by_alias=True)
    for path, value in values.items():
        _put(document, path.split("."), value)
    try:
        return Scenario.model_validate(document)
    except ValidationError as error:
        raise PlanProblems([_said(problem) for problem in error.errors()]) from error


def _put(document: dict[str, Any], path: list[str], value: object) -> None:
    for key in path[:-1]:
        inner = document.get(key)
        if not isinstance(inner, dict):
            # `on_no_go: hold` becomes a choice by phase as soon as one phase is named.
            inner = document[key] = {"default": inner} if inner is not None else {}
        document = inner
    document[path[-1]] = value


def _said(problem: Any) -> str:
    place = ".".join(str(part) for part in problem["loc"])
    return f"--set {place}: {problem['msg']}"
