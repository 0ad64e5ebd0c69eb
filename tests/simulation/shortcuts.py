"""What is the same in every run is computed once: pure functions alone, each with all it depends on.

A test holds the logs of some runs with these shortcuts against those without.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

from httpx import URL
from sqlalchemy.sql import ClauseElement

from rollout.adapters import endpoint, http
from rollout.adapters.redaction import Redactor
from rollout.checks import sql
from rollout.domain.machine import PlanMachine
from rollout.domain.plan import Plan
from rollout.engine import controller
from rollout.engine.approved_plan import plan_of as read_plan
from rollout.live import adopting, deciding
from rollout.store import ownership
from rollout.store.link import Link

Patch = tuple[Any, str, Any]


@contextmanager
def quick() -> Iterator[None]:
    """While this is open; and nobody waits for a lock in vain."""
    with ExitStack() as stack:
        for shortcut in SHORTCUTS:
            for where, what, instead in shortcut():
                stack.enter_context(mock.patch.object(where, what, instead))
        stack.enter_context(mock.patch.object(ownership, "_ATTEMPTS", 1))
        yield


def machines() -> list[Patch]:
    made: dict[tuple[str, ...], PlanMachine] = {}

    def machine(phases: Sequence[str]) -> PlanMachine:
        key = tuple(phases)
        if key not in made:
            made[key] = PlanMachine(key)
        return made[key]

    return [(controller, "PlanMachine", machine), (deciding, "PlanMachine", machine)]


def plans() -> list[Patch]:
    """A plan by its digest, and the digest of a plan, which is kept so that its identity stays its own."""
    read: dict[str, Plan] = {}
    digests: dict[int, tuple[Plan, str]] = {}
    digest_of = Plan.sha256

    def plan_of(evidence: Any, digest: str) -> Plan:
        if digest not in read:
            read[digest] = read_plan(evidence, digest)
        return read[digest]

    def sha256(self: Plan) -> str:
        if id(self) not in digests:
            digests[id(self)] = (self, digest_of(self))
        return digests[id(self)][1]

    return [
        (deciding, "plan_of", plan_of),
        (adopting, "plan_of", plan_of),
        (Plan, "sha256", sha256),
    ]


def statements() -> list[Patch]:
    guard, compile_ = sql.guarded, Link.statement
    asked: dict[tuple[str, ...], str] = {}
    compiled: dict[tuple[ClauseElement, tuple[str, ...]], str] = {}

    def guarded(text: str, relations: list[str]) -> str:
        key = (text, *relations)
        if key not in asked:
            asked[key] = guard(text, relations)
        return asked[key]

    def statement(self: Link, clause: ClauseElement, *names: str) -> str:
        if (clause, names) not in compiled:
            compiled[clause, names] = compile_(self, clause, *names)
        return compiled[clause, names]

    return [(sql, "guarded", guarded), (Link, "statement", statement)]


def urls() -> list[Patch]:
    bases: dict[str, URL] = {}
    whole: dict[tuple[int, str], URL] = {}

    def parse_base_url(text: str, service: str, redactor: Redactor) -> URL:
        if text not in bases:
            bases[text] = endpoint.parse_base_url(text, service, redactor)
        return bases[text]

    def confined_url(base: URL, path: str) -> URL:
        if (id(base), path) not in whole:
            whole[id(base), path] = endpoint.confined_url(base, path)
        return whole[id(base), path]

    return [(http, "parse_base_url", parse_base_url), (http, "confined_url", confined_url)]


SHORTCUTS: Sequence[Callable[[], list[Patch]]] = (machines, plans, statements, urls)
