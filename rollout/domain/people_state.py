"""The part of the state that people's words and the findings make; folded in `fold_people.py`."""

from __future__ import annotations

from datetime import datetime

import msgspec


class FindingState(msgspec.Struct):
    finding: str
    check: str
    phase: str
    attempt: int
    severity: str
    title: str
    owner: str
    raised_at: datetime
    due_at: datetime | None
    evidence: str | None
    detail: str
    state: str = "open"
    closed_by: str = ""
    closed_reason: str = ""


class ConfirmationState(msgspec.Struct):
    check: str
    phase: str
    attempt: int
    by: str
    role: str
    answer: bool
    note: str
    at: datetime
    seq: int
    file_sha256: str | None = None
    void_seq: int = 0


class SignatureState(msgspec.Struct):
    phase: str
    attempt: int
    gate: str
    by: str
    role: str
    approve: bool
    reason: str
    evidence_sha256: str
    at: datetime
    rehearsed: bool
    seq: int = 0
    plan_sha256: str = ""
    seen_seq: int = 0
    seen_head: str = ""
    signature: str | None = None
    roster_sha256: str = ""
    nonce: str = ""
    expires: str = ""
    fingerprint: str = ""


class RequestState(msgspec.Struct):
    """What somebody was asked to sign; `signed_seq` is 0 until it was."""

    phase: str
    attempt: int
    gate: str
    by: str
    role: str
    approve: bool
    reason: str
    plan_sha256: str
    evidence_sha256: str
    roster_sha256: str
    seen_seq: int
    seen_head: str
    nonce: str
    expires: str
    at: datetime
    seq: int
    signed_seq: int = 0


class DecisionState(msgspec.Struct):
    decision: str
    phase: str
    attempt: int
    by: str
    role: str
    reason: str
    subject: str
    at: datetime
    seq: int
    void_seq: int = 0
    """Where a changed plan voided it: the check it waived is another one since."""
