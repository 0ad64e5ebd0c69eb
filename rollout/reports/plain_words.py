"""Conditions, metrics and margins as a stakeholder would say them."""

from __future__ import annotations

from datetime import timedelta

from rollout.domain.condition import Condition, format_observed
from rollout.domain.durations import format_duration
from rollout.domain.errors import ConditionProblem
from rollout.domain.evidence import Scalar

_SAID = {
    "= ": "exactly ",
    "!= ": "anything but ",
    "> ": "more than ",
    "< ": "less than ",
    ">= ": "at least ",
    "<= ": "at most ",
    "is one of ": "one of ",
}
_TRUTH = {"is true": "yes", "is false": "no", "is empty": "none"}


def condition_of(text: str) -> Condition | None:
    """None for what an older grammar wrote: it is then shown as it stands."""
    try:
        return Condition.parse(text)
    except ConditionProblem:
        return None


def condition_in_words(text: str) -> str:
    """What must be, without signs.

    >>> condition_in_words("<= 2 %"), condition_in_words("is true"), condition_in_words("= completed")
    ('at most 2 %', 'yes', 'completed')
    """
    condition = condition_of(text)
    if condition is None:
        return text
    said = condition.for_people()
    if said in _TRUTH:
        return _TRUTH[said]
    for sign, words in _SAID.items():
        if said.startswith(sign):
            rest = said.removeprefix(sign)
            return rest if condition.texts and sign == "= " else words + rest
    return said


def metric_in_words(metric: str) -> str:
    """Without underscores, and without the unit that the value itself shows.

    >>> metric_in_words("last_completed_age_s"), metric_in_words("match_rate_idv_enabled")
    ('last completed age', 'match rate idv enabled')
    """
    return metric.removesuffix("_s").replace("_", " ").strip() or metric


def observed_in_words(value: Scalar, condition: Condition | None) -> str:
    """In the unit of its condition; yes and no for what is true or false."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return format_observed(value, condition)


def margin_in_words(margin: float | None, condition: Condition | None) -> str:
    """Distance to the bound with its unit: points of a per cent, a duration, or plain.

    >>> margin_in_words(-273.0, None), margin_in_words(0.31, Condition.parse(">= 99 %"))
    ('-273', '+0.31 points')
    >>> margin_in_words(None, None), margin_in_words(0.0, None), margin_in_words(-0.00012345, None)
    ('', '0', '-0.00012')
    """
    if margin is None:
        return ""
    if not margin:
        return "0"
    if condition is not None and condition.unit == "s":
        sign = "-" if margin < 0 else "+"
        return sign + format_duration(timedelta(seconds=abs(margin)))
    if condition is None or condition.unit != "%":
        return _signed(margin)
    return f"{_signed(margin)} point{'' if abs(margin) == 1 else 's'}"


def _signed(margin: float) -> str:
    """Two decimals, or as many as show two digits of a very small one."""
    if not margin % 1:
        return f"{margin:+,.0f}"
    if abs(margin) < 0.01:
        return f"{margin:+.2g}"
    return f"{margin:+,.2f}".rstrip("0").rstrip(".")
