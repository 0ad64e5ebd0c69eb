"""Sign-offs of a live rollout: ask somebody to sign, sign here, or take in what was signed elsewhere.

One way for all: the statement is asked for in the log (nonce and expiry with it), its bytes are
signed, and what comes back is verified and held against the log again.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from rollout.adapters.sshsig import signer_of
from rollout.domain.command import Command, Refusal
from rollout.domain.decide import decide
from rollout.domain.errors import LogConflict, SignatureRefused
from rollout.domain.machine import PlanMachine
from rollout.domain.plan import Plan
from rollout.domain.roster import SANDBOX, must_be_signed
from rollout.domain.sign_off import (
    Proof,
    Statement,
    StatementUnfit,
    parse_statement,
    statement_bytes,
    statement_of,
)
from rollout.domain.state import RequestState, RolloutState
from rollout.engine.approved_plan import plan_of
from rollout.engine.record import ACTOR, RolloutRecord
from rollout.live.clocks import StandingClock, SystemClock
from rollout.live.deciding import (
    TRIES,
    Recorded,
    Refused,
    Wish,
    another_log,
    folded,
    head_at,
    submit,
)
from rollout.live.opening import choose
from rollout.ports import Clock
from rollout.store.opening import Store

Nonce = Callable[[], str]


class Signer(Protocol):
    """Signs a statement with a person's own key, which it never shows."""

    def sign(self, message: bytes, fingerprints: Collection[str]) -> str:
        """An armored SSH signature over exactly these bytes, by a key of one of the fingerprints when
        none was named. Raises: SignatureRefused saying what is missing."""
        ...


@dataclass(frozen=True)
class Ask:
    """What somebody is to sign: a gate's evidence, approved or rejected, in one role, for a reason.
    `seen`: the newest event that was looked at, `seen_head` its hash where it is known; None is the
    newest."""

    gate: str
    by: str
    role: str
    reason: str
    approve: bool = True
    seen: int | None = None
    seen_head: str = ""


@dataclass(frozen=True)
class Request:
    """A statement that the log has asked for; `message` is what must be signed, byte for byte."""

    statement: Statement
    seq: int
    fingerprints: tuple[str, ...]

    @property
    def message(self) -> bytes:
        return statement_bytes(self.statement)


def fresh_nonce() -> str:
    """Thirty-two hexadecimal digits nobody can guess."""
    return secrets.token_hex(16)


def needs_signature(plan: Plan, profile: str, person: str) -> bool:
    """Whether that person's word alone is not enough here."""
    return must_be_signed(profile, has_key=bool(plan.roster().keys.get(person)))


def request(
    store: Store, rollout: str | None, ask: Ask, clock: Clock | None, nonce: Nonce = fresh_nonce
) -> Request | Refused:
    """Ask for a signature, or find the same question that is open already.

    `clock` None takes the instant of the newest event. Raises: StoreUnavailable, LogDamaged,
    PlanProblems.
    """
    desk = _Desk(store, rollout, clock)
    desk.refresh()
    if ask.seen_head not in {"", desk.seen(ask.seen)[1]}:
        return Refused(another_log(ask.seen, ask.seen_head))
    found = same_question(desk.state, ask, desk.now())
    if found is None:
        said = desk.submit(lambda: _asking_command(desk, ask, nonce()), ACTOR)
        if isinstance(said, Refused):
            return said
        found = next(r for r in desk.state.requests.values() if r.seq == said.events[0].seq)
    keys = desk.plan.roster().keys.get(ask.by, ())
    prints = tuple(k.fingerprint for k in keys if k.counts(desk.now()))
    return Request(statement_of(desk.state.rollout, found), found.seq, prints)


def _asking_command(desk: _Desk, ask: Ask, nonce: str) -> Command:
    seq, head = desk.seen(ask.seen)
    return Command(
        name="ask_to_sign",
        by=ask.by,
        role=ask.role,
        reason=ask.reason,
        seen_seq=seq,
        seen_head=head,
        subject=ask.gate,
        answer=ask.approve,
        nonce=nonce,
    )


def sign(
    store: Store, rollout: str | None, ask: Ask, signer: Signer, clock: Clock | None
) -> Recorded | Refused:
    """Sign here and now, by the signer's own key; by their word alone where that is enough.

    Raises: as `request`.
    """
    desk = _Desk(store, rollout, clock)
    if not needs_signature(desk.plan, desk.state.profile, ask.by):
        wish = Wish(
            "sign",
            ask.by,
            ask.role,
            ask.reason,
            ask.gate,
            ask.approve,
            seen=ask.seen,
            seen_head=ask.seen_head,
        )
        return submit(store, rollout, wish, clock)
    asked = request(store, rollout, ask, clock)
    if isinstance(asked, Refused):
        return asked
    try:
        armored = signer.sign(asked.message, asked.fingerprints)
    except SignatureRefused as refused:
        return Refused(str(refused))
    return import_signature(store, rollout, asked.message, armored, clock)


