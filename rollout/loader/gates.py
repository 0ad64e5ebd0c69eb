"""Gates: found by id in the gate files, and filled in with the values of each use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from rollout.domain.canonical import canonical_bytes
from rollout.domain.plan import GateSpec
from rollout.domain.references import KEEP
from rollout.loader.draft import (
    CHECK_KEYS,
    LATEST,
    CheckDraft,
    Draft,
    GateDraft,
    GateUse,
    Moment,
    step_nodes,
)
from rollout.loader.filling import Space, fill
from rollout.loader.inputs import InputReader, split
from rollout.loader.nodes import Node
from rollout.loader.sources import Sources
from rollout.loader.wording import keys_of, report


class GateLibrary:
    """Finds a gate by its id; only files that may hold a wanted gate are read."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._files = sources.gate_files()
        self._found: dict[str, tuple[Node, Path] | None] = {}
        self._unreadable: set[Path] = set()

    def find(self, gate: str, reference: Node) -> tuple[Node, Path] | None:
        """The gate's mapping and its file. An unknown gate is reported where it is named."""
        if gate not in self._found:
            matches = [
                (node, path)
                for path, ids in self._files.items()
                if gate in ids
                for node in self._gates_in(path, reference)
                if node.text("gate") == gate
            ]
            for again, _ in matches[1:]:
                first = matches[0][0].document
                (again.get("gate") or again).problem(f"gate `{gate}` is also in {first.file}")
            self._found[gate] = matches[0] if matches else None
        is_hidden = any(gate in self._files[path] for path in self._unreadable)
        if self._found[gate] is None and not is_hidden:
            known = {name for ids in self._files.values() for name in ids} - {gate}
            reference.problem(f"no file in `gates` holds a gate `{gate}`", gate, known)
        return self._found[gate]

    def _gates_in(self, path: Path, reference: Node) -> list[Node]:
        root = self._sources.read_gates(path, reference)
        if root is None:
            self._unreadable.add(path)
            return []
        if "gates" not in root.value:
            return [root]
        for key, child in root.items():
            if key != "gates":
                child.key_problem(f"unknown key `{key}` beside `gates`")
        return root.members("gates")


def gate_uses(draft: Draft) -> list[GateUse]:
    """Every place of the plan that names a gate, in reading order; malformed ones are reported."""
    uses = []
    for node, moment in _references(draft):
        use = _use(node, moment)
        if use is None:
            _put(draft.plan.value, node.path, "?")  # one problem is enough
        else:
            uses.append(use)
    return uses


def _references(draft: Draft) -> Iterator[tuple[Node, Moment]]:
    steps = list(step_nodes(draft.plan))
    for number, phase in enumerate(draft.phases()):
        yield from ((node, (number, 0)) for node in phase.members("entry"))
        for at, step in steps:
            if at[0] == number:
                yield from ((node, at) for node in _gates_of_step(step, draft))
        yield from ((node, (number, LATEST)) for node in _gates_of_soak(phase))
        yield from ((node, (number, LATEST)) for node in phase.members("exit"))
    rollback = draft.plan.get("rollback")
    if rollback is not None:
        for at, step in steps:
            if at[0] == LATEST:
                yield from ((node, at) for node in _gates_of_step(step, draft))
        yield from ((node, (LATEST, LATEST)) for node in rollback.members("gates"))


def _gates_of_step(step: Node, draft: Draft) -> Iterator[Node]:
    kind = draft.step_kinds.get(step.text("step") or "")
    if kind is not None and "gate" in keys_of(kind.Inputs):
        child = step.get("gate")
        if child is not None:
            yield child


def _gates_of_soak(phase: Node) -> Iterator[Node]:
    soak = phase.get("soak")
    for section in ("checkpoints", "every"):
        for _, gates in soak.named(section) if soak else []:
            yield from gates.each()


def _use(node: Node, moment: Moment) -> GateUse | None:
    if isinstance(node.value, str):
        return GateUse(node, node.value, [], moment)
    gate = node.text("gate")
    if gate is None:
        node.problem("a gate is named by its id, or by `{gate: id, with: {name: value}}`")
        return None
    for key, child in node.items():
        if key not in {"gate", "with"}:
            child.key_problem(f"unknown key `{key}`", key, ["gate", "with"])
    given = node.get("with")
    if given is not None and not isinstance(given.value, dict):
        given.problem("must be a mapping (`name: value`)")
    return GateUse(node, gate, node.named("with"), moment)


def add_gates(draft: Draft) -> None:
    """Fill in every gate the plan uses, once for each set of values, and put its key where the
    plan names it."""
    library = GateLibrary(draft.sources)
    keys: dict[bytes, str] = {}
    for use in gate_uses(draft):
        found = library.find(use.gate, use.node)
        key = use.gate
        if found is not None:
            values = _values(use, found[0], draft)
            identity = canonical_bytes([use.gate, sorted(values.items(), key=lambda v: v[0])])
            key = keys.get(identity, "")
            if not key:
                same = sum(1 for gate in draft.gates.values() if gate.gate == use.gate)
                key = use.gate if not same else f"{use.gate}__{same + 1}"
                keys[identity] = key
                draft.gates[key] = _filled(use.gate, key, found, values, draft)
            draft.gates[key].uses.append(use)
        _put(draft.plan.value, use.node.path, key)


def _put(document: Any, path: tuple[str | int, ...], value: Any) -> None:
    for key in path[:-1]:
        document = document[key]
    document[path[-1]] = value


def _values(use: GateUse, gate: Node, draft: Draft) -> dict[str, Any]:
    """The gate's parameters for this use: given, else the default, else a problem."""
    declared = dict(gate.named("params"))
    given = dict(use.values)
    for name, node in given.items():
        if name not in declared:
            what = f"gate `{use.gate}` has no parameter `{name}`"
            node.key_problem(what, name, declared)
        elif isinstance(node.value, dict | list):
            node.problem("must be one value, not a list or mapping")
    values: dict[str, Any] = {}
    for name, parameter in declared.items():
        default = parameter.get("default")
        if name in given:
            values[name] = given[name].value
        elif default is not None and default.value is not None:
            values[name] = fill(default, [draft.params_space]).value
        else:
            use.node.problem(f"gate `{use.gate}` needs a value for its parameter `{name}`")
            values[name] = None
    return values


def _filled(
    gate: str, key: str, found: tuple[Node, Path], values: dict[str, Any], draft: Draft
) -> GateDraft:
    raw, path = found
    known = {name: KEEP if value is None else value for name, value in values.items()}
    spaces = [draft.params_space, Space("gate", known)]
    node = fill(raw, spaces)
    reader = InputReader(draft.sources, spaces, path.parent, draft.sql)
    filled = GateDraft(gate, key, node, values)
    for check in node.members("checks"):
        kind = draft.check_kinds.get(check.text("kind") or "")
        filled.checks.append(CheckDraft(check, kind, reader.of_check(check, kind)))
    return filled


def gate_model(gate: GateDraft) -> GateSpec | None:
    """The gate as a model; None after its shape was reported."""
    data = {**gate.node.value, "gate": gate.key}
    if isinstance(data.get("checks"), list):
        data["checks"] = [split(check.node, CHECK_KEYS, check.inputs) for check in gate.checks]
    if isinstance(data.get("params"), dict):
        data["params"] = {
            name: {**parameter, "default": gate.params.get(name)}
            if isinstance(parameter, dict)
            else parameter
            for name, parameter in data["params"].items()
        }
    try:
        return GateSpec.model_validate(data)
    except ValidationError as error:
        report(error, gate.node, GateSpec)
        return None
