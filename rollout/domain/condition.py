"""Conditions: what a check's metric must be, in a closed grammar, compared without float drift."""

from __future__ import annotations

import math
from collections.abc import Sized
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from rollout.domain.durations import format_duration
from rollout.domain.grammar import Op, Unit, looks_like_reference, parse_parts, write_text

__all__ = ["Condition", "exact", "format_observed", "looks_like_reference"]

_LONGEST_TEXT = 80
_PLAIN_BELOW = 10**12
"""Larger numbers are shown in scientific notation; also what a timedelta of seconds can hold."""
_SUFFIX: dict[Unit, str] = {"": "", "%": " %", "s": "s"}


class _Range(NamedTuple):
    """Bounds in observed units (share, seconds, plain); None is open; `strict` excludes them."""

    low: Fraction | None
    high: Fraction | None
    strict: bool = False

    def holds(self, x: Fraction) -> bool:
        if self.low is not None and (x < self.low or (self.strict and x == self.low)):
            return False
        return self.high is None or x < self.high or (x == self.high and not self.strict)


def exact(value: object) -> Fraction | None:
    """The number a person would read in `value`, exactly; None for what is no finite number.

    A float counts as its shortest decimal text, so 0.99 is 99/100; True is not 1.

    >>> exact(0.99) == Fraction(99, 100), exact(True), exact(float("nan"))
    (True, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, int):
        return Fraction(value)
    return Fraction(Decimal(repr(float(value)))) if math.isfinite(value) else None


@dataclass(frozen=True)
class Condition:
    """One parsed condition; make it with `Condition.parse`.

    `numbers` are as written (99 for `99 %`, seconds for durations); observed shares are 0..1.
    A tolerance in per cent (`relative`) is of the centre: `within 5 % of 7820` is 7429..8211.
    """

    op: Op
    numbers: tuple[Decimal, ...] = ()
    unit: Unit = ""
    texts: tuple[str, ...] = ()
    relative: bool = False

    @classmethod
    def parse(cls, text: str) -> Condition:
        """Raises: ConditionProblem that says what is accepted, and what was perhaps meant.

        >>> Condition.parse(">= 99 %").holds(0.99)
        True
        >>> str(Condition.parse("between 18,450 and 18,560"))
        'between 18450 and 18560'
        """
        return cls(*parse_parts(text))

    def holds(self, value: object) -> bool | None:
        """Whether the observed value meets it; None when that cannot be told.

        It cannot be told of None, NaN, infinity and values of another type. A value outside 0..1
        cannot *meet* a per cent condition whose bounds lie inside: 93.2 is more likely a
        percentage in the wrong unit than a share of 9,320 %, and must not pass `>= 95 %`.
        """
        if self.texts:
            met = value in self.texts if isinstance(value, str) else None
            return (not met) if met is not None and self.op == "!=" else met
        if self.op in ("true", "false"):
            return (value is (self.op == "true")) if isinstance(value, bool) else None
        x = exact(value)
        if self.op == "empty":
            return x == 0 if x is not None else _is_empty(value)
        if x is None:
            return None
        met = self._met(x)
        return None if met and self._is_no_share(x) else met

    def can_fail(self) -> bool:
        """Whether any honest value fails it: shares are 0..1, counts and durations at least 0.

        >>> [Condition.parse(t).can_fail() for t in (">= 0", "<= 100 %", "between 0 % and 99 %")]
        [False, False, True]
        """
        if not self.numbers or self.op == "=":
            return True
        top = Fraction(1) if self.unit == "%" else None
        if self.op == "!=":
            n = self._scaled(self.numbers[0])
            return n >= 0 and (top is None or n <= top)
        span = self._range()
        if not span.holds(Fraction(0)):
            return True
        return not span.holds(top) if top is not None else span.high is not None

    def margin(self, value: object) -> float | None:
        """Distance to the nearest bound in the condition's own unit (percentage points, seconds,
        plain); positive is inside, negative outside, 0 on the bound. None without a number.

        >>> Condition.parse(">= 99 %").margin(0.9931), Condition.parse("= 50").margin(47)
        (0.31, -3.0)
        """
        x = exact(value)
        if x is None or self.texts or self.op in ("true", "false") or self.holds(value) is None:
            return None
        if self.op == "empty":
            return float(-abs(x))
        scale = 100 if self.unit == "%" else 1
        if self.op == "!=":
            return float(abs(x - self._scaled(self.numbers[0])) * scale)
        span = self._range()
        gaps = [x - span.low] if span.low is not None else []
        gaps += [span.high - x] if span.high is not None else []
        return float(min(gaps) * scale)

    def bounds(self) -> tuple[float | None, float | None]:
        """Lowest and highest number that meet it (shares 0..1, seconds, plain); None where it is open.

        >>> Condition.parse(">= 99 %").bounds(), Condition.parse("within 5 % of 7820").bounds()
        ((0.99, None), (7429.0, 8211.0))
        """
        if not self.numbers or self.op == "!=":
            return None, None
        low, high, _ = self._range()
        return (None if low is None else float(low)), (None if high is None else float(high))

    def __str__(self) -> str:
        """Canonical: reads back to an equal condition."""
        return self._written(grouped=False)

    def for_people(self) -> str:
        """Like `str`, with thousands separators; reads back to an equal condition too.

        >>> Condition.parse("between 18450 and 18560").for_people()
        'between 18,450 and 18,560'
        """
        return self._written(grouped=True)

    def _written(self, *, grouped: bool) -> str:
        if self.op in ("empty", "true", "false"):
            return f"is {self.op}"
        if self.op == "one of":
            return f"is one of {', '.join(write_text(t) for t in self.texts)}"
        if self.texts:
            return f"{self.op} {write_text(self.texts[0])}"
        operands = [_write_number(n, self.unit, grouped) for n in self.numbers]
        if self.op == "between":
            return f"between {operands[0]} and {operands[1]}"
        if self.op == "within":
            tolerance = (
                _write_number(self.numbers[0], "%", grouped) if self.relative else operands[0]
            )
            return f"within {tolerance} of {operands[1]}"
        return f"{self.op} {operands[0]}"

    def _met(self, x: Fraction) -> bool:
        return x != self._scaled(self.numbers[0]) if self.op == "!=" else self._range().holds(x)

    def _scaled(self, written: Decimal) -> Fraction:
        return Fraction(written) / (100 if self.unit == "%" else 1)

    def _range(self) -> _Range:
        first = self._scaled(self.numbers[0])
        if self.op == "between":
            return _Range(first, self._scaled(self.numbers[1]))
        if self.op == "within":
            centre = self._scaled(self.numbers[1])
            reach = abs(centre) * Fraction(self.numbers[0]) / 100 if self.relative else first
            return _Range(centre - reach, centre + reach)
        if self.op == "=":
            return _Range(first, first)
        strict = self.op in ("<", ">")
        return _Range(first, None, strict) if ">" in self.op else _Range(None, first, strict)

    def _is_no_share(self, x: Fraction) -> bool:
        if self.unit != "%" or 0 <= x <= 1:
            return False
        bounds = [self._scaled(n) for n in self.numbers[1 if self.op == "within" else 0 :]]
        return all(0 <= b <= 1 for b in bounds)


def format_observed(value: object, condition: Condition | None = None) -> str:
    """An observed value for people, in the unit of its condition.

    Rounded for reading, but never across a bound: 0.98999 beside `>= 99 %` is 98.999 %.

    >>> format_observed(0.9931, Condition.parse(">= 99 %")), format_observed(1081)
    ('99.31 %', '1,081')
    >>> format_observed(870, Condition.parse("<= 15m")), format_observed(None)
    ('14m30s', 'nothing')
    """
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    x = exact(value)
    if x is None:
        if isinstance(value, float):
            return "not a number" if math.isnan(value) else "infinite"
        text = str(value)
        return text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 1]}…"
    unit = condition.unit if condition is not None and condition.numbers else ""
    return _format_number(x, unit, condition)


def _format_number(x: Fraction, unit: Unit, condition: Condition | None) -> str:
    shown = x * 100 if unit == "%" else x
    if abs(shown) < _PLAIN_BELOW:
        for places in (2, 4, 6, 9):
            rounded = round(shown, places)
            if condition is None or not condition.numbers or _same_side(condition, x, rounded):
                decimal = Decimal(rounded.numerator) / Decimal(rounded.denominator)
                return _write_number(decimal, unit, grouped=True)
    return f"{float(shown)!r}{_SUFFIX[unit]}"


def _same_side(condition: Condition, x: Fraction, shown: Fraction) -> bool:
    return condition._met(x) == condition._met(shown / 100 if condition.unit == "%" else shown)


def _is_empty(value: object) -> bool | None:
    """None for what has no size: missing, not a number, true or false."""
    return len(value) == 0 if isinstance(value, Sized) else None


def _write_number(number: Decimal, unit: Unit, grouped: bool) -> str:
    if unit == "s" and number == number.to_integral_value() and number >= 0:
        return format_duration(timedelta(seconds=int(number)))
    text = f"{number:,f}" if grouped else f"{number:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    text = "0" if text in ("-0", "") else text
    return text + _SUFFIX[unit]
