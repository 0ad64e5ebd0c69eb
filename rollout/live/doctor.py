"""Look at every connection of a plan before anything depends on it, and say what to set."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from rollout.domain.errors import KindMisused, PlanProblems
from rollout.domain.plan import Plan, SyncSpec
from rollout.domain.signable import unsignable
from rollout.live.connections import LiveConnections
from rollout.live.doctor_lines import NOTE, OK, UNREACHABLE, WRONG, Line, asked, first, same
from rollout.live.doctor_salesforce import look_at_salesforce
from rollout.live.doctor_warehouse import look_at_warehouse
from rollout.ports import SyncConfig

__all__ = ["NOTE", "OK", "UNREACHABLE", "WRONG", "Line", "examine", "examine_signers"]

_NAMED_FILE = re.compile(r"the secret file (.+?)(?:: | is empty)")


def examine(plan: Plan, connections: LiveConnections) -> Iterator[Line]:
    """Every connection in the plan's order; a connection that does not answer is asked no more."""
    looks: Mapping[str, Callable[[Plan, LiveConnections, str], Iterator[Line]]] = {
        "databricks": look_at_warehouse,
        "census": _census,
        "salesforce": look_at_salesforce,
        "notify": _channel,
    }
    for name in connections.names():
        look = looks.get(connections.uses(name))
        try:
            connections.document(name)
        except PlanProblems as missing:
            yield from (_setting(name, problem) for problem in missing.problems)
            continue
        if look is None:
            yield Line(name, "service", WRONG, f"unknown service {connections.uses(name)!r}")
            continue
        try:
            yield from look(plan, connections, name)
        except (PlanProblems, KindMisused) as wrong:
            problems = wrong.problems if isinstance(wrong, PlanProblems) else [str(wrong)]
            yield from (_setting(name, problem) for problem in problems)


def examine_signers(plan: Plan, profile: str, at: datetime) -> Iterator[Line]:
    """Whether those who must sign can: by their words where these are enough, else by their keys."""
    missing = unsignable(plan, profile, at)
    for said in missing:
        yield Line("roles", "signers", WRONG, said, "docs/signing.md says how")
    if not missing and any(phase.sign_off for phase in plan.phases):
        yield Line("roles", "signers", OK, "every sign-off has people who can give it")


def _setting(name: str, problem: str) -> Line:
    """A variable or file that is missing, or a setting that cannot work."""
    variable = re.search(r"variable ([A-Za-z_]\w*)", problem)
    file = _NAMED_FILE.search(problem)
    fix = "correct it in the plan"
    if variable:
        fix = f"set {variable[1]} in the environment"
    elif file:
        fix = f"put the secret into {file[1]}, a file that its owner alone may read (chmod 600)"
    return Line(name, "setting", WRONG, problem.removeprefix(f"connection {name}: "), fix)


def _census(plan: Plan, connections: LiveConnections, name: str) -> Iterator[Line]:
    service = connections.sync_service(name)
    wanted = connections.document(name).get("workspace")
    found: dict[str, Any] = {}

    def who() -> str:
        found.update(service.whoami())
        return ", ".join(f"{k} {v}" for k, v in found.items() if v is not None)[:200]

    line = first(plan, name, who)
    yield line
    if line.state != OK:
        return
    if wanted is not None:
        yield same(name, "workspace", wanted, [found.get("id"), found.get("name")])
    for sync_name, spec in plan.syncs.items():
        if spec.on == name:
            yield from _sync(connections, name, sync_name, spec)


def _sync(
    connections: LiveConnections, name: str, sync_name: str, spec: SyncSpec
) -> Iterator[Line]:
    held: list[SyncConfig] = []

    def ask() -> str:
        held.append(connections.sync_service(name).sync(spec.id))
        return f"{held[0].label} ({spec.id})"

    what = f"sync {sync_name}"
    line = asked(name, what, ask, f"correct syncs.{sync_name}.id, which is {spec.id}, in the plan")
    yield line
    if not held:
        return
    config = held[0]
    if config.paused:
        yield Line(name, what, WRONG, f"sync {spec.id} is paused", "resume it in Census")
    for key, planned, real in (
        ("operation", spec.operation, config.operation),
        ("target", spec.target, config.target),
        ("key", spec.key, config.key),
        ("source", spec.source, config.source),
    ):
        if planned.lower() != real.lower():
            said = f"sync {spec.id} has the {key} {real}, the plan says {planned}"
            yield Line(name, what, WRONG, said, f"correct the sync, or syncs.{sync_name}.{key}")


def _channel(_plan: Plan, connections: LiveConnections, name: str) -> Iterator[Line]:
    connections.notifier(name)
    yield Line(name, "channel", NOTE, "the addresses can be read; nothing was sent")