def import_signature(
    store: Store, rollout: str | None, message: bytes, armored: str, clock: Clock | None
) -> Recorded | Refused:
    """Take in a signature that was made elsewhere, over the bytes of a request.

    Raises: StoreUnavailable, LogDamaged, PlanProblems.
    """
    try:
        statement = parse_statement(message)
    except StatementUnfit as unfit:
        return Refused(f"the request cannot be read: {unfit}")
    armored = _normal(armored)
    try:
        proof = Proof(statement, armored, signer_of(armored, message))
    except SignatureRefused as refused:
        return Refused(str(refused))
    desk = _Desk(store, rollout, clock)
    return desk.submit(lambda: _signed_command(desk, proof), statement.by)


def _signed_command(desk: _Desk, proof: Proof) -> Command:
    said = proof.statement
    return Command(
        name="sign",
        by=said.by,
        role=said.role,
        reason=said.reason,
        seen_seq=desk.state.seq,  # what was seen is in the statement, and held against the log there
        seen_head=desk.state.head,
        subject=said.gate,
        answer=said.approve,
        proof=proof,
    )


def _normal(armored: str) -> str:
    """As ssh-keygen writes it: mail and editors change line ends and what stands around."""
    return armored.replace("\r\n", "\n").strip() + "\n"


def same_question(state: RolloutState, ask: Ask, now: datetime) -> RequestState | None:
    """A request that asks just that, of the same look at the log, and can still be answered."""
    phase = state.current_phase()
    if phase is None:
        return None
    gate = state.gate(phase.id, phase.attempt, "exit", ask.gate)
    return next(
        (
            r
            for r in open_requests(state, now)
            if (r.gate, r.by, r.role) == (ask.gate, ask.by, ask.role)
            and (r.approve, r.reason) == (ask.approve, ask.reason)
            and ask.seen in {None, r.seen_seq}
            and gate is not None
            and (r.plan_sha256, r.evidence_sha256) == (state.plan_sha256, gate.evidence_sha256)
        ),
        None,
    )


def open_requests(state: RolloutState, now: datetime) -> list[RequestState]:
    """What people are asked to sign and have not: of the current phase's sign-off, unexpired."""
    phase = state.current_phase()
    if phase is None or phase.stage != "sign_off" or state.outcome:
        return []
    return [
        r
        for r in state.requests.values()
        if (r.phase, r.attempt) == (phase.id, phase.attempt)
        and not r.signed_seq
        and r.seq > phase.since_seq
        and now < statement_of(state.rollout, r).expires_at
    ]


class _Desk:
    """A rollout as it is now, and its plan; what is said here is decided again when the log moved."""

    def __init__(self, store: Store, rollout: str | None, clock: Clock | None) -> None:
        self._store = store
        self.name = choose(store.log, store.where, rollout)
        newest = folded(store.log, self.name).latest_at
        self._clock = clock or StandingClock(newest or SystemClock().now())
        self._record = RolloutRecord(store.log, self.name, self._clock)
        self._follow_plan()

    def _follow_plan(self) -> None:
        self._plan_sha256 = self.state.plan_sha256
        self.plan = plan_of(self._store.evidence, self._plan_sha256)
        self._machine = PlanMachine([p.phase for p in self.plan.phases])

    @property
    def state(self) -> RolloutState:
        return self._record.state

    def now(self) -> datetime:
        """A sandbox's hours take seconds, and no two processes read its clock at the same moment: there
        the newest event's instant is not before now."""
        now, newest = self._clock.now(), self.state.latest_at
        return max(now, newest) if newest and self.state.profile == SANDBOX else now

    def seen(self, asked: int | None) -> tuple[int, str]:
        """Number and hash of the event that was looked at."""
        seq = self.state.seq if asked is None else asked
        return seq, head_at(self._store.log, self.state, seq)

    def refresh(self) -> None:
        self._record.refresh()
        if self.state.plan_sha256 != self._plan_sha256:
            self._follow_plan()

    def submit(self, command: Callable[[], Command], actor: str) -> Recorded | Refused:
        for _ in range(TRIES):
            self.refresh()
            outcome = decide(self.plan, self._machine, self.state, command(), self.now())
            if isinstance(outcome, Refusal):
                return Refused(outcome.reason)
            before = self.state.seq
            try:
                self._record.append(outcome, actor=actor)
            except LogConflict:
                continue
            return Recorded(list(self._store.log.read(self.name, after=before, limit=len(outcome))))
        return Refused("the log moves on faster than anybody can decide: try again")
