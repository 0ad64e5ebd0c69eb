"""Parameters of a plan: its own values, replaced for one rollout or rehearsal."""

from __future__ import annotations

from collections.abc import Mapping

from rollout.domain.evidence import Scalar
from rollout.domain.references import references
from rollout.loader.nodes import Node
from rollout.loader.scalars import typed

_NAMES = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


def plan_params(plan: Node, overrides: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """The plan's parameters with the overrides in place; wrong ones are reported.

    An override must be of the type that the plan's value has (a whole number may stand for a
    fraction); a parameter that is null in the plan takes any value.
    """
    section = plan.get("params") or plan
    params: dict[str, Scalar] = {}
    for name, node in plan.named("params"):
        for reference in references(node.value):
            node.problem(f"a parameter cannot refer to another value (`{reference.name}`)")
        if not isinstance(node.value, dict | list):
            params[name] = node.value
    for name, value in overrides.items():
        if name not in params:
            section.key_problem(f"cannot set `{name}`: no such parameter", name, params)
        elif not _fits(value, params[name]):
            kind = _NAMES[type(params[name])]
            section.key_problem(f"cannot set `{name}` to {value!r}: the plan's value is {kind}")
        else:
            params[name] = value
    return params


def _fits(value: Scalar, own: Scalar) -> bool:
    if own is None:
        return True
    if isinstance(own, float):
        return isinstance(value, int | float) and not isinstance(value, bool)
    return type(value) is type(own)


def parse_override(text: str) -> tuple[str, Scalar]:
    """`name=value` from a command line, the value read like an unquoted YAML word.

    Raises: ValueError that says what is wrong.

    >>> parse_override("expected_creates=740")
    ('expected_creates', 740)
    """
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise ValueError(f"{text!r} must be name=value")
    return name.strip(), typed(value.strip())
