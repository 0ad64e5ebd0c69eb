from __future__ import annotations

from typing import Any

import pytest
from fakes import START
from small_plans import Bench, ScriptedCheck, check, phase, plan

from rollout.domain.evidence import Verdict
from rollout.engine import measure as module
from rollout.engine.measure import measure, resolver, timed_out, unkept
from rollout.kinds import CheckContext


def context(bench: Bench) -> CheckContext:
    facts: Any = None
    return CheckContext(
        check="c",
        phase="pilot",
        attempt=1,
        now=START,
        phase_started_at=START,
        plan=bench.plan,
        connections=bench.connections,
        facts=facts,
    )


def asked(answer: Any = 1, known: dict[str, Any] | None = None, **changes: Any) -> Any:
    kind = ScriptedCheck()
    kind.answers = {"c": answer}
    bench = Bench(plan(phase("pilot")))
    fill = resolver((known or {}).__getitem__)
    return measure(check("c", **changes), kind, context(bench), fill)


def test_a_sample_is_judged_by_the_plans_conditions_before_the_kinds_own() -> None:
    assert asked(5).judgement.verdict is Verdict.FAIL
    assert asked(5, go="= 5").judgement.verdict is Verdict.PASS
    assert asked(5, go={"value": "> 5"}).judgement.verdict is Verdict.FAIL
    assert asked(1, no_go="= 1", go="= 1").judgement.verdict is Verdict.FAIL


def test_conditions_and_inputs_are_filled_before_they_are_used() -> None:
    found = asked(50, {"params.n": 50}, go="= ${{ params.n }}", inputs={"x": "${{ params.n }}"})
    assert found.judgement.verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"go": "= ${{ params.gone }}"}, "could not ask: params.gone"),
        ({"inputs": {"x": "${{ params.gone }}"}}, "could not ask: params.gone"),
        ({"go": "roughly 5"}, "could not ask:"),
        ({"go": {"value": "= ${{"}}, "could not ask:"),
    ],
)
def test_a_question_that_cannot_be_put_is_an_error(changes: Any, reason: str) -> None:
    found = asked(**changes)
    assert found.judgement.verdict is Verdict.ERROR
    assert reason in found.judgement.reason
    assert found.observed() == {}


def test_an_error_of_any_length_is_kept_short() -> None:
    found = asked(RuntimeError("x" * 10_000))
    assert len(found.judgement.reason) == 2000
    assert len(unkept(found, ValueError("y" * 10_000)).judgement.reason) == 2000


def test_what_is_remembered_of_inputs_does_not_grow_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_MOST_CHECKED", 3)
    module._checked.clear()
    for n in range(10):
        assert asked(1, inputs={"x": n}).judgement.verdict is Verdict.PASS
        assert len(module._checked) <= 3


def test_a_sample_that_timed_out_says_how_long_it_was_waited_for() -> None:
    found = timed_out(check("c", timeout="90s"), START)
    assert found.judgement.verdict is Verdict.ERROR
    assert "0:01:30" in found.judgement.reason
