"""What people's words and the findings change in the state; part of `fold.py`."""

from __future__ import annotations

import msgspec

from rollout.domain import events as e
from rollout.domain.state import (
    ConfirmationState,
    DecisionState,
    FindingState,
    RequestState,
    RolloutState,
    SignatureState,
)


def decision_made(state: RolloutState, event: e.Event, p: e.DecisionMade) -> None:
    state.decisions.append(
        DecisionState(
            decision=p.decision,
            phase=p.phase,
            attempt=p.attempt,
            by=p.by,
            role=p.role,
            reason=p.reason,
            subject=p.subject,
            at=event.at,
            seq=event.seq,
        )
    )


def attested(state: RolloutState, event: e.Event, p: e.Attested) -> None:
    state.confirmations.append(
        ConfirmationState(
            check=p.check,
            phase=p.phase,
            attempt=p.attempt,
            by=p.by,
            role=p.role,
            answer=p.answer,
            note=p.note,
            at=event.at,
            seq=event.seq,
            file_sha256=p.file_sha256,
        )
    )


def signed_off(state: RolloutState, event: e.Event, p: e.SignedOff) -> None:
    state.signatures.append(
        SignatureState(
            phase=p.phase,
            attempt=p.attempt,
            gate=p.gate,
            by=p.by,
            role=p.role,
            approve=p.approve,
            reason=p.reason,
            evidence_sha256=p.evidence_sha256,
            at=event.at,
            rehearsed=p.rehearsed,
            seq=event.seq,
            plan_sha256=p.plan_sha256,
            seen_seq=p.seen_seq,
            seen_head=p.seen_head,
            signature=p.signature,
            roster_sha256=p.roster_sha256,
            nonce=p.nonce,
            expires=p.expires,
            fingerprint=p.fingerprint,
        )
    )
    request = state.requests.get(p.nonce)
    if request is not None and not request.signed_seq:
        request.signed_seq = event.seq


def sign_off_requested(state: RolloutState, event: e.Event, p: e.SignOffRequested) -> None:
    state.requests[p.nonce] = RequestState(**msgspec.structs.asdict(p), at=event.at, seq=event.seq)


def finding_raised(state: RolloutState, event: e.Event, p: e.FindingRaised) -> None:
    state.findings[p.finding] = FindingState(
        finding=p.finding,
        check=p.check,
        phase=p.phase,
        attempt=p.attempt,
        severity=p.severity,
        title=p.title,
        owner=p.owner,
        raised_at=event.at,
        due_at=p.due_at,
        evidence=p.evidence,
        detail=p.detail,
    )


def finding_resolved(state: RolloutState, event: e.Event, p: e.FindingResolved) -> None:
    finding = state.findings[p.finding]
    finding.state, finding.closed_by, finding.closed_reason = p.how, p.by, p.reason
