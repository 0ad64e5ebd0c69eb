"""Payloads of what people decided and were told: decisions, signatures, findings, notices."""

from __future__ import annotations

from datetime import datetime

from rollout.domain.evidence import Scalar
from rollout.domain.happenings import HappeningBase, PhaseOutline


class DecisionMade(HappeningBase, frozen=True, kw_only=True, tag="decision_made"):
    """A person chose. `decision`: proceed, hold, resume, retry, restart, roll_back, abort, waive.
    `subject` names what it is about (a check for waive, a phase for restart)."""

    decision: str
    phase: str
    attempt: int
    by: str
    role: str
    reason: str
    seen_seq: int
    seen_head: str
    subject: str = ""
    rehearsed: bool = False


class PlanAdopted(HappeningBase, frozen=True, kw_only=True, tag="plan_adopted"):
    """From here on the rollout follows another plan; its document is evidence under `plan_sha256`.

    `phase` and `attempt` say where the rollout was. `changed`: the dotted paths that differ, at most
    `MOST_PATHS` of `changes`. `gates` and `checks` mean something else now: what was said of them in this
    attempt is void and they are asked anew. `resumes`: the stage that a held phase resumes in, where
    that is not the one it was held from; empty otherwise.
    """

    phase: str
    attempt: int
    by: str
    role: str
    reason: str
    before_sha256: str
    plan_sha256: str
    title: str
    phases: list[PhaseOutline]
    params: dict[str, Scalar]
    changed: list[str]
    changes: int
    gates: list[str]
    checks: list[str]
    seen_seq: int
    seen_head: str
    resumes: str = ""
    rehearsed: bool = False


class Attested(HappeningBase, frozen=True, kw_only=True, tag="attested"):
    phase: str
    attempt: int
    check: str
    by: str
    role: str
    answer: bool
    note: str
    file_sha256: str | None = None
    rehearsed: bool = False


class SignOffRequested(HappeningBase, frozen=True, kw_only=True, tag="sign_off_requested"):
    """Somebody was asked to sign: with the rollout's name, these fields are the statement that must
    be signed, byte for byte. `nonce` is used once; `expires` is an instant as text."""

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


class SignedOff(HappeningBase, frozen=True, kw_only=True, tag="signed_off"):
    """A person signed. `signature` is an armored SSH signature over the statement that the other
    fields make; `fingerprint` names the key. Without one the word was only recorded."""

    phase: str
    attempt: int
    gate: str
    by: str
    role: str
    approve: bool
    reason: str
    plan_sha256: str
    evidence_sha256: str
    seen_seq: int
    seen_head: str
    signature: str | None = None
    rehearsed: bool = False
    roster_sha256: str = ""
    nonce: str = ""
    expires: str = ""
    fingerprint: str = ""


class FindingRaised(HappeningBase, frozen=True, kw_only=True, tag="finding_raised"):
    finding: str
    check: str
    phase: str
    attempt: int
    severity: str
    title: str
    owner: str
    due_at: datetime | None
    evidence: str | None
    detail: str = ""


class FindingResolved(HappeningBase, frozen=True, kw_only=True, tag="finding_resolved"):
    finding: str
    how: str
    by: str
    reason: str


class NoticeAnswered(HappeningBase, frozen=True, kw_only=True, tag="notice_answered"):
    """One send of a notice to one channel. answer: yes, no, unknown; sent again at `retry_at`,
    given up when that is None after anything but yes. `notice` is the key receivers deduplicate by."""

    notice: str
    channel: str
    severity: str
    title: str
    answer: str
    detail: str = ""
    retry_at: datetime | None = None
