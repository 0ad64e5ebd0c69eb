"""How much a look, a step or an answer may bring into the log: too much is an answer of its own."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from small_plans import Bench, gate, phase, plan, step

from rollout.domain.effects import No, Unknown, Yes
from rollout.domain.errors import KindMisused
from rollout.domain.events import MOST_BYTES, SoakStarted, encode_payload
from rollout.domain.evidence import Observation, Verdict
from rollout.engine.limits import DEPTH, METRICS, SAMPLE_COLUMNS, TEXT, refuse_oversized
from rollout.kinds import Found, Remember
from rollout.store import packing

AT = datetime(2026, 1, 6, tzinfo=UTC)


def nested(levels: int) -> Any:
    found: Any = []
    for _ in range(levels):
        found = [found]
    return found


def observed(**given: Any) -> Observation:
    return Observation(**{"metrics": {"value": 1}, "source": "here", "as_of": AT, **given})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"metrics": {f"m{n}": n for n in range(METRICS + 1)}}, "501 metrics, 500 are kept"),
        ({"metrics": {"m" * 201: 1}}, "a metric whose name has over 200 characters"),
        (
            {"metrics": {"value": "x" * (TEXT + 1)}},
            "the metric value is a text of 2,001 characters",
        ),
        ({"metrics": {"value": 10**400}}, "a number that no system counts to"),
        ({"problem": "x" * (TEXT + 1)}, "its problem is a text of 2,001 characters"),
        ({"sample": [{"a": 1}] * 21}, "21 sample rows, 20 are kept"),
        ({"sample": [{f"c{n}": n for n in range(SAMPLE_COLUMNS + 1)}]}, "over 500 columns"),
        ({"sample": [{"a": nested(DEPTH)}]}, "nested over 16 levels deep"),
        ({"detail": {"a": nested(100_000)}}, "nested over 16 levels deep"),
    ],
)
def test_an_observation_beyond_a_bound_is_refused_and_never_cut(
    given: dict[str, Any], said: str
) -> None:
    with pytest.raises(KindMisused, match=said):
        refuse_oversized("scripted", observed(**given))


def test_an_observation_at_every_bound_is_taken() -> None:
    refuse_oversized(
        "scripted",
        observed(
            metrics={f"m{n}": "x" * TEXT for n in range(METRICS)},
            sample=[{f"c{n}": n for n in range(SAMPLE_COLUMNS)}] * 20,
            detail={"a": nested(DEPTH - 3)},
            problem="x" * TEXT,
        ),
    )


@pytest.mark.parametrize(
    "answer",
    [
        {"sample": [{"a": nested(100_000)}]},
        {"metrics": {"value": 1, **{f"m{n}": n for n in range(100_000)}}},
        {"metrics": {"value": "x" * 4_000_000}},
        {"sample": [{"a": "x" * 6_000_000}]},
        {"source": "x" * 6_000_000},
    ],
)
def test_a_check_that_brings_too_much_is_an_error_and_the_engine_goes_on(
    answer: dict[str, Any],
) -> None:
    bench = Bench(plan(phase("pilot", entry=["in"]), gates=[gate("in")]))
    bench.scripted.answers = {"in_ok": lambda _: observed(**answer)}
    bench.go()
    check = bench.state.gates[-1].checks["in_ok"]
    assert (check.verdict, bench.stage()) == (Verdict.ERROR, "held")
    assert max(len(encode_payload(e.payload)) for e in bench.events()) < 10_000


@pytest.mark.parametrize(
    "memory", [{"a": nested(100_000)}, {"a": "x" * MOST_BYTES}], ids=["deep", "large"]
)
def test_a_step_that_wants_to_remember_too_much_fails(memory: dict[str, Any]) -> None:
    bench = Bench(plan(phase("pilot", step("poke", "poke"))))
    bench.poke.moves = [Remember(memory)]
    bench.go()
    found = bench.state.step("pilot", 1, "poke")
    assert found is not None
    assert found.status == "failed"
    assert "an event" in found.reason


def test_a_step_that_fails_at_length_is_quoted_at_its_beginning() -> None:
    bench = Bench(plan(phase("pilot", step("poke", "poke"))))
    bench.poke.moves = [RuntimeError("x" * 3_000_000)]
    bench.go()
    found = bench.state.step("pilot", 1, "poke")
    assert found is not None
    assert len(found.reason) == 2_000


@pytest.mark.parametrize("answer", [Yes("x" * MOST_BYTES), No("x" * MOST_BYTES, 60.0)])
def test_an_answer_that_no_event_can_hold_is_looked_at_by_a_person(answer: Any) -> None:
    bench = Bench(plan(phase("pilot", step("poke", "poke"))))
    bench.poke.answers = [answer]
    bench.go(until=lambda: bool(bench.state.effects))
    assert bench.state.effects["pilot/1/poke/poke"].how == "needs_human"


def test_what_was_found_and_cannot_be_held_is_looked_at_by_a_person() -> None:
    bench = Bench(plan(phase("pilot", step("poke", "poke", idempotent=False))))
    bench.poke.answers = [Unknown("lost")]
    bench.poke.found = [Found(value="x" * MOST_BYTES, detail="there")]
    bench.go(until=lambda: "needs_human" in {e.how for e in bench.state.effects.values()})
    assert "cannot be kept" in bench.state.effects["pilot/1/poke/poke"].detail


def test_a_payload_has_a_largest_size() -> None:
    within = SoakStarted(phase="x" * (MOST_BYTES - 100), attempt=1)
    assert len(encode_payload(within)) < MOST_BYTES
    with pytest.raises(ValueError, match="keep what is large as evidence"):
        encode_payload(SoakStarted(phase="x" * MOST_BYTES, attempt=1))


def test_a_document_nested_without_end_is_no_evidence() -> None:
    with pytest.raises(packing.EvidenceTooLarge, match="nested this deeply"):
        packing.pack(nested(100_000))
