"""The way of a signature from a dialog into the log: asked for, made here or elsewhere, taken in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from rollout.domain.machine import PlanMachine
from rollout.domain.plan import Plan
from rollout.domain.state import RolloutState
from rollout.live.deciding import Recorded, Refused
from rollout.live.foretelling import foretell_signature
from rollout.live.request_files import how_to_answer, import_command, read_answer, write_request
from rollout.live.signing import Ask, Signer, import_signature, request, same_question, sign
from rollout.ports import Clock
from rollout.store.opening import Store
from rollout.tui.outcomes import Foretold, Said
from rollout.view.dialogs import Saying
from rollout.view.sentences import sentence
from rollout.view.signing_ways import IMPORT, REQUEST

SignerOf = Callable[[Path | None], Signer]
"""Who signs with the key in that file; None: with one that is looked for."""

VERIFIED_FIRST = "what was signed, once it is verified and held against what was asked for"


def foretold(
    plan: Plan, machine: PlanMachine, state: RolloutState, said: Saying, at: datetime
) -> Foretold:
    """Quick and pure: no file is read, and no key."""
    if said.way == IMPORT:
        return Foretold(events=[VERIFIED_FIRST])
    asked = same_question(state, _ask(said), at)
    if asked is not None and said.way == REQUEST:
        return Foretold(events=[f"nothing new: #{asked.seq} asks just that; its file is written"])
    outcome = foretell_signature(plan, machine, state, _ask(said), at)
    if isinstance(outcome, Refused):
        return Foretold(refused=outcome.reason)
    first, last = (1 if asked else 0), (1 if said.way == REQUEST else 2)
    lines = enumerate(outcome[first:last], 1)
    return Foretold(events=[f"#{state.seq + n} {sentence(p)}" for n, p in lines])


def signed(
    store: Store,
    rollout: str | None,
    said: Saying,
    clock: Clock | None,
    signer_of: SignerOf,
    place: Sequence[str],
) -> Said:
    """Raises: PlanProblems for a file, StoreUnavailable, LogDamaged."""
    path = Path(said.file).expanduser() if said.file else None
    if said.way == IMPORT and path is not None:
        message, armored = read_answer(path)
        return in_words(import_signature(store, rollout, message, armored, clock))
    ask = _ask(said)
    if said.way == REQUEST and path is not None:
        return _requested(store, rollout, ask, clock, path, place)
    return in_words(sign(store, rollout, ask, signer_of(path), clock))


def _requested(
    store: Store,
    rollout: str | None,
    ask: Ask,
    clock: Clock | None,
    path: Path,
    place: Sequence[str],
) -> Said:
    asked = request(store, rollout, ask, clock)
    if isinstance(asked, Refused):
        return in_words(asked)
    write_request(asked, path)
    return Said(
        events=[f"#{asked.seq} asks {ask.by} to sign {ask.gate}"],
        told=[
            *how_to_answer(asked, path),
            f"Then take it in here, or by: {import_command(path, place)}",
        ],
    )


def in_words(outcome: Recorded | Refused) -> Said:
    """What the log has answered."""
    if isinstance(outcome, Refused):
        meanwhile = [f"#{e.seq} {sentence(e.payload)}" for e in outcome.meanwhile]
        return Said(refused=outcome.reason, meanwhile=meanwhile)
    return Said(events=[f"#{e.seq} {sentence(e.payload)}" for e in outcome.events])


def _ask(said: Saying) -> Ask:
    return Ask(
        said.subject,
        said.by,
        said.role,
        said.reason,
        approve=said.answer,
        seen=said.seen_seq,
        seen_head=said.seen_head,
    )
