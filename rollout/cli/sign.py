"""`rollout sign`: with one's own key here, or by a request file that is signed elsewhere and taken in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rollout.adapters.ssh_keygen import SshKeygen
from rollout.cli import exits
from rollout.cli.decide import tell
from rollout.cli.live_settings import deciding_clock
from rollout.cli.place import place
from rollout.live.deciding import Recorded, Refused
from rollout.live.opening import open_live
from rollout.live.request_files import (
    SUFFIX,
    how_to_answer,
    import_command,
    read_answer,
    ssh_command,
    write_request,
)
from rollout.live.signing import Ask, Request, import_signature, request, sign
from rollout.ports import Clock
from rollout.store.opening import Store


@dataclass(frozen=True)
class Asked:
    """The command line."""

    gate: str
    approve: bool | None
    by: str
    role: str
    reason: str
    key: Path | None
    agent: bool
    request: Path | None
    signed: Path | None
    seen: int | None


def run(
    state: str, rollout: str | None, sandbox: Path | None, asked: Asked, *, as_json: bool
) -> int:
    """Raises: Misuse, StoreUnavailable, LogDamaged, PlanProblems, ServiceError."""
    ask = None if asked.signed else _ask(asked)
    store, profile = open_live(state, None, rehearsed=True)
    with store:
        clock = deciding_clock(profile, sandbox, state)
        if asked.signed is not None:
            return tell(_imported(store, rollout, asked, asked.signed, clock), as_json=as_json)
        assert ask is not None
        if asked.request is not None:
            found = request(store, rollout, ask, clock)
            if isinstance(found, Refused):
                return tell(found, as_json=as_json)
            there = place(state, rollout, sandbox)
            return _request(found, asked.request, there, as_json=as_json)
        signer = SshKeygen(asked.key, from_agent=asked.agent, tell=_say)
        return tell(sign(store, rollout, ask, signer, clock), as_json=as_json)


def _ask(asked: Asked) -> Ask:
    """Raises: Misuse naming everything that is missing."""
    missing = [
        name
        for name, given in (
            ("GATE", asked.gate),
            ("--approve or --reject", asked.approve is not None),
            ("--by", asked.by),
            ("--role", asked.role),
            ("--reason", asked.reason),
        )
        if not given
    ]
    if missing:
        raise exits.Misuse(f"sign needs {', '.join(missing)}; or --import FILE{SUFFIX}")
    ways = [
        n
        for n, g in (("--key", asked.key), ("--agent", asked.agent), ("--request", asked.request))
        if g
    ]
    if len(ways) > 1:
        raise exits.Misuse(f"{' and '.join(ways)}: sign in one way")
    return Ask(asked.gate, asked.by, asked.role, asked.reason, bool(asked.approve), asked.seen)


def _imported(
    store: Store, rollout: str | None, asked: Asked, signed: Path, clock: Clock | None
) -> Recorded | Refused:
    told = [
        name
        for name, given in (
            ("GATE", asked.gate),
            ("--approve or --reject", asked.approve is not None),
            *(("--by", asked.by), ("--role", asked.role), ("--reason", asked.reason)),
            *(("--key", asked.key), ("--agent", asked.agent), ("--seen", asked.seen is not None)),
        )
        if given
    ]
    if told:
        raise exits.Misuse(f"--import: what was signed says it all, leave out {', '.join(told)}")
    message, armored = read_answer(signed, asked.request)
    return import_signature(store, rollout, message, armored, clock)


def _request(found: Request, path: Path, there: Sequence[str], *, as_json: bool) -> int:
    write_request(found, path)
    command, then = ssh_command(path.name), import_command(path, there)
    if as_json:
        exits.write_json(
            {
                "request": str(path),
                "seq": found.seq,
                "statement": found.statement,
                "keys": found.fingerprints,
                "sign": command,
                "import": then,
            }
        )
        return exits.GO
    exits.write(f"{command}\n")
    lines = [*how_to_answer(found, path), "Then:", then]
    exits.say("\n  ".join(["rollout: " + lines[0], *lines[1:]]))
    return exits.GO


def _say(text: str) -> None:
    exits.say(f"rollout: {text}")
