from __future__ import annotations

import math
from typing import Any

import pytest
from fakes_services import (
    FakeConnections,
    FakeFacts,
    FakeWarehouse,
    ago,
    context,
    judged,
    look,
    measures,
    table,
    verdict,
)
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rollout.checks.trend import Trend, deviation_of
from rollout.domain.errors import ServiceError
from rollout.domain.evidence import Scalar, Verdict
from rollout.kinds import CheckContext
from rollout.ports import Table

TREND = Trend()
SQL = "SELECT COUNT(*) FROM crm.salesforce.product_property"
OWN: dict[str, Any] = {"value": {"sql": SQL, "on": "warehouse"}}
OTHER: dict[str, Any] = {"of_check": "rows_in_target", "metric": "n"}
WITHIN = "<= 20 %"


def own(*past: Scalar, now: Scalar) -> CheckContext:
    return context(
        FakeConnections(databricks=FakeWarehouse({SQL: table((now,))})),
        FakeFacts(measured={"the_check": measures(*past)}),
    )


def other(*values: Scalar) -> CheckContext:
    return context(facts=FakeFacts(measured={"rows_in_target": measures(*values, metric="n")}))


def test_a_figure_near_its_history_passes() -> None:
    seen = look(TREND, OWN, own(100, 110, 90, now=105))
    assert judged(TREND, seen, WITHIN).verdict is Verdict.PASS
    assert seen.metrics["baseline"] == 100
    assert seen.metrics["deviation"] == pytest.approx(0.05)


@pytest.mark.parametrize("value", [79, 121, 1_000, 0])
def test_a_figure_off_its_history_fails_either_way(value: int) -> None:
    assert verdict(TREND, OWN, own(100, 110, 90, now=value), WITHIN) is Verdict.FAIL


def test_the_newest_measure_of_another_check_is_compared_with_those_before() -> None:
    seen = look(TREND, OTHER, other(100, 110, 90, 60))
    assert judged(TREND, seen, WITHIN).verdict is Verdict.FAIL
    assert seen.metrics["deviation"] == pytest.approx(-0.4)
    assert (seen.metrics["past"], seen.metrics["age_s"]) == (3, 3600)
    assert seen.as_of == ago(60)
    assert verdict(TREND, OTHER, other(100, 110, 90, 95), WITHIN) is Verdict.PASS


def test_a_window_forgets_what_lies_before_it() -> None:
    where = own(1, 1, 1, 1, 100, 100, 100, now=100)
    assert verdict(TREND, {**OWN, "window": 3}, where, WITHIN) is Verdict.PASS
    assert verdict(TREND, OWN, where, WITHIN) is Verdict.FAIL


@pytest.mark.parametrize("past", [(), (100,), (100, 100), (100, None, math.nan, "x", True, 100)])
def test_a_short_history_is_inconclusive(past: tuple[Scalar, ...]) -> None:
    said = judged(TREND, look(TREND, OWN, own(*past, now=100)), WITHIN)
    assert said.verdict is Verdict.INCONCLUSIVE
    assert "make a history" in said.reason


@pytest.mark.parametrize("value", [None, math.nan, "100", True])
def test_a_value_that_is_no_number_is_inconclusive(value: Scalar) -> None:
    assert verdict(TREND, OWN, own(100, 100, 100, now=value), WITHIN) is Verdict.INCONCLUSIVE
    assert verdict(TREND, OTHER, other(100, 100, 100, value), WITHIN) is Verdict.INCONCLUSIVE


def test_an_empty_answer_is_inconclusive() -> None:
    where = context(
        FakeConnections(databricks=FakeWarehouse({SQL: Table(["n"], [])})),
        FakeFacts(measured={"the_check": measures(1, 1, 1)}),
    )
    assert verdict(TREND, OWN, where, WITHIN) is Verdict.INCONCLUSIVE


def test_a_check_that_was_never_measured_is_inconclusive() -> None:
    said = judged(TREND, look(TREND, OTHER, context()), WITHIN)
    assert said.verdict is Verdict.INCONCLUSIVE
    assert "never been measured" in said.reason


def test_an_old_measure_does_not_stand_for_now() -> None:
    where = other(100, 100, 100, 100)
    assert verdict(TREND, {**OTHER, "max_age": "1h"}, where, WITHIN) is Verdict.PASS
    assert verdict(TREND, {**OTHER, "max_age": "59m"}, where, WITHIN) is Verdict.INCONCLUSIVE


def test_something_against_a_baseline_of_nothing_is_inconclusive() -> None:
    assert verdict(TREND, OWN, own(0, 0, 0, now=5), WITHIN) is Verdict.INCONCLUSIVE
    assert verdict(TREND, OWN, own(0, 0, 0, now=0), WITHIN) is Verdict.PASS


def test_a_dead_service_is_an_error() -> None:
    where = context(FakeConnections(databricks=FakeWarehouse(down=True)))
    with pytest.raises(ServiceError):
        look(TREND, OWN, where)


@pytest.mark.parametrize(
    "inputs",
    [
        {},
        {"of_check": "a"},
        {"metric": "n"},
        {**OWN, **OTHER},
        {**OWN, "metric": "n"},
        {**OWN, "window": 2, "min_history": 3},
        {"value": {"sql": SQL, "soql": "SELECT COUNT() FROM A", "on": "warehouse"}},
    ],
)
def test_a_figure_must_be_named_once(inputs: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Trend.Inputs.model_validate(inputs)


@given(baseline=st.integers(-(10**6), 10**6), value=st.integers(-(10**6), 10**6))
def test_a_deviation_has_the_sign_of_the_move(baseline: int, value: int) -> None:
    deviation = deviation_of(value, baseline)
    if deviation is None:
        assert baseline == 0 != value
    else:
        assert (deviation > 0) == (value > baseline)
        assert (deviation == 0) == (value == baseline)
