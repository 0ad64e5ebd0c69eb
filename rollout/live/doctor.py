"""Look at every connection of a plan before anything depends on it, and say what to set."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from rollout.adapters.salesforce import SalesforceRecordStore
from rollout.domain.errors import (
    KindMisused,
    PlanProblems,
    QueryFailed,
    RolloutError,
    ServiceError,
    ServiceGarbled,
    ServiceRefused,
    ServiceUnreachable,
)
from rollout.domain.plan import Plan, SyncSpec
from rollout.domain.signable import unsignable
from rollout.live.connections import LiveConnections
from rollout.live.plan_relations import relations
from rollout.ports import SyncConfig

OK, WRONG, UNREACHABLE, NOTE = "ok", "wrong", "unreachable", "note"
ASK_S = 60.0
"""Seconds for one question to a warehouse."""

_NAMED_FILE = re.compile(r"the secret file (.+?)(?:: | is empty)")
_VARIABLE = re.compile(r"\$\{(?:env:)?([^}]+)\}")
_TOKENS_FAULT = (401, 403)


@dataclass(frozen=True)
class Line:
    """One thing that was looked at. `state`: ok, wrong (a setting), unreachable, or note (could
    not be told); `fix` says what to set; `seconds` is how long the answer took."""

    connection: str
    what: str
    state: str
    said: str
    fix: str = ""
    seconds: float | None = None


def examine(plan: Plan, connections: LiveConnections) -> Iterator[Line]:
    """Every connection in the plan's order; a connection that does not answer is asked no more."""
    looks: Mapping[str, Callable[[Plan, LiveConnections, str], Iterator[Line]]] = {
        "databricks": _warehouse,
        "census": _census,
        "salesforce": _salesforce,
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


def _first(plan: Plan, name: str, ask: Callable[[], str]) -> Line:
    """Whom a connection takes us for: a token it does not take, or an address that is another's."""
    keys = [k for k in ("host", "http_path", "base_url", "instance") if k in plan.connections[name]]
    places = f"look at {' and '.join(keys)}: " if keys else ""
    elsewhere = f"{places}it answers, but not as what the plan takes it for"
    return _asked(name, "who am I", ask, _token_fix(plan, name), elsewhere)


def _asked(
    name: str, what: str, ask: Callable[[], str], fix: str = "", elsewhere: str = ""
) -> Line:
    """What a service answered, or why it did not, and how long that took. `elsewhere`: what to do
    when it was refused for another reason than the token's rights."""
    began = time.monotonic()
    try:
        said, state = ask(), OK
    except ServiceUnreachable as error:
        said, state, fix = str(error), UNREACHABLE, "look at the network, and at the host's name"
    except ServiceGarbled as error:
        said, state = str(error), UNREACHABLE
        fix = "something else answers there: look at the host's name"
    except ServiceRefused as error:
        said, state = str(error), WRONG
        if error.status is not None and error.status not in _TOKENS_FAULT:
            fix = elsewhere or fix
    except QueryFailed as error:
        said, state = str(error), WRONG
    except (PlanProblems, KindMisused):
        raise
    except RolloutError as error:
        said, state = str(error), WRONG
    return Line(name, what, state, said, "" if state == OK else fix, time.monotonic() - began)


def _token_fix(plan: Plan, name: str) -> str:
    for key in ("token", "client_secret"):
        found = _VARIABLE.search(str(plan.connections[name].get(key, "")))
        if found:
            return f"set {found[1]} to a token that is valid there"
    return "give it a token that is valid there"


def _census(plan: Plan, connections: LiveConnections, name: str) -> Iterator[Line]:
    service = connections.sync_service(name)
    wanted = connections.document(name).get("workspace")
    found: dict[str, Any] = {}

    def who() -> str:
        found.update(service.whoami())
        return ", ".join(f"{k} {v}" for k, v in found.items() if v is not None)[:200]

    first = _first(plan, name, who)
    yield first
    if first.state != OK:
        return
    if wanted is not None:
        yield _same(name, "workspace", wanted, [found.get("id"), found.get("name")])
    for sync_name, spec in plan.syncs.items():
        if spec.on == name:
            yield from _sync(connections, name, sync_name, spec)


def _same(name: str, what: str, wanted: object, found: list[Any]) -> Line:
    shown = ", ".join(str(value) for value in found if value is not None)
    if not shown:
        return Line(
            name, what, NOTE, f"it does not say which {what} it is, the plan wants {wanted}"
        )
    if str(wanted) in {str(value) for value in found if value is not None}:
        return Line(name, what, OK, f"is {shown}")
    fix = f"use a token of {what} {wanted}, or correct `{what}` in the plan"
    return Line(name, what, WRONG, f"is {shown}, the plan wants {wanted}: wrong {what}", fix)


def _sync(
    connections: LiveConnections, name: str, sync_name: str, spec: SyncSpec
) -> Iterator[Line]:
    held: list[SyncConfig] = []

    def ask() -> str:
        held.append(connections.sync_service(name).sync(spec.id))
        return f"{held[0].label} ({spec.id})"

    what = f"sync {sync_name}"
    line = _asked(name, what, ask, f"correct syncs.{sync_name}.id, which is {spec.id}, in the plan")
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


def _warehouse(plan: Plan, connections: LiveConnections, name: str) -> Iterator[Line]:
    warehouse = connections.warehouse(name)

    def who() -> str:
        try:
            row = warehouse.query("SELECT current_user() AS me", timeout_s=ASK_S).rows[0]
        except QueryFailed:
            warehouse.query("SELECT 1 AS one", timeout_s=ASK_S)
            return "answers; it does not say who we are"
        return f"user {row[0]}"

    first = _first(plan, name, who)
    yield first
    if first.state != OK:
        return
    yield replace(_asked(name, "version", lambda: _version(connections, name)), fix="")
    for relation in relations(plan):

        def look(relation: str = relation) -> str:
            table = warehouse.query(f"SELECT * FROM {relation} LIMIT 1", timeout_s=ASK_S)  # noqa: S608 - three plain names
            return f"readable, {len(table.columns)} columns"

        yield _asked(
            name,
            f"view {relation}",
            look,
            f"create {relation}, grant SELECT on it, or correct its name in the plan",
        )


def _version(connections: LiveConnections, name: str) -> str:
    try:
        found = connections.warehouse(name).query("SELECT version() AS v", timeout_s=ASK_S)
    except QueryFailed:
        return "not told"
    return str(found.rows[0][0])


def _salesforce(plan: Plan, connections: LiveConnections, name: str) -> Iterator[Line]:
    store = connections.record_store(name)

    def allowance() -> str:
        found = store.allowance()
        return f"{found.remaining:,} of {found.allowed:,} API requests are left today"

    first = _first(plan, name, allowance)
    offered = _offered(store) if first.state != UNREACHABLE else []
    spoken = connections.document(name).get("version")
    if spoken and offered and spoken not in offered:
        said = f"{offered[0]} to {offered[-1]} are offered, the plan wants {spoken}"
        fix = f"correct connections.{name}.version in the plan, or leave it out"
        yield Line(name, "version", WRONG, said, fix)
        return
    yield first
    if first.state != OK:
        return
    of = f" of {offered[0]} to {offered[-1]}" if offered else ""
    yield Line(name, "version", OK, f"the API's {store.version()}{of}")
    wanted = connections.document(name).get("organization")
    if wanted is not None:
        rows: list[tuple[Any, ...]] = []

        def organization() -> str:
            rows.extend(store.query("SELECT Id, Name FROM Organization LIMIT 1").rows)
            return "answers"

        asked = _asked(name, "organization", organization, "let the user read Organization")
        yield _same(name, "organization", wanted, list(rows[0])) if rows else asked
    for target in dict.fromkeys(spec.target for spec in plan.syncs.values()):

        def count(target: str = target) -> str:
            return f"readable, {store.query(f'SELECT COUNT() FROM {target}').rows[0][0]:,} records"  # noqa: S608 - an object's name

        yield _asked(name, f"object {target}", count, f"let the user read {target}")


def _offered(store: SalesforceRecordStore) -> list[str]:
    """Nothing when it is not told."""
    try:
        return store.versions()
    except ServiceError:
        return []


def _channel(_plan: Plan, connections: LiveConnections, name: str) -> Iterator[Line]:
    connections.notifier(name)
    yield Line(name, "channel", NOTE, "the addresses can be read; nothing was sent")
