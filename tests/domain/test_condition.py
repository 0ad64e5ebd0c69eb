from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import absent, conditions, numbers, scalars, shares

from rollout.domain.condition import Condition, exact, format_observed, looks_like_reference
from rollout.domain.errors import ConditionProblem


@pytest.mark.parametrize(
    ("text", "met", "missed"),
    [
        ("= 50", [50, 50.0], [49, 51, 50.1]),
        ("!= 0", [1, -1], [0, 0.0]),
        ("> 5", [6], [5, 4]),
        (">= 5", [5], [4.999]),
        ("< 1,081", [1080], [1081]),
        ("<= 1081", [1081], [1082]),
        (">= 99 %", [0.99, 1, 1.0], [0.98999, 0]),
        ("< 2%", [0.0199], [0.02, 1.5]),
        ("<= 15m", [900, 0], [901]),
        ("<= 1h30m", [5400], [5400.5]),
        ("between 18450 and 18560", [18450, 18560, 18500], [18449, 18561]),
        ("between 90 and 95 %", [0.9, 0.95], [0.899, 0.951]),
        ("between 5m and 10m", [300, 600], [299, 601]),
        ("within 5 % of 7820", [7429, 8211], [7428, 8212, 9141]),
        ("within 10 of 100", [90, 110], [89.9, 110.1]),
        ("within 5 % of -100", [-105, -95], [-106, -94]),
        ("within 2 % of 50 %", [0.49, 0.51], [0.48, 0.52]),
        ("within 5m of 1h", [3300, 3900], [3299, 3901]),
        ("is empty", [0, 0.0, "", [], {}], [1, "x", [0]]),
        ("is true", [True], [False]),
        ("is false", [False], [True]),
        ("= completed", ["completed"], ["Completed", "failed", ""]),
        ("!= failed", ["completed"], ["failed"]),
        ("is one of completed, Sync A", ["completed", "Sync A"], ["sync a"]),
        ('= "50 rows"', ["50 rows"], ["50"]),
        (f"= {'0f' * 32}", ["0f" * 32], ["1f" * 32]),
    ],
)
def test_every_form_says_yes_and_no(text: str, met: list[object], missed: list[object]) -> None:
    condition = Condition.parse(text)
    assert [condition.holds(v) for v in met] == [True] * len(met)
    assert [condition.holds(v) for v in missed] == [False] * len(missed)


@given(conditions, absent)
def test_what_is_missing_or_not_finite_never_holds_and_never_fails(
    condition: Condition, value: object
) -> None:
    assert condition.holds(value) is None
    assert condition.margin(value) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("= 1", True),
        ("is true", 1),
        ("is false", 0),
        ("is true", "true"),
        (">= 5", "7"),
        ("= completed", 5),
        ("is empty", False),
        ("= 0", []),
        ("is one of a, b", True),
    ],
)
def test_a_value_of_another_type_cannot_be_told(text: str, value: object) -> None:
    assert Condition.parse(text).holds(value) is None


@given(conditions)
def test_a_condition_reads_back_to_itself_in_both_spellings(condition: Condition) -> None:
    assert Condition.parse(str(condition)) == condition
    assert Condition.parse(condition.for_people()) == condition


@given(conditions, scalars)
def test_an_equal_condition_says_the_same(condition: Condition, value: object) -> None:
    assert Condition.parse(str(condition)).holds(value) == condition.holds(value)


@given(st.integers(0, 10**6), st.integers(1, 10**6))
def test_shares_compare_without_float_drift(part: int, whole: int) -> None:
    assert Condition.parse("<= 100 %").holds(min(part, whole) / whole) is True
    hundredths = part % 101
    assert Condition.parse(f"= {hundredths} %").holds(hundredths / 100) is True
    assert Condition.parse(f"> {hundredths} %").holds(hundredths / 100) is False


@pytest.mark.parametrize("text", [">= 95 %", "> 10 %", "!= 0 %"])
def test_a_percentage_in_the_wrong_unit_cannot_pass_as_a_share(text: str) -> None:
    assert Condition.parse(text).holds(93.2) is None


def test_a_value_above_one_still_misses_an_upper_share_bound() -> None:
    assert Condition.parse("<= 5 %").holds(93.2) is False


@pytest.mark.parametrize(("text", "value"), [("<= 150 %", 1.3), (">= -20 %", -0.1)])
def test_a_share_condition_with_bounds_outside_means_values_outside(
    text: str, value: float
) -> None:
    assert Condition.parse(text).holds(value) is True


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("50", "= 50"),
        ("15m", "= 15m"),
        ("== 50", "= 50"),
        ("=> 5", ">= 5"),
        ("=< 5", "<= 5"),
        ("<> 5", "!= 5"),
        ("≥ 99 %", ">= 99 %"),
        ("betwen 1 and 2", "between 1 and 2"),
        ("witin 1 of 2", "within 1 of 2"),
        ("between 5 and 3", "between 3 and 5"),
        ("is emtpy", "is empty"),
        ("empty", "is empty"),
        ("= true", "is true"),
        ("= empty", "is empty"),
    ],
)
def test_a_slip_is_refused_with_what_was_meant(text: str, hint: str) -> None:
    with pytest.raises(ConditionProblem) as problem:
        Condition.parse(text)
    assert f"did you mean `{hint}`?" in str(problem.value)
    assert "Accepted: = 50" in str(problem.value)
    Condition.parse(hint)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "none of the known forms"),
        ("pigs fly", "none of the known forms"),
        ("=", "nothing stands behind"),
        ("= 50 rows", "neither a number with a known unit nor a word"),
        ("= 1,08", "neither a number"),
        ("> completed", "numbers, shares and durations only"),
        ("<= 15 minutes", "numbers, shares and durations only"),
        ("= null", "not a text"),
        ("between 1 and x", "'x' is not a number"),
        ("between 5 % and 10m", "same unit"),
        ("between 1 % and 2", "same unit"),
        ("within 2 of 95 %", "per cent or in the unit"),
        ("within -1 of 5", "not negative"),
        ("= 999999999999d", "too long"),
        ("= 1234567890123456789", "at most 18"),
        ("is one of a,", "ends in a comma"),
        ("is one of , a", "commas between"),
        ("is one of 1, 2", "neither a number"),
        ('= "open', "double quotes"),
        ("= a; drop", "quote other texts"),
        ("= ${{ params.x }}", "holds a reference"),
    ],
)
def test_what_is_outside_the_grammar_is_refused_with_its_reason(text: str, why: str) -> None:
    with pytest.raises(ConditionProblem) as problem:
        Condition.parse(text)
    assert why in str(problem.value)


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused_on_purpose(text: str) -> None:
    try:
        condition = Condition.parse(text)
    except ConditionProblem:
        return
    assert Condition.parse(str(condition)) == condition


