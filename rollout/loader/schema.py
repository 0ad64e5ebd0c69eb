"""A JSON Schema of plans and gate files, for editors: completion and red lines while writing.

It knows shapes only; what needs the whole plan (names, references, SQL) is `load_plan`'s work.
"""

from __future__ import annotations

import inspect
import json
import warnings
from collections.abc import Callable
from typing import Any

from pydantic.json_schema import PydanticJsonSchemaWarning

from rollout.domain.plan import GateSpec, Plan
from rollout.kinds import CheckKind, CheckKinds, StepKind, StepKinds
from rollout.loader.rules_plan import SERVICES

Schema = dict[str, Any]

_REFERENCE: Schema = {"$ref": "#/$defs/Reference"}
_GATE: Schema = {"$ref": "#/$defs/GateRef"}
_SHARED: dict[str, Schema] = {
    "Reference": {
        "description": "A value filled from elsewhere: params, steps, snapshots, phase, gate.",
        "type": "string",
        "pattern": r"\$\{\{.*\}\}",
    },
    "GateRef": {
        "description": "A gate by its id, with values for its parameters where it wants any.",
        "anyOf": [
            {"type": "string"},
            {
                "type": "object",
                "properties": {
                    "gate": {"type": "string"},
                    "with": {"type": "object"},
                },
                "required": ["gate"],
                "additionalProperties": False,
            },
        ],
    },
}


def plan_schema(check_kinds: CheckKinds, step_kinds: StepKinds) -> Schema:
    """JSON Schema 2020-12 of a plan document; that of a gate file is its `$defs/GateFile`.

    Steps and checks are alternatives by kind, flat as they are written. The same kinds give the
    same schema, in the same order.
    """
    schema = _of_model(Plan)
    definitions: dict[str, Schema] = {**schema.pop("$defs"), **_of_model(GateSpec).pop("$defs", {})}
    definitions["GateSpec"] = _without(_of_model(GateSpec), "$defs")
    _by_kind(definitions, "StepSpec", "step", step_kinds)
    _by_kind(definitions, "CheckSpec", "kind", check_kinds)
    definitions.update(_SHARED)
    definitions["GateFile"] = _gate_file()
    _name_gates(definitions)
    for key in ("gates", "files"):
        del schema["properties"][key]
    schema["properties"]["connections"]["additionalProperties"] = {
        "type": "object",
        "properties": {"uses": {"enum": list(SERVICES)}},
        "required": ["uses"],
    }
    schema["$defs"] = {name: definitions[name] for name in sorted(definitions)}
    found: Schema = _everywhere(schema, _tidied)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}


def schema_text(check_kinds: CheckKinds, step_kinds: StepKinds) -> str:
    """The schema as it is written to `docs/plan.schema.json`."""
    schema = plan_schema(check_kinds, step_kinds)
    return json.dumps(schema, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _of_model(model: Any) -> Schema:
    with warnings.catch_warnings():
        # a default that JSON cannot say is left out of the schema, which is what is wanted
        warnings.simplefilter("ignore", PydanticJsonSchemaWarning)
        found: Schema = model.model_json_schema()
    return found


def _without(schema: Schema, *keys: str) -> Schema:
    return {key: value for key, value in schema.items() if key not in keys}


def _by_kind(
    definitions: dict[str, Schema], name: str, chooser: str, kinds: CheckKinds | StepKinds
) -> None:
    """Replace the general step or check by one alternative for each kind."""
    general = definitions[name]
    choices = []
    for kind_name in sorted(kinds):
        kind = kinds[kind_name]
        prefix = f"{name}.{kind_name}"
        own = _renamed(_of_model(kind.Inputs), prefix)
        definitions.update(own.pop("$defs", {}))
        definitions[prefix] = _flat(general, own, chooser, kind)
        choices.append({"$ref": f"#/$defs/{prefix}"})
    if choices:
        definitions[name] = {"description": general["description"], "oneOf": choices}


def _flat(general: Schema, own: Schema, chooser: str, kind: StepKind | CheckKind) -> Schema:
    common = _without(general["properties"], "inputs")
    required = [*general.get("required", []), *own.get("required", [])]
    return {
        "description": _first_line(inspect.getdoc(type(kind)) or inspect.getdoc(kind.Inputs) or ""),
        "type": "object",
        "properties": {
            **own.get("properties", {}),
            **common,
            chooser: {"const": kind.kind},
        },
        "required": sorted(set(required)),
        "additionalProperties": kind.Inputs.model_config.get("extra") == "allow",
    }


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0]


def _renamed(schema: Schema, prefix: str) -> Schema:
    """Definitions of one kind's model under names of their own."""

    def renamed(node: Schema) -> Schema:
        reference = node.get("$ref")
        if isinstance(reference, str):
            node = {**node, "$ref": reference.replace("#/$defs/", f"#/$defs/{prefix}.")}
        return node

    moved: Schema = _everywhere(schema, renamed)
    if "$defs" in moved:
        moved["$defs"] = {f"{prefix}.{name}": inner for name, inner in moved["$defs"].items()}
    return moved


def _gate_file() -> Schema:
    gate = {"$ref": "#/$defs/GateSpec"}
    several = {
        "type": "object",
        "properties": {"gates": {"type": "array", "items": gate, "minItems": 1}},
        "required": ["gates"],
        "additionalProperties": False,
    }
    return {"description": "A file in `gates/`: one gate, or several.", "oneOf": [gate, several]}


def _name_gates(definitions: dict[str, Schema]) -> None:
    """Where the model wants a gate's key, an author may also give parameters."""
    phase, soak = definitions["Phase"]["properties"], definitions["Soak"]["properties"]
    for section in (phase["entry"], phase["exit"], definitions["Rollback"]["properties"]["gates"]):
        section["items"] = _GATE
    for section in (soak["checkpoints"], soak["every"]):
        section["additionalProperties"]["items"] = _GATE
    for name, definition in definitions.items():
        if name.startswith("StepSpec.") and "gate" in definition.get("properties", {}):
            definition["properties"]["gate"] = _GATE


def _tidied(node: Schema) -> Schema:
    """Editors see what an author may write: references for numbers, no Python names or forms."""
    if isinstance(node.get("title"), str):
        node = _without(node, "title")
    default = node.get("default")
    if isinstance(default, dict) or (isinstance(default, str) and default.startswith("P")):
        node = _without(node, "default")  # a duration's default is not in the form authors write
    if node.get("format") == "time":
        node = {"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]"}
    if node.get("type") in {"integer", "number", "boolean"} or "enum" in node:
        outer: Schema = {key: node[key] for key in ("description", "default") if key in node}
        return {**outer, "anyOf": [_without(node, *outer), _REFERENCE]}
    return node


def _everywhere(node: Any, change: Callable[[Schema], Schema]) -> Any:
    """A copy with every schema object changed, innermost first."""
    if isinstance(node, list):
        return [_everywhere(inner, change) for inner in node]
    if not isinstance(node, dict):
        return node
    inner = {
        key: {name: _everywhere(one, change) for name, one in value.items()}
        if key in {"properties", "$defs"}  # these map names, and a name is no keyword
        else _everywhere(value, change)
        for key, value in node.items()
    }
    return change(inner)
