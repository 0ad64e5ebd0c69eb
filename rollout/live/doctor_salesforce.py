"""What `doctor` asks a Salesforce instance: who we are there, and what a rollback must be allowed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rollout.adapters.salesforce import SalesforceRecordStore
from rollout.domain.errors import ServiceError
from rollout.domain.plan import Plan
from rollout.live.connections import LiveConnections
from rollout.live.doctor_lines import NOTE, OK, UNREACHABLE, WRONG, Line, asked, first, same
from rollout.steps.target import STORE

_CREATES = {"upsert", "insert", "mirror", "append"}
_UPDATES = {"upsert", "update", "mirror"}


def look_at_salesforce(plan: Plan, connections: LiveConnections, name: str) -> Iterator[Line]:
    store = connections.record_store(name)

    def allowance() -> str:
        found = store.allowance()
        return f"{found.remaining:,} of {found.allowed:,} API requests are left today"

    line = first(plan, name, allowance)
    offered = _offered(store) if line.state != UNREACHABLE else []
    spoken = connections.document(name).get("version")
    if spoken and offered and spoken not in offered:
        said = f"{offered[0]} to {offered[-1]} are offered, the plan wants {spoken}"
        fix = f"correct connections.{name}.version in the plan, or leave it out"
        yield Line(name, "version", WRONG, said, fix)
        return
    yield line
    if line.state != OK:
        return
    of = f" of {offered[0]} to {offered[-1]}" if offered else ""
    yield Line(name, "version", OK, f"the API's {store.version()}{of}")
    yield _user(plan, store, name)
    wanted = connections.document(name).get("organization")
    if wanted is not None:
        rows: list[tuple[Any, ...]] = []

        def organization() -> str:
            rows.extend(store.query("SELECT Id, Name FROM Organization LIMIT 1").rows)
            return "answers"

        answered = asked(name, "organization", organization, "let the user read Organization")
        yield same(name, "organization", wanted, list(rows[0])) if rows else answered
    for target in dict.fromkeys(spec.target for spec in plan.syncs.values()):

        def count(target: str = target) -> str:
            return f"readable, {store.query(f'SELECT COUNT() FROM {target}').rows[0][0]:,} records"  # noqa: S608 - an object's name

        readable = asked(name, f"object {target}", count, f"let the user read {target}")
        yield readable
        if readable.state == OK and name == STORE:
            yield from _rights(plan, store, name, target)


def _offered(store: SalesforceRecordStore) -> list[str]:
    """Nothing when it is not told."""
    try:
        return store.versions()
    except ServiceError:
        return []


def _user(plan: Plan, store: SalesforceRecordStore, name: str) -> Line:
    """Who writes: a rollback knows its own changes by the user that the plan names."""
    try:
        found = store.user()
    except ServiceError as error:
        return Line(name, "user", NOTE, f"not told: {error}")
    said = f"{found.name} ({found.id})"
    planned = plan.rollback.user if plan.rollback is not None else ""
    if name == STORE and planned and planned[:15] != found.id[:15]:
        fix = "use that user's token, or correct rollback.user in the plan"
        return Line(name, "user", WRONG, f"{said}, a rollback is to write as {planned}", fix)
    return Line(name, "user", OK, said)


def _rights(plan: Plan, store: SalesforceRecordStore, name: str, target: str) -> Iterator[Line]:
    """What undoing the plan's syncs takes: the syncs themselves write as Census' user."""
    wanted = _wanted(plan, target)
    if not wanted:
        return
    held: list[frozenset[str]] = []

    def ask() -> str:
        held.append(store.rights(target))
        return f"may {' and '.join(wanted)} records, as a rollback must"

    what = f"rights on {target}"
    line = asked(name, what, ask, f"let the user describe {target}")
    missing = [right for right in wanted if held and right not in held[0]]
    if not missing:
        yield line
    for right in missing:
        said = f"may not {right} records, and a rollback must: {wanted[right]}"
        fix = f"grant the user's profile or a permission set {right.capitalize()} on {target}"
        yield Line(name, what, WRONG, said, fix, line.seconds)


def _wanted(plan: Plan, target: str) -> dict[str, str]:
    """Right -> why, for the target's syncs that are undone by a baseline."""
    undone = {
        step.inputs.get("sync")
        for phase in plan.phases
        for step in phase.steps
        if step.step == "run_sync" and step.inputs.get("baseline")
    }
    found: dict[str, str] = {}
    for sync, spec in plan.syncs.items():
        if sync not in undone or spec.target != target:
            continue
        if spec.operation in _UPDATES:
            found.setdefault("edit", f"{sync} changes them")
        if spec.operation in _CREATES:
            found.setdefault("delete", f"{sync} makes new ones")
    return found
