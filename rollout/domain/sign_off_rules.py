"""Who may sign what, when, and whether a signature fits: every way in which it may not, by its reason."""

from __future__ import annotations

import unicodedata
from datetime import datetime, timedelta

from rollout.domain.command import Case, Outcome, Refusal, Rule
from rollout.domain.events import SignedOff, SignOffRequested
from rollout.domain.four_eyes import LEAD, drivers, is_independent
from rollout.domain.instants import to_text
from rollout.domain.plan import SignOffRule
from rollout.domain.roster import must_be_signed
from rollout.domain.sign_off import (
    Statement,
    statement_of,
)
from rollout.domain.standing import standing_signatures
from rollout.domain.state import GateState, RolloutState

CLOCK_SLACK = timedelta(minutes=1)
"""Two machines' clocks may differ by so much; expiry is judged by the later one, so it revives nothing."""

LONGEST_REASON = 2000


def ask_to_sign(case: Case) -> Outcome:
    """The statement somebody is asked to sign becomes an event; its nonce comes with the command."""
    found = _signable(case)
    if isinstance(found, Refusal):
        return found
    rule, gate = found
    expires = (case.phase.since or case.now) + rule.expires
    refusal = _clock(case) or _expired(case, expires) or _role(case, rule)
    if refusal:
        return refusal
    c = case.command
    return [
        SignOffRequested(
            phase=case.phase.id,
            attempt=case.phase.attempt,
            gate=gate.gate,
            by=c.by,
            role=c.role,
            approve=c.answer,
            reason=c.reason,
            plan_sha256=case.state.plan_sha256,
            evidence_sha256=gate.evidence_sha256,
            roster_sha256=case.plan.roster().sha256,
            seen_seq=c.seen_seq,
            seen_head=c.seen_head,
            nonce=c.nonce,
            expires=to_text(expires),
        )
    ]


def sign(case: Case) -> Outcome:
    """A sign-off, by a signature that was verified, or unsigned where that is allowed."""
    refusal = _elsewhere(case)
    if refusal:
        return refusal
    found = _signable(case)
    if isinstance(found, Refusal):
        return found
    rule, gate = found
    refusal = (_proven(case, gate) if case.command.proof else _unproven(case)) or _role(case, rule)
    return refusal or [_signed(case, gate)]


def _signed(case: Case, gate: GateState) -> SignedOff:
    c = case.command
    said = c.proof.statement if c.proof else None
    return SignedOff(
        phase=case.phase.id,
        attempt=case.phase.attempt,
        gate=gate.gate,
        by=c.by,
        role=c.role,
        approve=c.answer,
        reason=c.reason,
        plan_sha256=case.state.plan_sha256,
        evidence_sha256=gate.evidence_sha256,
        seen_seq=said.log_seq if said else c.seen_seq,
        seen_head=said.log_head if said else c.seen_head,
        rehearsed=c.rehearsed,
        signature=c.proof.armored if c.proof else None,
        fingerprint=c.proof.fingerprint if c.proof else "",
        roster_sha256=said.roster_sha256 if said else "",
        nonce=said.nonce if said else "",
        expires=said.expires if said else "",
    )


def _signable(case: Case) -> tuple[SignOffRule, GateState] | Refusal:
    """The rule and the gate, when the phase waits for signatures of that gate."""
    c, phase = case.command, case.phase
    planned = case.plan.phase(phase.id)
    if phase.stage != "sign_off" or planned.sign_off is None:
        return case.illegal("sign")
    if c.role not in planned.sign_off.roles:
        return Refusal(f"this sign-off needs {', '.join(planned.sign_off.roles)}, not {c.role}")
    unfit = _unfit(c.reason)
    if unfit:
        return Refusal(unfit)
    gate = case.state.gate(phase.id, phase.attempt, "exit", c.subject)
    if gate is None or not gate.evidence_sha256:
        named = ", ".join(planned.exit) or "none: the phase has no exit gate"
        return Refusal(f"there is no decided exit gate {c.subject!r} to sign; name one of {named}")
    return planned.sign_off, gate


def _unfit(reason: str) -> str | None:
    """People sign what they see: no characters that do not show or that turn the text around."""
    if len(reason) > LONGEST_REASON:
        return (
            f"the reason is longer than {LONGEST_REASON:,} characters: put the rest in a document"
        )
    odd = next(
        (x for x in reason if unicodedata.category(x) in {"Cc", "Cf", "Co", "Cn", "Cs"}), None
    )
    if odd is not None:
        return f"the reason holds U+{ord(odd):04X}, which does not show: a signed text is plain, on one line"
    return None


def _role(case: Case, rule: SignOffRule) -> Refusal | None:
    c = case.command
    author = case.plan.author
    return not_theirs(case.state, case.phase.id, rule, author, c.by, c.role, approve=c.answer)


