"""What a person signs: one statement, in one byte form, that fits one gate of one attempt only.

Whatever a signature could be replayed against is in it: rollout, phase, attempt, gate, plan, evidence,
roster, the log's position, and a nonce. Source: reliability reference, section 5.4.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import msgspec

from rollout.domain.canonical import canonical_bytes
from rollout.domain.errors import SignatureRefused
from rollout.domain.instants import from_text, to_text
from rollout.domain.people_events import SignedOff, SignOffRequested
from rollout.domain.people_state import RequestState, SignatureState

NAMESPACE = "rollout-signoff@v1"
"""What `ssh-keygen -n` is given: a signature made for anything else does not count here."""

FORMAT = "rollout sign-off 1"

APPROVE, REJECT = "approve", "reject"

LONGEST = 16 * 1024
"""Bytes of a statement."""

_DIGEST = re.compile(r"[0-9a-f]{64}")
_NONCE = re.compile(r"[0-9a-f]{32}")

SignerOf = Callable[[str, bytes], str]
"""(armored signature, the bytes it is over) -> fingerprint of the key that made it.

Raises: SignatureRefused when it is no good signature over exactly these bytes."""


Asked = SignOffRequested | SignedOff | RequestState | SignatureState
"""Whatever has the fields of a statement."""


class StatementUnfit(ValueError):
    """Bytes that are no statement of ours; the message says why."""


class Statement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`decision`: approve or reject. `expires`: an instant in UTC. `log_seq`, `log_head`: where the log
    ended when the signature was asked for; whoever holds it holds an anchor of the log."""

    format: str
    rollout: str
    phase: str
    attempt: int
    gate: str
    decision: str
    role: str
    by: str
    reason: str
    plan_sha256: str
    evidence_sha256: str
    roster_sha256: str
    log_seq: int
    log_head: str
    nonce: str
    expires: str

    @property
    def approve(self) -> bool:
        return self.decision == APPROVE

    @property
    def expires_at(self) -> datetime:
        return from_text(self.expires)


def statement_bytes(statement: Statement) -> bytes:
    """The bytes that are signed, and nothing else is: canonical JSON without a line break."""
    return canonical_bytes(statement)


def parse_statement(body: bytes) -> Statement:
    """The one statement whose bytes these are: no key twice, none too many, no other spelling.

    Raises: StatementUnfit.
    """
    if len(body) > LONGEST:
        raise StatementUnfit(f"it is longer than {LONGEST:,} bytes")
    try:
        statement = msgspec.json.decode(body, type=Statement)
    except (msgspec.MsgspecError, UnicodeDecodeError) as problem:
        raise StatementUnfit(f"it is not a sign-off of this program: {problem}") from None
    if statement.format != FORMAT:
        raise StatementUnfit(
            f"its format is {statement.format[:64]!r}, this program knows {FORMAT!r}"
        )
    if statement_bytes(statement) != body:
        raise StatementUnfit(
            "its bytes were changed: a sign-off is written in one way only, without spaces or a line "
            "break at the end"
        )
    _look(statement)
    return statement


def _look(said: Statement) -> None:
    if said.decision not in {APPROVE, REJECT}:
        raise StatementUnfit(
            f"it decides {said.decision[:32]!r}, and only approve or reject are asked"
        )
    for name in ("plan_sha256", "evidence_sha256", "roster_sha256", "log_head"):
        if not _DIGEST.fullmatch(getattr(said, name)):
            raise StatementUnfit(f"its {name} is no sha256")
    if not _NONCE.fullmatch(said.nonce):
        raise StatementUnfit("its nonce is not 32 hexadecimal digits")
    if said.attempt < 1 or said.log_seq < 1:
        raise StatementUnfit("it counts from 1, and says less")
    try:
        as_written = to_text(said.expires_at)
    except ValueError:
        as_written = ""
    if as_written != said.expires:
        raise StatementUnfit(f"it expires at {said.expires[:40]!r}, which is no instant in UTC")


@dataclass(frozen=True)
class Proof:
    """A signature that was verified: that this key signed these very bytes is a fact, what it is worth
    is for the rules to say. `armored` is as `ssh-keygen -Y sign` writes it."""

    statement: Statement
    armored: str
    fingerprint: str


def nobody_verifies(armored: str, message: bytes) -> str:
    """For rehearsals, where people sign by their word: what carries a signature does not count."""
    raise SignatureRefused("nothing here can verify signatures")


def statement_of(rollout: str, said: Asked) -> Statement:
    """The statement that an event (a request, a signed sign-off) or its folded state stands for.

    The event keeps no copy: whoever changes one of its fields has another statement, and the
    signature is over the old one.
    """
    return Statement(
        format=FORMAT,
        rollout=rollout,
        phase=said.phase,
        attempt=said.attempt,
        gate=said.gate,
        decision=APPROVE if said.approve else REJECT,
        role=said.role,
        by=said.by,
        reason=said.reason,
        plan_sha256=said.plan_sha256,
        evidence_sha256=said.evidence_sha256,
        roster_sha256=said.roster_sha256,
        log_seq=said.seen_seq,
        log_head=said.seen_head,
        nonce=said.nonce,
        expires=said.expires,
    )
