"""Request files beside a report: for those whom it asks to sign, and again for those asked before.

A report reads; who is asked to sign is asked by an event of the log. So asking comes first, by the same
road as `rollout sign --request`, and what is written beside the page is what the log then holds.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rollout.cli import exits
from rollout.cli.live_settings import deciding_clock
from rollout.domain.plan import Plan
from rollout.domain.sign_off import statement_of
from rollout.domain.standing import standing_signatures
from rollout.domain.state import GateState, RolloutState
from rollout.live.deciding import Refused
from rollout.live.opening import open_live
from rollout.live.request_files import how_to_answer, import_command, ssh_command, write_request
from rollout.live.signing import Ask, Request, open_requests, request
from rollout.view.signing_ways import request_file


@dataclass(frozen=True)
class Asking:
    """Whom to ask, each `NAME` or `NAME:ROLE`, and why they should sign: it is part of what is signed."""

    names: Sequence[str]
    reason: str
    sandbox: Path | None


@dataclass(frozen=True)
class Asked:
    """The events in which people are asked now, and why others are not."""

    seqs: Collection[int] = ()
    refused: Sequence[tuple[str, str]] = ()


def pairs(plan: Plan, state: RolloutState, gate: GateState, names: Sequence[str]) -> list[Ask]:
    """A question, still without its reason, for each name. Raises: Misuse naming every name that fits
    no role, or more than one."""
    rule = plan.phase(gate.phase).sign_off
    if rule is None or gate.moment != "exit":
        raise exits.Misuse(f"--ask: {gate.gate} of {gate.phase} is signed by nobody")
    signed = {
        s.role
        for s in standing_signatures(state, gate.phase, four_eyes=rule.four_eyes)
        if s.approve
    }
    people = plan.roster().people
    found: list[Ask] = []
    problems: list[str] = []
    for name in names:
        person, role = _named(name, rule.roles)
        roles = [r for r in rule.roles if person in people.get(r, ()) and role in {"", r}]
        open_roles = [r for r in roles if r not in signed] or roles
        if len(open_roles) == 1:
            found.append(Ask(gate.gate, person, open_roles[0], ""))
        elif open_roles:
            problems.append(f"{person} may sign as {' or '.join(open_roles)}: say {person}:ROLE")
        else:
            who = "; ".join(f"{r}: {', '.join(people.get(r, ()))}" for r in rule.roles)
            problems.append(f"{name} does not sign {gate.gate} ({who})")
    if problems:
        raise exits.Misuse(f"--ask: {'; '.join(problems)}")
    return found


def _named(name: str, roles: Collection[str]) -> tuple[str, str]:
    person, colon, role = name.rpartition(":")
    return (person, role) if colon and role in roles else (name, "")


def ask(state: str, rollout: str | None, questions: Sequence[Ask], asking: Asking) -> Asked:
    """Each becomes an event, unless the same is asked already.

    Raises: StoreUnavailable, LogDamaged, PlanProblems, ServiceError.
    """
    seqs: list[int] = []
    refused: list[tuple[str, str]] = []
    store, profile = open_live(state, None, rehearsed=True)
    with store:
        clock = deciding_clock(profile, asking.sandbox, state)
        for q in questions:
            said = request(store, rollout, Ask(q.gate, q.by, q.role, asking.reason), clock)
            if isinstance(said, Refused):
                refused.append((q.by, said.reason))
            else:
                seqs.append(said.seq)
    return Asked(seqs, refused)


def open_questions(state: RolloutState, plan: Plan, gates: Sequence[GateState]) -> list[Request]:
    """Those of these gates that can still be answered, by the log's own time: the same log gives the
    same files."""
    at = state.latest_at
    if at is None or not state.requests:
        return []
    places = {(g.phase, g.attempt, g.gate) for g in gates if g.moment == "exit"}
    keys = plan.roster().keys
    return [
        Request(
            statement_of(state.rollout, r),
            r.seq,
            tuple(k.fingerprint for k in keys.get(r.by, ()) if k.counts(at)),
        )
        for r in open_requests(state, at)
        if (r.phase, r.attempt, r.gate) in places
    ]


def write_files(out: Path, found: Sequence[Request]) -> list[Path]:
    """One file each, in the folder or beside the page, named by gate, person and event.

    Raises: PlanProblems.
    """
    folder = out if out.is_dir() else out.parent
    paths = [folder / _file_name(asked) for asked in found]
    for asked, path in zip(found, paths, strict=True):
        write_request(asked, path)
    return paths


def _file_name(asked: Request) -> str:
    said = asked.statement
    return request_file(f"sign-{said.gate}", f"{said.by}-{asked.seq}")


def document(found: Sequence[Request], paths: Sequence[Path], place: Sequence[str]) -> list[Any]:
    """Each question, its file, the two commands that answer it, and `how` in words."""
    return [
        {
            "request": str(path),
            "seq": asked.seq,
            "by": asked.statement.by,
            "role": asked.statement.role,
            "expires": asked.statement.expires,
            "keys": asked.fingerprints,
            "sign": ssh_command(path.name),
            "import": import_command(path, place),
            "how": [*how_to_answer(asked, path), f"Then: {import_command(path, place)}"],
        }
        for asked, path in zip(found, paths, strict=True)
    ]
