"""One line of what `doctor` finds: what was asked, what was said, and what to set."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rollout.domain.errors import (
    KindMisused,
    PlanProblems,
    QueryFailed,
    RolloutError,
    ServiceGarbled,
    ServiceRefused,
    ServiceUnreachable,
)
from rollout.domain.plan import Plan

OK, WRONG, UNREACHABLE, NOTE = "ok", "wrong", "unreachable", "note"

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


def first(plan: Plan, name: str, ask: Callable[[], str]) -> Line:
    """Whom a connection takes us for: a token it does not take, or an address that is another's."""
    keys = [k for k in ("host", "http_path", "base_url", "instance") if k in plan.connections[name]]
    places = f"look at {' and '.join(keys)}: " if keys else ""
    elsewhere = f"{places}it answers, but not as what the plan takes it for"
    return asked(name, "who am I", ask, token_fix(plan, name), elsewhere)


def asked(name: str, what: str, ask: Callable[[], str], fix: str = "", elsewhere: str = "") -> Line:
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


def token_fix(plan: Plan, name: str) -> str:
    for key in ("token", "client_secret"):
        found = _VARIABLE.search(str(plan.connections[name].get(key, "")))
        if found:
            return f"set {found[1]} to a token that is valid there"
    return "give it a token that is valid there"


def same(name: str, what: str, wanted: object, found: list[Any]) -> Line:
    shown = ", ".join(str(value) for value in found if value is not None)
    if not shown:
        return Line(
            name, what, NOTE, f"it does not say which {what} it is, the plan wants {wanted}"
        )
    if str(wanted) in {str(value) for value in found if value is not None}:
        return Line(name, what, OK, f"is {shown}")
    fix = f"use a token of {what} {wanted}, or correct `{what}` in the plan"
    return Line(name, what, WRONG, f"is {shown}, the plan wants {wanted}: wrong {what}", fix)
