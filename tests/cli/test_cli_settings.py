"""`--set key=value`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.cli.exits import Misuse
from rollout.cli.settings import scalar, settings
from rollout.domain.errors import PlanProblems
from rollout.rehearsal.overrides import overridden
from rollout.rehearsal.scenario import Expected, Operator, Scenario

SCENARIO = Scenario(
    scenario="calm", title="Calm", operator=Operator(), expect=Expected(outcome="completed")
)


def test_keys_with_a_dot_belong_to_the_scenario() -> None:
    found = settings(["a=1", "operator.sign=no", "b=x=y", "a=2"])
    assert found.params == {"a": 2, "b": "x=y"}
    assert found.overrides == {"operator.sign": "no"}


@pytest.mark.parametrize(
    ("word", "value"),
    [("3", 3), ("-3", -3), ("2.5", 2.5), ("true", True), ("false", False), ("null", None),
     ("", None), ("yes", "yes"), ("010", "010"), ("1_000", "1_000"), ('"3"', "3"), ("95 %", "95 %")],
)  # fmt: skip
def test_values_are_yaml_scalars(word: str, value: object) -> None:
    found = scalar(word)
    assert found == value
    assert type(found) is type(value)


@given(st.text(max_size=20))
def test_any_text_is_some_value(text: str) -> None:
    assert isinstance(scalar(text), bool | int | float | str | None)


def test_a_text_without_an_equals_sign_is_misuse() -> None:
    with pytest.raises(Misuse, match="key=value"):
        settings(["a"])


def test_a_value_replaces_the_scenarios_own() -> None:
    changed = overridden(
        SCENARIO,
        {
            "operator.on_no_go": "rollback",
            "operator.takes.sign": "1h",
            "world.properties": 30_000,
        },
    )
    assert changed.operator.on_no_go == "rollback"
    assert changed.operator.takes.sign.total_seconds() == 3600
    assert changed.operator.takes.proceed == SCENARIO.operator.takes.proceed
    assert changed.world == {"properties": 30_000}


def test_a_world_that_cannot_be_built_is_refused_before_it_is() -> None:
    with pytest.raises(PlanProblems, match="scenario calm: world: create_queue"):
        overridden(SCENARIO, {"world.properties": 5})
    odd = SCENARIO.model_copy(update={"world": {"nothing": 1}})
    with pytest.raises(PlanProblems, match=r"scenario calm: world\.nothing"):
        overridden(odd, {})


def test_one_phase_can_answer_otherwise() -> None:
    changed = overridden(SCENARIO, {"operator.on_no_go.pilot": "retry"})
    assert changed.operator.no_go_choice("pilot") == "retry"
    assert changed.operator.no_go_choice("other") == "hold"


def test_nothing_to_set_is_the_scenario_itself() -> None:
    assert overridden(SCENARIO, {}) is SCENARIO


@pytest.mark.parametrize("path", ["operator", "seed.x", "faults.0", "expect.outcome"])
def test_only_operator_and_world_can_be_set(path: str) -> None:
    with pytest.raises(PlanProblems, match=r"operator\.\* and world\.\*"):
        overridden(SCENARIO, {path: 1})


def test_every_wrong_value_is_named() -> None:
    with pytest.raises(PlanProblems) as caught:
        overridden(SCENARIO, {"operator.sign": 3, "operator.patience": "x"})
    assert len(caught.value.problems) >= 2
    assert all(line.startswith("--set operator.") for line in caught.value.problems)
