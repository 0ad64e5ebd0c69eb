from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import absent, condition_tables, conditions, observations

from rollout.domain.condition import Condition
from rollout.domain.errors import ConditionProblem, KindMisused
from rollout.domain.evidence import Judgement, Observation, Scalar, Verdict
from rollout.domain.judge import judge, scalar_conditions

RANK = {Verdict.PASS: 0, Verdict.INCONCLUSIVE: 1, Verdict.FAIL: 2}


def seen(problem: str | None = None, **metrics: Scalar) -> Observation:
    return Observation(metrics=metrics, source="warehouse", problem=problem)


def ruled(
    observation: Observation,
    go: dict[str, str] | None = None,
    no_go: dict[str, str] | None = None,
) -> Judgement:
    return judge(
        observation,
        {m: Condition.parse(t) for m, t in (go or {}).items()},
        {m: Condition.parse(t) for m, t in (no_go or {}).items()},
    )


def test_every_go_condition_met_passes() -> None:
    found = ruled(seen(missing=0, rate=0.995), {"missing": "= 0", "rate": ">= 99 %"})
    assert found.verdict is Verdict.PASS
    assert found.reason == "missing is 0, required = 0; rate is 99.5 %, required >= 99 %"
    assert [r.met for r in found.rulings] == [True, True]


def test_one_go_condition_missed_fails_and_says_observed_and_required() -> None:
    found = ruled(seen(unexplained=273), {"unexplained": "= 0"})
    assert found.verdict is Verdict.FAIL
    assert found.reason == "unexplained is 273, required = 0"
    (ruling,) = found.rulings
    assert (ruling.condition, ruling.observed, ruling.margin) == ("= 0", 273, -273.0)


def test_a_failure_outweighs_a_metric_that_cannot_be_told() -> None:
    found = ruled(seen(a=1, b=None), {"a": "= 0", "b": "= 0"})
    assert found.verdict is Verdict.FAIL


def test_a_metric_that_is_not_there_is_inconclusive_and_named() -> None:
    found = ruled(seen(mising=0), {"missing": "= 0"})
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.reason == "missing was not observed (observed: mising)"


def test_nothing_observed_at_all_is_said_so() -> None:
    assert "observed: none" in ruled(seen(), {"missing": "= 0"}).reason


@pytest.mark.parametrize(
    ("value", "said"), [(math.nan, "not a number"), (None, "nothing"), ("x", "x")]
)
def test_an_undetermined_value_is_inconclusive_and_shown(value: Scalar, said: str) -> None:
    found = ruled(seen(missing=value), {"missing": "= 0"})
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.reason == f"missing is {said}, which `= 0` cannot judge"


def test_a_percentage_in_the_wrong_unit_is_inconclusive_with_a_hint() -> None:
    found = ruled(seen(coverage=93.2), {"coverage": ">= 95 %"})
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.reason == "coverage is 93.2, which `>= 95 %` cannot judge, a share is 0..1"


def test_no_condition_is_inconclusive() -> None:
    found = ruled(seen(missing=0))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "no condition" in found.reason


def test_a_problem_is_inconclusive_even_when_the_numbers_look_well() -> None:
    found = ruled(seen(problem="the population is empty", missing=0), {"missing": "= 0"})
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.reason == "the population is empty"


def test_an_empty_problem_text_is_still_a_problem() -> None:
    found = ruled(seen(problem="", missing=0), {"missing": "= 0"})
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.reason


def test_a_no_go_clearly_met_fails_despite_a_problem() -> None:
    found = ruled(seen(problem="page 2 was cut", rate=0.2), no_go={"rate": "> 10 %"})
    assert found.verdict is Verdict.FAIL
    assert found.reason == "rate is 20 %, no-go at > 10 %"


def test_a_no_go_met_fails_even_when_every_go_is_met() -> None:
    found = ruled(seen(rate=0.2, missing=0), {"missing": "= 0"}, {"rate": "> 10 %"})
    assert found.verdict is Verdict.FAIL


def test_neither_go_nor_no_go_met_is_the_middle_ground() -> None:
    found = ruled(seen(rate=0.05), {"rate": "< 2 %"}, {"rate": "> 10 %"})
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.reason == "rate is 5 %, required < 2 %; not bad enough for no-go (rate > 10 %)"


