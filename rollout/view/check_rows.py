"""The checks of a gate as rows: observed against required, how near, how old, whose, which way it goes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from rollout.domain.evidence import Ruling, Scalar
from rollout.domain.state import GateState, RolloutState
from rollout.reports.wording import conditions_of
from rollout.view import marks
from rollout.view.gates import WORST_FIRST, Documents, gate_view, rulings_of
from rollout.view.model import CheckView, GateView
from rollout.view.plan_words import CheckWords, PlanWords
from rollout.view.progress_text import span
from rollout.view.text import figure, figures, plain

MOST_TREND = 60
"""Newest values of a trend."""


class RulingRow(msgspec.Struct, frozen=True, kw_only=True):
    """One condition held against one metric, in words. `margin` is how far it is from the limit, with
    its unit, positive on the good side. `refuses`: to meet it is a no-go."""

    metric: str
    observed: str
    required: str
    word: str
    margin: str
    refuses: bool = False


class CheckRow(msgspec.Struct, frozen=True, kw_only=True):
    """`telling` is the ruling that matters most: one that is not met, else the one that is nearest
    to its limit; None without evidence at hand. `age_s` is that of the newest sample in the
    rollout's own time. `trend` holds the telling metric's values, oldest first."""

    id: str
    name: str
    title: str
    word: str
    telling: RulingRow | None
    rulings: list[RulingRow]
    observed: str
    required: str
    age_s: float | None
    owner: str
    severity: str
    reason: str
    if_it_fails: str
    waived_by: str
    samples: int
    shadow: bool
    evidence: str | None
    trend: list[float | None]


class GateRows(msgspec.Struct, frozen=True, kw_only=True):
    """A gate's evaluation with its rows, those that block first. `counts`: word -> how many."""

    gate: GateView
    rows: list[CheckRow]
    counts: dict[str, int]

    @property
    def met(self) -> int:
        return self.counts.get("PASS", 0) + self.counts.get("WAIV", 0)


def gate_rows(
    gate: GateState,
    state: RolloutState,
    words: PlanWords,
    now: datetime | None,
    documents: Documents | None = None,
) -> GateRows:
    """The rows of one evaluation at `now`."""
    view = gate_view(gate, state, words, documents)
    rows = [_row(check, gate, state, words, now, documents) for check in view.checks]
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.word] = counts.get(row.word, 0) + 1
    return GateRows(
        gate=view, rows=sorted(rows, key=lambda row: WORST_FIRST[row.word]), counts=counts
    )


def _row(
    check: CheckView,
    gate: GateState,
    state: RolloutState,
    words: PlanWords,
    now: datetime | None,
    documents: Documents | None,
) -> CheckRow:
    held = _held(
        rulings_of(gate.checks[check.id], documents), words.gate(gate.gate).check(check.id)
    )
    telling = min(held, key=_Held.rank, default=None)
    shown = [_ruling(one, shadow=check.shadow) for one in held]
    told = shown[held.index(telling)] if telling is not None else None
    metric = telling.ruling.metric if telling is not None else next(iter(check.observed), "")
    return CheckRow(
        id=check.id,
        name=plain(check.id.replace("_", " ")),
        title=check.title,
        word=check.word,
        telling=told,
        rulings=shown,
        observed=told.observed if told is not None else _without_evidence(check),
        required=told.required if told is not None else check.required,
        age_s=max((now - check.at).total_seconds(), 0.0) if now and check.at else None,
        owner=plain(check.owner),
        severity=check.severity,
        reason=check.reason,
        if_it_fails=check.if_it_fails,
        waived_by=check.waived_by,
        samples=check.samples,
        shadow=check.shadow,
        evidence=check.evidence,
        trend=_trend(state, check.id, metric),
    )


def _without_evidence(check: CheckView) -> str:
    first = dict(list(check.observed.items())[:1])
    return figures(first) or ("no data" if check.samples else "not asked yet")


class _Held(msgspec.Struct, frozen=True):
    """A ruling, and whether its condition is one that must not be met."""

    ruling: Ruling
    refuses: bool

    @property
    def is_fine(self) -> bool | None:
        met = self.ruling.met
        return (not met) if self.refuses and met is not None else met

    @property
    def margin(self) -> float | None:
        margin = self.ruling.margin
        return -margin if self.refuses and margin is not None else margin

    def rank(self) -> tuple[int, bool, float]:
        """What is bad comes first, then what is unknown; of what is fine, what must be met and is
        nearest to its limit."""
        state = {False: 0, None: 1, True: 2}[self.is_fine]
        return state, self.refuses, abs(self.margin) if self.margin is not None else float("inf")


def _held(rulings: Sequence[Ruling], said: CheckWords) -> list[_Held]:
    """The plan's no-go conditions are ruled last."""
    first_refusing = max(len(rulings) - conditions_of(said.no_go), 0)
    return [_Held(ruling, n >= first_refusing) for n, ruling in enumerate(rulings)]


def _ruling(held: _Held, *, shadow: bool) -> RulingRow:
    # Late: fractions and decimals are start-up time that a status does not need.
    from rollout.domain.condition import Condition, format_observed
    from rollout.domain.errors import ConditionProblem

    ruling = held.ruling
    try:
        condition = Condition.parse(ruling.condition)
    except ConditionProblem:
        condition = None
    missed = marks.WARN if shadow else marks.FAIL
    required = condition.for_people() if condition is not None else plain(ruling.condition)
    return RulingRow(
        metric=plain(ruling.metric),
        observed=plain(format_observed(ruling.observed, condition)),
        required=f"no-go at {required}" if held.refuses else required,
        word={True: marks.PASS, False: missed, None: marks.UNKN}[held.is_fine].word,
        margin=margin_words(held.margin, condition.unit if condition is not None else ""),
        refuses=held.refuses,
    )


def margin_words(margin: float | None, unit: str) -> str:
    """The distance to the nearest limit, positive inside; nothing where there is no number.

    >>> margin_words(0.31, "%"), margin_words(-3.0, ""), margin_words(90.0, "s"), margin_words(0.0, "")
    ('+0.31 pp', '-3', '+1m30s', '0')
    """
    if margin is None:
        return ""
    if not margin:
        return "0"
    sign = "-" if margin < 0 else "+"
    if unit == "s":
        return f"{sign}{span(abs(margin))}"
    text = figure(float(f"{abs(margin):.4g}"))
    return f"{sign}{text} pp" if unit == "%" else f"{sign}{text}"


def _trend(state: RolloutState, check: str, metric: str) -> list[float | None]:
    past = state.history.get(check, [])[-MOST_TREND:]
    return [_number(sample.observed.get(metric)) for sample in past]


def _number(value: Scalar) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and value is not None else None
