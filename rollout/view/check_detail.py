"""One check of one gate in full: what was seen, by which query, against what, and how it went before."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from rollout.domain.evidence import Observation, Scalar
from rollout.domain.state import GateState, RolloutState
from rollout.reports.wording import SampleDocument, moment_in_words, sample_document
from rollout.view import marks
from rollout.view.check_rows import CheckRow, GateRows
from rollout.view.gates import Documents
from rollout.view.text import figure, plain

MOST_HISTORY = 30
"""Earlier evaluations shown; the log has all."""

_LOOKED_AT = 2000
"""Evaluations looked through for them, newest first."""


class HistoryRow(msgspec.Struct, frozen=True, kw_only=True):
    """What one evaluation of the check came to."""

    at: datetime | None
    phase: str
    attempt: int
    moment: str
    round: int
    word: str
    observed: str
    reason: str


class CheckDetail(msgspec.Struct, frozen=True, kw_only=True):
    """`evidence_state`: `shown`, `none` (nothing was measured), `unread` (has a digest, its document
    is not at hand), `odd` (a document that is no sample). `values` are all metrics, in words."""

    row: CheckRow
    gate: str
    phase: str
    moment: str
    kind: str
    verdict: str
    evidence_state: str
    taken_at: datetime | None
    as_of: datetime | None
    source: str
    query: str
    values: list[tuple[str, str]]
    sample: list[dict[str, Scalar]]
    problem: str
    history: list[HistoryRow]


def check_detail(
    view: GateRows, check: str, state: RolloutState, documents: Documents | None
) -> CheckDetail | None:
    """None when the gate has no such check."""
    row = next((r for r in view.rows if r.id == check), None)
    shown = next((c for c in view.gate.checks if c.id == check), None)
    if row is None or shown is None:
        return None
    state_of, sample = _sample(row.evidence, documents)
    seen = sample.observation if sample is not None else None
    metric = row.telling.metric if row.telling is not None else ""
    return CheckDetail(
        row=row,
        gate=view.gate.gate,
        phase=view.gate.phase,
        moment=moment_in_words(view.gate.moment),
        kind=shown.kind,
        verdict=shown.verdict.value if shown.verdict is not None else "not concluded",
        evidence_state=state_of,
        taken_at=shown.at,
        as_of=seen.as_of if seen is not None else None,
        source=plain(seen.source) if seen is not None else "",
        query=seen.query if seen is not None else "",
        values=_values(seen, shown.observed),
        sample=list(seen.sample) if seen is not None else [],
        problem=plain(seen.problem or "") if seen is not None else "",
        history=check_history(state, check, metric),
    )


def _sample(digest: str | None, documents: Documents | None) -> tuple[str, SampleDocument | None]:
    if digest is None:
        return "none", None
    try:
        document: Any = documents(digest) if documents is not None else None
    except KeyError:
        return "unread", None
    if document is None:
        return "unread", None
    sample = sample_document(document)
    return ("shown", sample) if sample is not None else ("odd", None)


def _values(seen: Observation | None, observed: dict[str, Scalar]) -> list[tuple[str, str]]:
    metrics = dict(seen.metrics) if seen is not None else observed
    return [(plain(name), figure(value)) for name, value in metrics.items()]


def check_history(state: RolloutState, check: str, metric: str = "") -> list[HistoryRow]:
    """Evaluations that asked the check, newest first; `metric` is the one shown of each."""
    found: list[HistoryRow] = []
    for position in range(len(state.gates) - 1, max(len(state.gates) - _LOOKED_AT, 0) - 1, -1):
        gate = state.gates[position]
        if check in gate.checks:
            found.append(_history_row(gate, check, metric))
            if len(found) == MOST_HISTORY:
                break
    return found


def _history_row(gate: GateState, check: str, metric: str) -> HistoryRow:
    found = gate.checks[check]
    mark = marks.of_check(found.verdict, shadow=False, waived=False, samples=found.tally.taken)
    value = found.observed.get(metric, next(iter(found.observed.values()), None))
    return HistoryRow(
        at=found.latest_at or gate.decided_at,
        phase=plain(gate.phase),
        attempt=gate.attempt,
        moment=moment_in_words(gate.moment),
        round=gate.round,
        word=mark.word,
        observed=figure(value) if found.observed else "",
        reason=plain(found.reason or found.latest_reason),
    )
