"""The figures that the gates of a watch look at, with their limits, look by look."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from rollout.domain.evidence import Ruling, Scalar
from rollout.domain.state import CheckState, PastSample, RolloutState
from rollout.reports.wording import sample_document
from rollout.view import marks
from rollout.view.gates import Documents
from rollout.view.plan_words import CheckWords, PlanWords
from rollout.view.soak_slots import Series
from rollout.view.text import plain

MOST_VALUES = 120
"""Looks of one metric that are drawn."""


class MetricView(msgspec.Struct, frozen=True, kw_only=True):
    """`values` are oldest first, None where a look found none; `low` and `high` are what it must
    stay within, where the condition has a number. Shares are 0..1, durations seconds."""

    gate: str
    check: str
    title: str
    metric: str
    word: str
    observed: str
    required: str
    values: list[float | None]
    low: float | None
    high: float | None
    at: datetime | None


def metric_views(
    series: Sequence[Series],
    state: RolloutState,
    words: PlanWords,
    started: datetime,
    documents: Documents | None,
) -> list[MetricView]:
    """A metric a line for every condition of every check, in the order of the plan."""
    found: dict[tuple[str, str], MetricView] = {}
    for one in series:
        if one.newest is None:
            continue
        said = words.gate(one.gate)
        for name, check in one.newest.checks.items():
            past = [p for p in state.history.get(name, []) if p.at >= started]
            if past:
                for view in _of_check(one.gate, said.check(name), check, past, documents):
                    found[view.check, view.metric] = view
    return list(found.values())


def _of_check(
    gate: str,
    said: CheckWords,
    check: CheckState,
    past: Sequence[PastSample],
    documents: Documents | None,
) -> Iterator[MetricView]:
    from rollout.domain.condition import format_observed

    for metric, text in _conditions(said, check, past, documents):
        condition = _parsed(text)
        low, high = condition.bounds() if condition is not None else (None, None)
        newest = past[-1].observed.get(metric)
        yield MetricView(
            gate=gate,
            check=said.check,
            title=plain(said.title or said.check),
            metric=plain(metric),
            word=_word(condition, newest, said),
            observed=plain(format_observed(newest, condition)),
            required=plain(text),
            values=[_number(p.observed.get(metric)) for p in past[-MOST_VALUES:]],
            low=low,
            high=high,
            at=past[-1].at,
        )


def _conditions(
    said: CheckWords, check: CheckState, past: Sequence[PastSample], documents: Documents | None
) -> list[tuple[str, str]]:
    """Metric and condition: as they were ruled, else as written, else the first figure there is."""
    ruled = _ruled(check, documents)
    if ruled:
        first: dict[str, str] = {}
        for ruling in ruled:
            first.setdefault(ruling.metric, ruling.condition)
        return list(first.items())
    if isinstance(said.go, Mapping):
        return list(said.go.items())
    figures = (m for m, v in past[-1].observed.items() if _number(v) is not None)
    metric = next(figures, None)
    return [(metric, "")] if metric is not None else []


def _ruled(check: CheckState, documents: Documents | None) -> list[Ruling]:
    if documents is None or check.evidence is None:
        return []
    try:
        sample = sample_document(documents(check.evidence))
    except KeyError:
        return []
    return list(sample.judgement.rulings) if sample is not None else []


def _parsed(text: str) -> Any:
    # Late: fractions and decimals are start-up time that a status does not need.
    from rollout.domain.condition import Condition
    from rollout.domain.errors import ConditionProblem

    try:
        return Condition.parse(text)
    except ConditionProblem:
        return None


def _word(condition: Any, newest: Scalar, said: CheckWords) -> str:
    """Absence never passes: what cannot be told is unknown. A shadow only ever warns."""
    met = condition.holds(newest) if condition is not None else None
    if met:
        return marks.PASS.word
    if said.shadow:
        return marks.WARN.word
    return (marks.UNKN if met is None else marks.FAIL).word


def _number(value: Scalar) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and value is not None else None