def test_only_no_go_and_none_met_passes() -> None:
    found = ruled(seen(rate=0.05), no_go={"rate": "> 10 %"})
    assert found.verdict is Verdict.PASS
    assert found.reason == "rate is 5 %, no-go at > 10 %"


@pytest.mark.parametrize("go", [{}, {"missing": "= 0"}])
def test_an_undetermined_no_go_never_passes(go: dict[str, str]) -> None:
    found = ruled(seen(missing=0, rate=None), go, {"rate": "> 10 %"})
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "rate is nothing" in found.reason


def test_the_worst_metrics_come_first_and_the_rest_are_counted() -> None:
    observed = seen(a=51, b=500, c=0.4, d=52, e=53)
    go = {"a": "<= 50", "b": "<= 50", "c": ">= 50 %", "d": "<= 50", "e": "<= 50"}
    reason = ruled(observed, go).reason
    assert reason.startswith("b is 500, required <= 50; c is 40 %, required >= 50 %; e is 53")
    assert reason.endswith("; and 2 more")


def test_the_no_go_furthest_beyond_its_bound_comes_first() -> None:
    found = ruled(seen(a=11, b=90), no_go={"a": "> 10", "b": "> 10"})
    assert found.reason == "b is 90, no-go at > 10; a is 11, no-go at > 10"


@given(observations, condition_tables, condition_tables)
def test_only_conditions_all_told_can_pass(
    observation: Observation, go: dict[str, Condition], no_go: dict[str, Condition]
) -> None:
    found = judge(observation, go, no_go)
    assert found.reason
    assert len(found.rulings) == len(go) + len(no_go)
    if found.verdict is Verdict.PASS:
        assert observation.problem is None
        assert go or no_go
        assert all(c.holds(observation.metrics.get(m)) is True for m, c in go.items())
        assert all(c.holds(observation.metrics.get(m)) is False for m, c in no_go.items())


@given(observations, condition_tables, condition_tables, conditions, absent)
def test_an_absent_value_under_any_condition_never_passes(
    observation: Observation,
    go: dict[str, Condition],
    no_go: dict[str, Condition],
    condition: Condition,
    value: Scalar,
) -> None:
    poorer = msgspec.structs.replace(observation, metrics={**observation.metrics, "extra": value})
    unseen = observation
    for seen_as in (poorer, unseen):
        assert judge(seen_as, {**go, "extra": condition}, no_go).verdict is not Verdict.PASS
        assert judge(seen_as, go, {**no_go, "extra": condition}).verdict is not Verdict.PASS


@given(observations, condition_tables, condition_tables, conditions, st.integers(0, 10))
def test_one_more_failing_ruling_never_improves_the_verdict(
    observation: Observation,
    go: dict[str, Condition],
    no_go: dict[str, Condition],
    condition: Condition,
    value: int,
) -> None:
    before = judge(observation, go, no_go)
    worse = msgspec.structs.replace(observation, metrics={**observation.metrics, "extra": value})
    if condition.holds(value) is False:
        after = judge(worse, {**go, "extra": condition}, no_go)
    elif condition.holds(value) is True:
        after = judge(worse, go, {**no_go, "extra": condition})
    else:
        after = judge(worse, {**go, "extra": condition}, no_go)
        assert after.verdict is not Verdict.PASS
        return
    assert after.verdict is not Verdict.PASS
    if go or no_go:
        assert RANK[after.verdict] >= RANK[before.verdict]


def test_a_bare_condition_speaks_of_the_main_metric() -> None:
    assert scalar_conditions("= 0", "missing") == {"missing": Condition.parse("= 0")}


def test_a_table_names_its_metrics_itself() -> None:
    table = scalar_conditions({"a": "= 0", "b": "> 1"}, "missing")
    assert {m: str(c) for m, c in table.items()} == {"a": "= 0", "b": "> 1"}


def test_without_a_condition_the_kinds_own_holds() -> None:
    assert scalar_conditions(None, "missing", {"missing": "= 0"}) == {
        "missing": Condition.parse("= 0")
    }
    assert scalar_conditions(None, "missing") == {}


def test_a_bare_condition_needs_a_main_metric() -> None:
    with pytest.raises(KindMisused, match="names no metric"):
        scalar_conditions("= 0", None)


def test_a_wrong_condition_is_refused() -> None:
    with pytest.raises(ConditionProblem):
        scalar_conditions({"a": "about 5"}, None)
