"""Findings with whose they are and by when: the open ones first, the most severe first."""

from __future__ import annotations

from datetime import datetime

import msgspec

from rollout.domain.state import FindingState, RolloutState
from rollout.view import marks
from rollout.view.marks import Mark
from rollout.view.plan_words import PlanWords
from rollout.view.text import plain


class FindingDetailView(msgspec.Struct, frozen=True, kw_only=True):
    """`people` are those who have the owner's role; `due_in_s` is negative when it is overdue, and
    None for a finding that is closed or has no due time."""

    id: str
    check: str
    phase: str
    attempt: int
    severity: str
    state: str
    word: str
    title: str
    detail: str
    owner: str
    people: list[str]
    raised_at: datetime
    due_at: datetime | None
    due_in_s: float | None
    closed_by: str
    closed_reason: str
    evidence: str | None

    @property
    def is_overdue(self) -> bool:
        return self.due_in_s is not None and self.due_in_s <= 0


class FindingsView(msgspec.Struct, frozen=True, kw_only=True):
    open: list[FindingDetailView]
    closed: list[FindingDetailView]
    overdue: int
    at: datetime


def findings_view(state: RolloutState, words: PlanWords, now: datetime) -> FindingsView:
    """All findings of a rollout at `now`; closed ones newest first."""
    found = [_view(f, words, now) for f in state.findings.values()]
    still_open = [f for f in found if f.state == "open"]
    return FindingsView(
        open=sorted(still_open, key=lambda f: (f.severity, f.due_at or f.raised_at)),
        closed=[f for f in reversed(found) if f.state != "open"],
        overdue=sum(f.is_overdue for f in still_open),
        at=now,
    )


def _view(finding: FindingState, words: PlanWords, now: datetime) -> FindingDetailView:
    is_open = finding.state == "open"
    left = (finding.due_at - now).total_seconds() if finding.due_at and is_open else None
    return FindingDetailView(
        id=plain(finding.finding),
        check=plain(finding.check),
        phase=finding.phase,
        attempt=finding.attempt,
        severity=finding.severity,
        state=plain(finding.state),
        word=_mark(finding).word,
        title=plain(finding.title),
        detail=plain(finding.detail),
        owner=plain(finding.owner),
        people=[plain(person) for person in words.people(finding.owner)],
        raised_at=finding.raised_at,
        due_at=finding.due_at,
        due_in_s=left,
        closed_by=plain(finding.closed_by),
        closed_reason=plain(finding.closed_reason),
        evidence=finding.evidence,
    )


def _mark(finding: FindingState) -> Mark:
    """An open one fails whatever its severity, but for those that may wait a week."""
    if finding.state == "waived":
        return marks.WAIV
    if finding.state != "open":
        return marks.PASS
    return marks.WARN if finding.severity == "P3" else marks.FAIL
