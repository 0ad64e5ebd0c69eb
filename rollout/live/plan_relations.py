"""The tables and views of the warehouse that a plan reads, also deep inside its statements."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from rollout.domain.plan import Plan
from rollout.domain.references import references

_RELATION = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*){2}")
_NAMING = ("view", "relation", "from", "source", "target", "target_view", "of")
_APPROVED_VIEW = "schema"
"""The kind of check whose `sql` defines a view: what that reads is its owner's business."""


def relations(plan: Plan) -> list[str]:
    """Every table and view named in three parts, once, in the plan's order: by syncs, by inputs of
    steps and checks, and in the statements of both."""
    found = [spec.source for spec in plan.syncs.values()]
    for phase in plan.phases:
        for step in phase.steps:
            found += _named(step.inputs, statements=True)
    for gate in plan.gates.values():
        for check in gate.checks:
            found += _named(check.inputs, statements=check.kind != _APPROVED_VIEW)
    return list(dict.fromkeys(name for name in found if _RELATION.fullmatch(name)))


def _named(inputs: Any, *, statements: bool) -> Iterator[str]:
    if isinstance(inputs, list):
        for item in inputs:
            yield from _named(item, statements=statements)
    if not isinstance(inputs, Mapping):
        return
    for key, value in inputs.items():
        if not isinstance(value, str):
            yield from _named(value, statements=statements)
        elif key in _NAMING:
            yield value
        elif key == "sql" and statements:
            yield from _read_by(value)


def _read_by(text: str) -> Iterator[str]:
    """Of a statement that cannot be parsed, nothing: validating the plan is not our business."""
    for reference in reversed(list(references(text))):
        text = f"{text[: reference.start]}x{text[reference.end :]}"
    try:
        trees = sqlglot.parse(text, dialect="databricks")
    except (SqlglotError, RecursionError):
        return
    for tree in trees:
        for table in tree.find_all(exp.Table) if tree is not None else ():
            yield ".".join(part.name for part in table.parts)
