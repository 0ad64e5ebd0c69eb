"""Names: each is given once, and each use of one leads somewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rollout.kinds import CheckKind, StepKind
from rollout.loader.draft import LATEST, Draft, Moment, step_nodes
from rollout.loader.nodes import Node

# What an input of that name speaks of. A kind can say so for any other name in its model:
# Field(json_schema_extra={"names": "step"}), or {"names": ""} for a name that means nothing here.
_SPEAKS_OF = {
    "sync": "sync",
    "syncs": "sync",
    "on": "connection",
    "connection": "connection",
    "warehouse": "connection",
    "role": "role",
    "roles": "role",
    "cohort": "step",
    "cohorts": "step",
    "baseline": "step",
    "of_step": "step",
    "restricted_by": "step",
}


def report_twice(what: str, named: Iterable[tuple[Node, str]]) -> None:
    """Report each node whose name (the text under the key) an earlier one has."""
    first: dict[str, Node] = {}
    for node, key in named:
        name = node.text(key)
        if name is None:
            continue
        if name in first:
            line = first[name].document.place((*first[name].path, key)).line
            (node.get(key) or node).problem(f"{what} `{name}` is already on line {line}")
        first.setdefault(name, node)


def report_ids(draft: Draft) -> None:
    """Phases and steps: one name, one thing."""
    report_twice("phase", [(phase, "phase") for phase in draft.phases()])
    report_twice("step", [(step, "id") for _, step in step_nodes(draft.plan)])


def report_names(
    node: Node, kind: StepKind | CheckKind, draft: Draft, before: Moment = (LATEST, LATEST)
) -> None:
    """Inputs of a step or check that name a sync, connection, role or step (done by `before`)."""
    known = {
        "sync": draft.names("syncs"),
        "connection": draft.names("connections"),
        "role": draft.names("roles"),
        "step": [step.id for step in draft.steps if step.id and step.at < before],
    }
    for name, field in kind.Inputs.model_fields.items():
        key = field.alias or name
        extra = field.json_schema_extra
        meant = _meant(key, extra if isinstance(extra, Mapping) else {})
        if meant not in known:
            continue
        written = node.get(key)
        if written is None:
            if meant == "connection" and isinstance(field.default, str):
                _report_default(node, field.default, known[meant])
            continue
        for one in written.each() or [written]:
            if isinstance(one.value, str) and "${{" not in one.value:
                _report_unknown(one, one.value, meant, known[meant])


def _meant(key: str, extra: Mapping[str, Any]) -> str:
    return str(extra.get("names", _SPEAKS_OF.get(key, "")))


def _report_unknown(node: Node, name: str, meant: str, known: list[str]) -> None:
    if name not in known:
        there = "no earlier step" if meant == "step" else f"no {meant}"
        node.problem(f"the plan has {there} `{name}`", name, known)


def _report_default(node: Node, name: str, known: list[str]) -> None:
    if name not in known:
        node.problem(f"this needs a connection `{name}`, which the plan does not have", name, known)
