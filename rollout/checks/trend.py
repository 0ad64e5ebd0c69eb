"""`trend`: a figure has not moved off its own history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from statistics import median
from typing import ClassVar, NamedTuple, Self

from pydantic import BaseModel, Field, model_validator

from rollout.checks.numbers import Number, NumberQuery, ask_number, number_of
from rollout.domain.evidence import Observation
from rollout.domain.instants import to_text
from rollout.domain.plan import Duration, Identifier, Model
from rollout.kinds import CheckContext, PastMeasure

SAMPLE = 20


class TrendInputs(Model):
    """The figure: a metric of another check (`of_check`, `metric`), or a query (`value`).

    `window`: past measures compared with at most; `min_history`: at least; `max_age`: how old the
    newest measure of the other check may be to stand for now.
    """

    of_check: Identifier | None = None
    metric: str | None = None
    value: NumberQuery | None = None
    window: int = Field(default=10, ge=1)
    min_history: int = Field(default=3, ge=1)
    max_age: Duration = timedelta(hours=24)

    @model_validator(mode="after")
    def _one_figure(self) -> Self:
        named = (self.of_check is not None, self.metric is not None)
        if named not in {(True, True), (False, False)} or named[0] == (self.value is not None):
            raise ValueError("give either `of_check` with `metric`, or `value` with a query")
        if self.min_history > self.window:
            raise ValueError("`min_history` is more than `window` can hold")
        return self


class _Figure(NamedTuple):
    """A value, when it was measured, and the measures before it, oldest first."""

    value: Number | None
    at: datetime
    before: list[tuple[datetime, Number]]
    source: str
    query: str
    problem: str | None


class Trend:
    """The newest figure against the median of the ones before it."""

    kind: ClassVar[str] = "trend"
    Inputs: ClassVar[type[BaseModel]] = TrendInputs
    primary: ClassVar[str | None] = "off"
    metrics: ClassVar[Mapping[str, str] | None] = {
        "off": "share: how far the value is from the baseline, either way",
        "deviation": "share, signed: (value - baseline) / baseline; negative = fell",
        "value": "the newest figure",
        "baseline": "median of the measures before it",
        "past": "number of measures in that median",
        "age_s": "seconds since the figure was measured",
    }
    default_go: ClassVar[Mapping[str, str]] = {}

    def observe(self, inputs: TrendInputs, context: CheckContext) -> Observation:
        if inputs.value is not None:
            figure = _asked(inputs.value, context)
        else:
            figure = _remembered(inputs.of_check or "", inputs.metric or "", context)
        past = figure.before[-inputs.window :]
        baseline = median(value for _, value in past) if past else None
        deviation = deviation_of(figure.value, baseline)
        return Observation(
            metrics={
                "off": None if deviation is None else abs(deviation),
                "deviation": deviation,
                "value": figure.value,
                "baseline": baseline,
                "past": len(past),
                "age_s": (context.now - figure.at).total_seconds(),
            },
            source=figure.source,
            query=figure.query,
            as_of=figure.at,
            sample=[{"at": to_text(at), "value": value} for at, value in past[-SAMPLE:]],
            problem=_problem(figure, len(past), inputs, context.now),
        )


def deviation_of(value: Number | None, baseline: Number | None) -> float | None:
    """Signed share; None when either is unknown, or something is compared with a baseline of nothing.

    >>> deviation_of(8, 10), deviation_of(0, 0), deviation_of(3, 0)
    (-0.2, 0.0, None)
    """
    if value is None or baseline is None:
        return None
    if baseline == 0:
        return 0.0 if value == 0 else None
    return (value - baseline) / abs(baseline)


def _asked(query: NumberQuery, context: CheckContext) -> _Figure:
    value, problem = ask_number(query, context)
    before = _series(context.facts.history(context.check), "value")
    return _Figure(value, context.now, before, query.connection, query.text, problem)


def _remembered(check: str, metric: str, context: CheckContext) -> _Figure:
    history = context.facts.history(check)
    source, query = "the log", f"measures of {check}: {metric}"
    if not history:
        return _Figure(None, context.now, [], source, query, f"{check} has never been measured")
    newest = history[-1]
    value = number_of(newest.observed.get(metric))
    problem = None if value is not None else f"the newest measure of {check} has no {metric}"
    return _Figure(value, newest.at, _series(history[:-1], metric), source, query, problem)


def _series(history: Sequence[PastMeasure], metric: str) -> list[tuple[datetime, Number]]:
    """Measures that hold a number; the others saw nothing and are no baseline."""
    found = [(measure.at, number_of(measure.observed.get(metric))) for measure in history]
    return [(at, value) for at, value in found if value is not None]


def _problem(figure: _Figure, past: int, inputs: TrendInputs, now: datetime) -> str | None:
    if figure.problem:
        return figure.problem
    if now - figure.at > inputs.max_age:
        return f"the newest measure is of {to_text(figure.at)}, older than {inputs.max_age}"
    if past < inputs.min_history:
        return f"{past} measures before this one, {inputs.min_history} make a history"
    return None
