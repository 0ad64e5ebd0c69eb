"""A sign-off that the log holds, verified once more from its own fields: by the controller before a phase
passes, and by `rollout verify`. Whoever can write to the store can append an event, not a signature."""

from __future__ import annotations

from datetime import datetime

from rollout.domain.errors import SignatureRefused
from rollout.domain.events import SignedOff
from rollout.domain.roster import Roster, must_be_signed
from rollout.domain.sign_off import (
    SignerOf,
    StatementUnfit,
    parse_statement,
    statement_bytes,
    statement_of,
)
from rollout.domain.standing import standing_signatures
from rollout.domain.state import RolloutState, SignatureState


def objection(
    rollout: str,
    profile: str,
    said: SignedOff | SignatureState,
    roster: Roster,
    at: datetime,
    signer_of: SignerOf,
) -> str | None:
    """Why a recorded sign-off does not count, when it is verified once more from its own fields.

    `at` is its event's instant. None: it counts, or was never meant to be signed.
    """
    if not said.signature:
        wanted = must_be_signed(profile, has_key=bool(roster.keys.get(said.by)))
        return f"carries no signature, and {said.by} must sign with a key" if wanted else None
    try:
        body = statement_bytes(statement_of(rollout, said))
        statement, made_by = parse_statement(body), signer_of(said.signature, body)
    except (SignatureRefused, StatementUnfit) as wrong:
        return f"is forged: {wrong}"
    if made_by != said.fingerprint:
        return f"names the key {said.fingerprint} and was made with {made_by}"
    if said.roster_sha256 != roster.sha256:
        return "was signed over another roster than the plan's"
    if at >= statement.expires_at:
        return f"was recorded after it had expired at {said.expires}"
    return roster.objection(said.by, made_by, at)


def counting(
    state: RolloutState, phase_id: str, roster: Roster, signer_of: SignerOf, *, four_eyes: bool
) -> tuple[list[SignatureState], list[str]]:
    """The signatures that count now, and a sentence for each that was recorded and does not."""
    counted: list[SignatureState] = []
    why_not: list[str] = []
    for signed in standing_signatures(state, phase_id, four_eyes=four_eyes):
        why = objection(state.rollout, state.profile, signed, roster, signed.at, signer_of)
        if why is None:
            counted.append(signed)
        else:
            why_not.append(f"the sign-off #{signed.seq} of {signed.by} ({signed.role}) {why}")
    return counted, why_not