def not_theirs(
    state: RolloutState,
    phase_id: str,
    rule: SignOffRule,
    author: str | None,
    by: str,
    role: str,
    *,
    approve: bool = True,
) -> Refusal | None:
    """Why `by` cannot sign the phase's current attempt as `role` now; None when they can. One person,
    one role; and not only those who drove the attempt."""
    given = standing_signatures(state, phase_id, four_eyes=rule.four_eyes)
    if any(s.by == by for s in given):
        return Refusal(f"{by} has signed already; a second role needs a second person")
    if any(s.role == role for s in given):
        return Refusal(f"{role} has signed already")
    if not rule.four_eyes or not approve:
        return None
    drove = drivers(state, phase_id)
    if by in drove and role != LEAD:
        word = drove[by]
        return Refusal(
            f"{by} said {word.decision} in this attempt (#{word.seq}): whoever decides signs as "
            f"{LEAD} only; somebody else must sign as {role}"
        )
    is_last = {s.role for s in given} | {role} >= set(rule.roles)
    signers = [*(s.by for s in given), by]
    if is_last and not is_independent(signers, drove, author):
        return Refusal(
            f"only {' and '.join(signers)} would have signed, who decided in this attempt or wrote the "
            "plan: one signature must be somebody else's"
        )
    return None


def _unproven(case: Case) -> Refusal | None:
    c, profile = case.command, case.state.profile
    has_key = bool(case.plan.roster().keys.get(c.by))
    if must_be_signed(profile, has_key=has_key):
        return Refusal(
            f"in {profile or 'a live rollout'} {c.by}'s sign-off needs a signature: sign with --key or "
            "--agent, or write a --request for their own machine"
        )
    return None


def _elsewhere(case: Case) -> Refusal | None:
    """A signature that was made for another rollout, phase, attempt or gate."""
    if case.command.proof is None:
        return None
    said = case.command.proof.statement
    now = {
        "rollout": case.state.rollout,
        "phase": case.phase.id,
        "attempt": case.phase.attempt,
        "gate": case.command.subject,
        "role": case.command.role,
        "by": case.command.by,
    }
    for name, value in now.items():
        if getattr(said, name) != value:
            return Refusal(
                f"it was signed for the {name} {getattr(said, name)!r}, and here it would be "
                f"{value!r}: ask for a signature anew"
            )
    return None


def _proven(case: Case, gate: GateState) -> Refusal | None:
    proof = case.command.proof
    assert proof is not None
    said = proof.statement
    return (
        _stale(case, gate, said)
        or _not_asked(case, said)
        or _clock(case)
        or _expired(case, said.expires_at)
        or _wrong_key(case)
    )


def _stale(case: Case, gate: GateState, said: Statement) -> Refusal | None:
    for what, signed, now in (
        ("plan", said.plan_sha256, case.state.plan_sha256),
        ("evidence", said.evidence_sha256, gate.evidence_sha256),
        ("roster", said.roster_sha256, case.plan.roster().sha256),
    ):
        if signed != now:
            return Refusal(
                f"it was signed over another {what} ({signed[:12]}) than there is now ({now[:12]}): "
                "look at the report again, and ask for a signature anew"
            )
    return None


def _not_asked(case: Case, said: Statement) -> Refusal | None:
    """A nonce is given once and used once, for the statement that was asked for and no other."""
    request = case.state.requests.get(said.nonce)
    if request is None:
        return Refusal(
            "nobody was asked for this signature: this log has no request with its nonce"
        )
    if request.signed_seq:
        return Refusal(f"it was used already, as #{request.signed_seq}: a signature counts once")
    asked = statement_of(case.state.rollout, request)
    if asked != said:
        other = [
            name for name in said.__struct_fields__ if getattr(said, name) != getattr(asked, name)
        ]
        return Refusal(
            f"it differs from what was asked as #{request.seq} in {', '.join(other)}: "
            "sign the request's file as it is"
        )
    if request.seq < case.phase.since_seq:
        return Refusal(
            f"it was asked for as #{request.seq}, before the phase came to its sign-off again "
            f"(#{case.phase.since_seq}): ask for a signature anew"
        )
    return None


def _clock(case: Case) -> Refusal | None:
    newest = case.state.latest_at
    if newest is not None and case.now < newest - CLOCK_SLACK:
        return Refusal(
            f"the clock says {to_text(case.now)}, and the newest event is of {to_text(newest)}: "
            "set the clock right, then sign"
        )
    return None


def _expired(case: Case, expires: datetime) -> Refusal | None:
    at = _log_time(case)
    if at >= expires:
        return Refusal(
            f"the request expired at {to_text(expires)}, and it is {to_text(at)}: "
            "the phase is held for it; once it is resumed, ask for a signature anew"
        )
    return None


def _log_time(case: Case) -> datetime:
    """The later of our clock and the newest event: nobody's clock can make it earlier again."""
    return max(case.now, case.state.latest_at or case.now)


def _wrong_key(case: Case) -> Refusal | None:
    proof = case.command.proof
    assert proof is not None
    why = case.plan.roster().objection(case.command.by, proof.fingerprint, _log_time(case))
    return Refusal(why) if why else None


RULES: dict[str, Rule] = {"sign": sign, "ask_to_sign": ask_to_sign}