def test_references_are_seen_before_they_are_filled_in() -> None:
    assert looks_like_reference("= ${{ params.x }}")
    assert not looks_like_reference("= 50")


@pytest.mark.parametrize(
    "text",
    [
        ">= 0",
        "> -1",
        ">= 0 %",
        "<= 100 %",
        "between 0 % and 100 %",
        "within 100 % of 50 %",
        "!= -3",
        "!= 101 %",
        ">= 0s",
    ],
)
def test_conditions_that_nothing_can_miss_are_known(text: str) -> None:
    assert Condition.parse(text).can_fail() is False


@pytest.mark.parametrize(
    "text",
    [
        "> 0",
        "> 0 %",
        "< 100 %",
        "between 0 and 10",
        "<= 100",
        "= 0",
        "!= 0",
        "is empty",
        "is true",
        "= x",
    ],
)
def test_conditions_that_something_can_miss_are_known(text: str) -> None:
    assert Condition.parse(text).can_fail() is True


@given(conditions, shares, st.integers(0, 10**10))
def test_what_cannot_fail_is_missed_by_no_honest_value(
    condition: Condition, share: float, count: int
) -> None:
    if condition.numbers and not condition.can_fail():
        assert condition.holds(share if condition.unit == "%" else count) is True


@pytest.mark.parametrize(
    ("text", "value", "margin"),
    [
        (">= 99 %", 0.9931, 0.31),
        (">= 99 %", 0.98, -1.0),
        ("<= 15m", 870, 30.0),
        ("= 0", 273, -273.0),
        ("= 50", 50, 0.0),
        ("!= 0", 4, 4.0),
        ("between 18450 and 18560", 18722, -162.0),
        ("between 18450 and 18560", 18460, 10.0),
        ("is empty", 524, -524.0),
        ("is true", True, None),
        ("= completed", "failed", None),
        ("is empty", "text", None),
    ],
)
def test_the_margin_is_the_distance_to_the_nearest_bound(
    text: str, value: object, margin: float | None
) -> None:
    assert Condition.parse(text).margin(value) == margin


@given(conditions, st.one_of(numbers, shares))
def test_the_margin_is_positive_inside_and_negative_outside(
    condition: Condition, value: float
) -> None:
    margin = condition.margin(value)
    if margin:
        assert (margin > 0) is condition.holds(value)


@pytest.mark.parametrize(
    ("value", "text", "shown"),
    [
        (0.9931, ">= 99 %", "99.31 %"),
        (0.98999, ">= 99 %", "98.999 %"),
        (1, ">= 99 %", "100 %"),
        (870, "<= 15m", "14m30s"),
        (0, "<= 15m", "0s"),
        (-5, "<= 15m", "-5s"),
        (900.25, "<= 15m", "900.25s"),
        (1081, "= 1081", "1,081"),
        (12.3456, "< 20", "12.35"),
        (1e-300, "> 0", "1e-300"),
        (1e18, "> 0", "1e+18"),
        (None, "= 1", "nothing"),
        (math.nan, "= 1", "not a number"),
        (math.inf, "= 1", "infinite"),
        (True, "is true", "true"),
        (False, "is true", "false"),
        ("completed", "= completed", "completed"),
        ("x" * 200, "= completed", "x" * 79 + "…"),
    ],
)
def test_observed_values_are_shown_in_the_unit_of_their_condition(
    value: object, text: str, shown: str
) -> None:
    assert format_observed(value, Condition.parse(text)) == shown


def test_an_observed_value_without_a_condition_is_a_plain_number() -> None:
    assert format_observed(0.99314) == "0.99"
    assert format_observed(18722) == "18,722"


@given(conditions, numbers)
def test_rounding_for_reading_never_crosses_a_bound(condition: Condition, value: float) -> None:
    shown = format_observed(value, condition).replace(",", "")
    if condition.numbers and condition.unit == "":
        assert condition.holds(float(shown)) == condition.holds(value)
    if condition.unit == "%":
        share = float(Decimal(shown.removesuffix(" %")) / 100)
        assert condition.holds(share) == condition.holds(value)


@given(st.decimals(-1000, 1000, places=6, allow_nan=False))
def test_a_float_counts_as_its_shortest_decimal(number: Decimal) -> None:
    assert exact(float(number)) == Fraction(number)
