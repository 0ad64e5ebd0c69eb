"""`rollout decide`, `attest` and `waive`: what people say, recorded beside the controller."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

from rollout.cli import exits
from rollout.cli.live_settings import deciding_clock
from rollout.cli.log import line
from rollout.cli.place import place
from rollout.domain.command import BY_ITSELF
from rollout.domain.events import SignedOff
from rollout.live.deciding import Recorded, Refused, Wish, submit
from rollout.live.opening import open_live
from rollout.live.profiles import PROFILES
from rollout.store.ownership import holder_of

DECISIONS = {
    "go": "proceed",
    "hold": "hold",
    "resume": "resume",
    "retry": "retry",
    "rollback": "roll_back",
    "abort": "abort",
    "restart": "restart",
    "end": "end",
    "settle": "settle",
    "close": "close_finding",
}
"""As people type it -> the command's name in the log."""

UNSIGNED = "recorded, not cryptographically signed"


def decision(word: str) -> str:
    """Raises: Misuse for a word that is no decision."""
    if word not in DECISIONS:
        raise exits.Misuse(f"{word!r} is not a decision: use one of {', '.join(DECISIONS)}")
    return DECISIONS[word]


def run(state: str, rollout: str | None, sandbox: Path | None, wish: Wish, *, as_json: bool) -> int:
    """Raises: StoreUnavailable, LogDamaged, PlanProblems, ServiceError."""
    store, profile = open_live(state, None, rehearsed=True)
    with store:
        said = submit(store, rollout, wish, deciding_clock(profile, sandbox, state))
    if isinstance(said, Refused) and profile in PROFILES:
        said = replace(said, reason=_when_driven(said.reason, state, rollout, sandbox))
    return tell(said, as_json=as_json)


def _when_driven(reason: str, state: str, rollout: str | None, sandbox: Path | None) -> str:
    """Nothing moves on by itself while nobody drives it."""
    if not reason.endswith(BY_ITSELF) or holder_of(state):
        return reason
    command = shlex.join(["rollout", "run", *place(state, rollout, sandbox)])
    return f"{reason} once a controller runs: `{command}`"


def tell(said: Recorded | Refused, *, as_json: bool) -> int:
    """What came of it, and the exit code."""
    if isinstance(said, Recorded):
        return _recorded(said, as_json=as_json)
    return _refused(said, as_json=as_json)


def _recorded(said: Recorded, *, as_json: bool) -> int:
    unsigned = any(
        isinstance(e.payload, SignedOff) and not e.payload.signature for e in said.events
    )
    if as_json:
        document: dict[str, object] = {
            "recorded": [{"seq": e.seq, "text": line(e)} for e in said.events]
        }
        exits.write_json({**document, **({"signature": None} if unsigned else {})})
        return exits.GO
    exits.write_lines([line(event) for event in said.events])
    if unsigned:
        exits.say(f"rollout: {UNSIGNED}")
    return exits.GO


def _refused(said: Refused, *, as_json: bool) -> int:
    if as_json:
        exits.write_json(
            {
                "refused": said.reason,
                "meanwhile": [{"seq": e.seq, "text": line(e)} for e in said.meanwhile],
            }
        )
        return exits.NO_GO
    exits.say(f"rollout: refused: {said.reason}")
    for event in said.meanwhile:
        exits.say(f"  recorded: {line(event)}")
    return exits.NO_GO
