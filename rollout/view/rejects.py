"""Rows that a sync's target refused or that never left, by reason."""

from __future__ import annotations

from collections import Counter

import msgspec

from rollout.domain.events import RunObserved
from rollout.domain.state import StepState
from rollout.view.gates import Documents
from rollout.view.text import plain

MOST_REASONS = 8


class RejectView(msgspec.Struct, frozen=True, kw_only=True):
    reason: str
    count: int


class RejectsView(msgspec.Struct, frozen=True, kw_only=True):
    """`reasons` are those of a sample of at most 100 rows; empty with `why_unknown` when there is
    none in the store."""

    failed: int
    invalid: int
    reasons: list[RejectView]
    why_unknown: str


def rejects_view(
    step: StepState, run: RunObserved | None, documents: Documents | None
) -> RejectsView:
    failed, invalid = (run.failed or 0, run.invalid or 0) if run else (0, 0)
    reasons = _reasons(step, documents) if failed or invalid else []
    unknown = bool(failed or invalid) and not reasons
    return RejectsView(
        failed=failed,
        invalid=invalid,
        reasons=reasons,
        why_unknown=_why_unknown(step) if unknown else "",
    )


def _why_unknown(step: StepState) -> str:
    if step.status == "running":
        return "the reasons are read when the run is over"
    return "why is not known here: look at the run in the sync service"


def _reasons(step: StepState, documents: Documents | None) -> list[RejectView]:
    digest = step.outputs.get("evidence")
    if documents is None or not isinstance(digest, str):
        return []
    try:
        document = documents(digest)
    except KeyError:
        return []
    rows = document.get("rejected") if isinstance(document, dict) else None
    if not isinstance(rows, list):
        return []
    counts = Counter(plain(r.get("reason", "")) for r in rows if isinstance(r, dict))
    return [RejectView(reason=reason, count=n) for reason, n in counts.most_common(MOST_REASONS)]
