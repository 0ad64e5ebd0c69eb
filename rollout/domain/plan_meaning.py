"""What a gate or a step of a plan really asks: its own words, and what it takes from elsewhere in the plan.

Two plans may write a check the same way and mean something else by it: another value of a parameter,
another sync of that name, another place behind a connection. Wording that no verdict depends on (titles,
advice) is no meaning.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rollout.domain.canonical import canonical_bytes
from rollout.domain.plan import CheckSpec, GateSpec, Plan, StepSpec, SyncSpec
from rollout.domain.references import references

NOTIFY = "notify"
"""The service of connections that tell people and measure nothing."""

_WORDING = {"if_it_fails"}


def changed_checks(old: Plan, new: Plan, gate: str) -> list[str]:
    """Checks of a gate that mean something else in the new plan, that are gone, or that are new."""
    before, after = _checks(old.gates.get(gate)), _checks(new.gates.get(gate))
    return [
        name
        for name in dict.fromkeys((*before, *after))
        if name not in before
        or name not in after
        or meaning_of_check(old, before[name]) != meaning_of_check(new, after[name])
    ]


def changed_gates(old: Plan, new: Plan) -> list[str]:
    """Gates of the old plan that mean something else in the new one, or are gone."""
    return [gate for gate in old.gates if changed_checks(old, new, gate)]


def meaning_of_check(plan: Plan, check: CheckSpec) -> bytes:
    """Equal for two checks that every observation would be judged alike by. What a person confirms
    by an `attest` check is also its title. Whose code a kind is cannot be told from here: other code of
    any plug-in makes it another check."""
    said = check.model_dump(mode="json", by_alias=True)
    without = _WORDING if check.kind == "attest" else _WORDING | {"title"}
    own = {key: value for key, value in said.items() if key not in without}
    named = set(texts(own))
    syncs = {n: sync_meaning(spec) for n, spec in plan.syncs.items() if n in named}
    code = {name: digest for name, digest in plan.files.items() if name.endswith(".py")}
    return canonical_bytes([own, _params_of(plan, own), syncs, code, _looked_through(plan, named)])


def meaning_of_step(plan: Plan, step: StepSpec) -> bytes:
    """Equal for two steps that are written the same, but for the title, and take the same parameters."""
    said = step.model_dump(mode="json", by_alias=True)
    own = {key: value for key, value in said.items() if key != "title"}
    return canonical_bytes([own, _params_of(plan, own)])


def sync_meaning(spec: SyncSpec) -> dict[str, Any]:
    """All of a sync but its title."""
    return spec.model_dump(mode="json", exclude={"title"})


def places(plan: Plan) -> dict[str, Any]:
    """Where each connection leads, without how it is entered; those that only tell people left out."""
    keys = ("uses", "host", "instance", "base_url", "region")
    return {
        name: [said.get(key) for key in keys]
        for name, said in plan.connections.items()
        if said.get("uses") != NOTIFY
    }


def _checks(gate: GateSpec | None) -> dict[str, CheckSpec]:
    return {c.check: c for c in gate.checks} if gate is not None else {}


def _looked_through(plan: Plan, named: set[str]) -> dict[str, Any]:
    """A check need not name its connection, and a page is read from the host of any of them; one that
    only tells people counts where it is named."""
    return {
        name: said
        for name, said in plan.connections.items()
        if said.get("uses") != NOTIFY or name in named
    }


def _params_of(plan: Plan, document: Any) -> dict[str, Any]:
    """Values of the parameters that a document refers to."""
    return {
        r.name: plan.params.get(r.name.removeprefix("params."))
        for r in references(document)
        if r.name is not None and r.parts[0] == "params"
    }


def texts(document: Any) -> Iterator[str]:
    """Every text in a document, the keys of its mappings included."""
    if isinstance(document, str):
        yield document
    elif isinstance(document, Mapping):
        for key, value in document.items():
            yield str(key)
            yield from texts(value)
    elif isinstance(document, list | tuple):
        for value in document:
            yield from texts(value)
