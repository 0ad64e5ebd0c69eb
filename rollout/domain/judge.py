"""From an observation and its conditions to a verdict that explains itself. Absence never passes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rollout.domain.condition import Condition, format_observed
from rollout.domain.errors import KindMisused
from rollout.domain.evidence import Judgement, Observation, Ruling, Verdict

Conditions = Mapping[str, Condition]
"""Metric name -> what it must be."""

_NAMED = 3
"""How many metrics the sentence names; all of them are in `rulings`."""


def scalar_conditions(
    written: str | Mapping[str, str] | None,
    primary: str | None,
    default: Mapping[str, str] | None = None,
) -> dict[str, Condition]:
    """A check's `go` or `no_go`, references filled in, as conditions by metric.

    A bare text speaks of the kind's `primary` metric; None takes the kind's `default`.

    >>> {m: str(c) for m, c in scalar_conditions("= 0", "unexplained").items()}
    {'unexplained': '= 0'}

    Raises: ConditionProblem; KindMisused for a bare text where the kind has no primary metric.
    """
    if written is None:
        written = default or {}
    if isinstance(written, str):
        if primary is None:
            raise KindMisused(
                f"the condition {written!r} names no metric, and this kind has no main one; "
                "write `<metric>: <condition>`"
            )
        written = {primary: written}
    return {metric: Condition.parse(text) for metric, text in written.items()}


def judge(observation: Observation, go: Conditions, no_go: Conditions) -> Judgement:
    """The verdict over one observation.

    In this order: a `no_go` clearly met fails; an observation with a `problem` is inconclusive,
    and so is one without any condition; a `go` clearly not met fails, unless `no_go` conditions
    exist that leave a middle ground (neither met: inconclusive); anything undetermined is
    inconclusive; what is left passes.
    """
    wanted = [_rule(observation, metric, condition) for metric, condition in go.items()]
    refused = [_rule(observation, metric, condition) for metric, condition in no_go.items()]
    tripped = [r for r in refused if r.met]
    missed = [r for r in wanted if r.met is False]
    unknown = [r for r in (*wanted, *refused) if r.met is None]
    rulings = [*wanted, *refused]
    if tripped:
        said = _sentence(tripped, no_go, "no-go at")
        return Judgement(verdict=Verdict.FAIL, reason=said, rulings=rulings)
    if observation.problem is not None:
        said = observation.problem or "the question could not be answered"
        return Judgement(verdict=Verdict.INCONCLUSIVE, reason=said, rulings=rulings)
    if not rulings:
        said = "no condition was given, so nothing can be decided"
        return Judgement(verdict=Verdict.INCONCLUSIVE, reason=said)
    if missed:
        verdict = Verdict.INCONCLUSIVE if refused else Verdict.FAIL
        said = _sentence(missed, go, "required")
        if refused:
            said += f"; not bad enough for no-go ({_all(no_go)})" if not unknown else ""
        return Judgement(verdict=verdict, reason=said, rulings=rulings)
    if unknown:
        said = "; ".join(_unknown(r, observation) for r in unknown[:_NAMED]) + _more(unknown)
        return Judgement(verdict=Verdict.INCONCLUSIVE, reason=said, rulings=rulings)
    said = _sentence(wanted, go, "required") if wanted else _sentence(refused, no_go, "no-go at")
    return Judgement(verdict=Verdict.PASS, reason=said, rulings=rulings)


def _rule(observation: Observation, metric: str, condition: Condition) -> Ruling:
    observed = observation.metrics.get(metric)
    return Ruling(
        metric=metric,
        observed=observed,
        condition=str(condition),
        met=condition.holds(observed),
        margin=condition.margin(observed),
    )


def _sentence(rulings: Sequence[Ruling], conditions: Conditions, word: str) -> str:
    sign = -1.0 if word == "no-go at" else 1.0
    worst = sorted(rulings, key=lambda r: (sign * _depth(r, conditions[r.metric]), r.metric))
    said = [
        f"{r.metric} is {format_observed(r.observed, conditions[r.metric])}, "
        f"{word} {conditions[r.metric].for_people()}"
        for r in worst[:_NAMED]
    ]
    return "; ".join(said) + _more(worst)


def _depth(ruling: Ruling, condition: Condition) -> float:
    """The margin as a share of the bound, so that rows and shares compare."""
    size = max((abs(float(n)) for n in condition.numbers), default=1.0)
    return (ruling.margin or 0.0) / (size or 1.0)


def _more(rulings: Sequence[Ruling]) -> str:
    return f"; and {len(rulings) - _NAMED} more" if len(rulings) > _NAMED else ""


def _all(conditions: Conditions) -> str:
    return ", ".join(f"{metric} {c.for_people()}" for metric, c in conditions.items())


def _unknown(ruling: Ruling, observation: Observation) -> str:
    condition = Condition.parse(ruling.condition)
    if ruling.metric not in observation.metrics:
        known = ", ".join(sorted(observation.metrics)[:8]) or "none"
        return f"{ruling.metric} was not observed (observed: {known})"
    shown = format_observed(ruling.observed)
    why = ", a share is 0..1" if condition.unit == "%" and ruling.observed is not None else ""
    return f"{ruling.metric} is {shown}, which `{condition.for_people()}` cannot judge{why}"
