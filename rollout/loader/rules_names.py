"""Names: each is given once, and each use of one leads somewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from rollout.kinds import CheckKind, StepKind
from rollout.loader.draft import LATEST, Draft, Moment, step_nodes
from rollout.loader.nodes import Node
from rollout.loader.wording import models_in

# What an input of that name (of that kind, where the name alone says too little) speaks of. A kind
# can say so for any other name: Field(json_schema_extra={"names": "step"}), or "" for none.
_SPEAKS_OF = {
    "sync": "sync",
    "syncs": "sync",
    "on": "connection",
    "connection": "connection",
    "warehouse": "connection",
    "role": "role",
    "roles": "role",
    "phase": "phase",
    "cohort": "step",
    "cohorts": "step",
    "cohort_steps": "step",
    "only_keys_of": "step",
    "baseline": "step",
    "steps": "step",
    "of_step": "step",
    "restricted_by": "step",
    "restrict_source.to": "step",
    "of_check": "check",
    "watched_by": "check",
    "ignoring": "check",
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
    """Inputs that name a sync, connection, role, phase, check, or a step (done by `before`)."""
    known = {
        "sync": draft.names("syncs"),
        "connection": draft.names("connections"),
        "channel": draft.channels(),
        "role": draft.names("roles"),
        "phase": [name for phase in draft.phases() if (name := phase.text("phase"))],
        "step": [step.id for step in draft.steps if step.id and step.at < before],
        "check": [c.node.text("check") or "" for g in draft.gates.values() for c in g.checks],
    }
    for name, field in kind.Inputs.model_fields.items():
        is_connection = _meant(kind.kind, field.alias or name, field) == "connection"
        if (
            is_connection
            and isinstance(field.default, str)
            and node.get(field.alias or name) is None
        ):
            _report_default(node, field.default, known["connection"])
    _report_model(node, kind.Inputs, kind.kind, known)


def _report_model(
    node: Node, model: type[BaseModel], kind: str, known: Mapping[str, list[str]]
) -> None:
    """The fields of a model, and of the models inside it."""
    for name, field in model.model_fields.items():
        key = field.alias or name
        written = node.get(key)
        if written is None:
            continue
        meant = _meant(kind, key, field)
        if meant in known:
            for one in written.each() or [written]:
                if isinstance(one.value, str) and "${{" not in one.value:
                    _report_unknown(one, one.value, meant, known[meant])
        for inner in models_in(field.annotation):
            for one in (written, *written.each(), *(child for _, child in written.items())):
                _report_model(one, inner, kind, known)


def _meant(kind: str, key: str, field: FieldInfo) -> str:
    extra = field.json_schema_extra
    usual = _SPEAKS_OF.get(f"{kind}.{key}", _SPEAKS_OF.get(key, ""))
    return str(extra.get("names", usual)) if isinstance(extra, dict) else usual


def _report_unknown(node: Node, name: str, meant: str, known: list[str]) -> None:
    if name not in known:
        there = "no earlier step" if meant == "step" else f"no {meant}"
        node.problem(f"the plan has {there} `{name}`", name, known)


def _report_default(node: Node, name: str, known: list[str]) -> None:
    if name not in known:
        node.problem(f"this needs a connection `{name}`, which the plan does not have", name, known)
