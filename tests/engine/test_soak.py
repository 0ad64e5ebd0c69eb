from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from fakes import START
from hypothesis import given, settings
from hypothesis import strategies as st
from small_plans import Bench, attest, check, gate, phase, plan

from rollout.domain.events import GateDecided, GateOpened, Measured, SoakStarted
from rollout.domain.evidence import Decision, Observation
from rollout.domain.plan import CheckSpec, SamplingPolicy, Soak
from rollout.engine.soak import slots

NOTHING = Observation(metrics={"value": None}, source="script")


def soaking(
    *,
    hourly: CheckSpec | None = None,
    check_: CheckSpec | None = None,
    lasts: str = "6h",
    **soak: Any,
) -> Bench:
    given_: dict[str, Any] = {"for": lasts, "every": {"1h": ["hourly"]}, **soak}
    bench = Bench(
        plan(
            phase("watch", soak=Soak.model_validate(given_)),
            gates=[gate("hourly", hourly or check("h")), gate("point", check_ or check("p"))],
        )
    )
    bench.tick()
    bench.say("proceed")
    return bench


def asked(bench: Bench, gate_: str = "hourly") -> dict[str, Decision]:
    return {p.moment: p.decision for p in bench.payloads(GateDecided) if p.gate == gate_}


def coverage(bench: Bench) -> dict[str, Any]:
    (seen,) = [p for p in bench.payloads(Measured) if p.check == "soak_coverage"][-1:]
    return dict(seen.observed)


def test_every_slot_is_watched_at_its_time_and_the_soak_ends() -> None:
    bench = soaking(checkpoints={"2h": ["point"], "6h": ["point"]})
    bench.go()
    assert bench.state.outcome == "completed"
    assert bench.clock.now() == START + timedelta(hours=6)
    opened = [
        (p.moment, e.at - START) for e in bench.events() if isinstance(p := e.payload, GateOpened)
    ]
    hours = timedelta(hours=1)
    assert opened == [
        ("every:1h#1", hours),
        ("after:2h", 2 * hours),
        ("every:1h#2", 2 * hours),
        ("every:1h#3", 3 * hours),
        ("every:1h#4", 4 * hours),
        ("every:1h#5", 5 * hours),
        ("after:6h", 6 * hours),
        ("every:1h#6", 6 * hours),
        ("soak", 6 * hours),
    ]
    assert coverage(bench) == {"coverage": 1.0, "expected": 8, "taken": 8}


def test_slots_that_were_slept_through_are_lost_and_lower_the_coverage() -> None:
    bench = soaking(min_coverage="60 %")
    bench.tick()
    bench.pass_(hours=3, minutes=30)  # slots 1 and 2 are lost, 3 is taken late
    bench.go()
    assert list(asked(bench)) == [f"every:1h#{n}" for n in (3, 4, 5, 6)]
    assert coverage(bench) == {"coverage": 4 / 6, "expected": 6, "taken": 4}
    assert bench.state.outcome == "completed"


def test_too_little_watching_holds_the_phase() -> None:
    bench = soaking(min_coverage="95 %")
    bench.tick()
    bench.pass_(hours=5, minutes=30)
    bench.go()
    assert bench.stage() == "held"
    assert "soak_coverage is no_go" in bench.tick().why
    bench.say("resume")
    bench.go()
    assert bench.stage() == "held"  # what was not watched cannot be watched any more
    bench.say("waive", "soak_coverage")
    bench.say("resume")
    bench.go()
    assert bench.state.outcome == "completed"


def test_a_retry_soaks_again_from_the_start() -> None:
    bench = soaking()
    bench.tick()
    bench.pass_(hours=5, minutes=30)
    bench.go()
    bench.say("retry")
    again = bench.clock.now()
    bench.go()
    assert bench.state.outcome == "completed"
    assert bench.clock.now() == again + timedelta(hours=6)
    assert len(bench.payloads(SoakStarted)) == 2


@pytest.mark.parametrize("hours", [0.5, 1, 2.25, 5.9])
def test_a_restart_neither_resets_nor_skips_a_soak(hours: float) -> None:
    bench, other = soaking(), soaking()
    for it in (bench, other):
        it.go(lambda it=it: it.clock.now() >= START + timedelta(hours=hours))  # type: ignore[misc]
    other.controller()
    bench.go()
    other.go()
    assert bench.state == other.state


def test_a_checkpoint_that_is_not_go_holds_and_is_asked_again_after_a_resume() -> None:
    bench = soaking(checkpoints={"2h": ["point"]})
    bench.scripted.answers = {"p": [NOTHING, 1]}
    bench.go()
    assert bench.stage() == "held"
    assert bench.clock.now() == START + timedelta(hours=2)
    bench.say("resume")
    bench.go()
    assert bench.state.outcome == "completed"
    assert [p.round for p in bench.payloads(GateOpened) if p.gate == "point"] == [1, 2]


def test_a_repeated_gate_that_is_no_go_holds_at_once() -> None:
    bench = soaking()
    bench.scripted.answers = {"h": [1, 0, 1]}
    bench.go()
    assert (bench.stage(), bench.clock.now()) == ("held", START + timedelta(hours=2))
    bench.pass_(hours=2, minutes=30)
    bench.say("resume")
    bench.go()
    found = asked(bench)
    assert found["every:1h#2"] is Decision.NO_GO
    assert list(found) == [f"every:1h#{n}" for n in (1, 2, 4, 5, 6)]
    assert coverage(bench)["taken"] == 5  # a no is an answer too, slot 3 is lost


def test_a_repeated_gate_that_is_inconclusive_lowers_the_coverage_only() -> None:
    bench = soaking(min_coverage="80 %")
    bench.scripted.answers = {"h": [1, NOTHING, 1]}
    bench.go()
    assert bench.state.outcome == "completed"
    assert coverage(bench)["taken"] == 5


# checks without a count, and gates that nobody answers ------------------------------------


def endless(**given_: Any) -> SamplingPolicy:
    return SamplingPolicy(interval=timedelta(minutes=10), **given_)


def test_an_endless_check_of_a_repeated_gate_is_over_when_the_next_slot_is_due() -> None:
    bench = soaking(hourly=check("h", sampling=endless()), lasts="2h")
    bench.go()
    assert bench.state.outcome == "completed"
    assert bench.clock.now() == START + timedelta(hours=2)
    times = [e.at - START for e in bench.events() if isinstance(e.payload, Measured)]
    minutes = [int(t.total_seconds() // 60) for t in times]
    assert minutes == [60, 70, 80, 90, 100, 110, 120, 120]  # the last two: slot 2, coverage
    assert set(asked(bench).values()) == {Decision.GO}


def test_an_endless_check_of_a_checkpoint_is_sampled_to_the_end_of_the_soak() -> None:
    bench = soaking(check_=check("p", sampling=endless()), every={}, checkpoints={"5h": ["point"]})
    bench.go()
    assert bench.state.outcome == "completed"
    assert bench.clock.now() == START + timedelta(hours=6)
    assert bench.scripted.asked.count("p") == 6
    (decided,) = [
        e
        for e in bench.events()
        if isinstance(e.payload, GateDecided) and e.payload.gate == "point"
    ]
    assert decided.at == START + timedelta(hours=6)


def test_an_endless_check_that_fails_ends_the_soak_at_once() -> None:
    bench = soaking(check_=check("p", sampling=endless()), every={}, checkpoints={"1h": ["point"]})
    bench.scripted.answers = {"p": [1, 1, 0]}
    bench.go()
    assert (bench.stage(), bench.clock.now()) == ("held", START + timedelta(hours=1, minutes=20))


def test_a_repeated_gate_that_nobody_answers_is_given_up_for_the_next_one() -> None:
    bench = soaking(hourly=attest("h"), min_coverage="50 %")
    bench.tick()
    wake = bench.pass_(hours=1)
    assert [n.subject for n in wake.needs] == ["h"]
    assert wake.at == START + timedelta(hours=2)
    bench.pass_(hours=1)
    assert asked(bench) == {"every:1h#1": Decision.INCONCLUSIVE}
    bench.say("attest", "h")
    bench.go()
    assert bench.state.outcome == "completed"
    assert coverage(bench)["taken"] == 5


def test_a_slot_that_nobody_answers_is_given_up_at_the_end_of_the_soak() -> None:
    bench = soaking(hourly=attest("h"), every={"4h": ["hourly"]}, min_coverage="1 %")
    bench.tick()
    wake = bench.pass_(hours=4)
    assert wake.at == START + timedelta(hours=6)
    bench.pass_(hours=2)
    assert asked(bench) == {"every:4h#1": Decision.INCONCLUSIVE}
    assert bench.stage() == "held"  # by its coverage: nothing was watched


def test_an_endless_check_wakes_for_the_end_even_between_two_samples() -> None:
    sampling = SamplingPolicy(interval=timedelta(minutes=25))
    bench = soaking(hourly=check("h", sampling=sampling), lasts="2h")
    bench.tick()
    bench.pass_(hours=1)
    bench.pass_(minutes=25)
    assert bench.pass_(minutes=25).at == START + timedelta(hours=2)


def test_a_checkpoint_that_nobody_answers_is_waited_for_beyond_the_end() -> None:
    bench = soaking(check_=attest("p"), every={}, checkpoints={"1h": ["point"]})
    bench.tick()
    wake = bench.pass_(hours=10)
    assert wake.at is None
    assert [n.subject for n in wake.needs] == ["p"]
    bench.say("attest", "p")
    assert bench.tick().ended


def test_the_last_slot_of_all_is_given_its_samples_although_the_soak_is_over() -> None:
    sampling = SamplingPolicy(count=3, interval=timedelta(minutes=5))
    bench = soaking(hourly=check("h", sampling=sampling))
    bench.go()
    assert bench.state.outcome == "completed"
    assert bench.clock.now() == START + timedelta(hours=6, minutes=10)


def test_a_wake_up_is_never_in_the_past_even_when_a_sample_is_due_after_the_end() -> None:
    sampling = SamplingPolicy(count=2, interval=timedelta(hours=3))
    bench = soaking(check_=check("p", sampling=sampling), every={}, checkpoints={"5h": ["point"]})
    bench.go()  # the bench refuses a wake-up that is not in the future
    assert bench.clock.now() == START + timedelta(hours=8)


def test_a_soak_that_is_slept_through_entirely_is_not_clean() -> None:
    bench = soaking(every={"4h": ["hourly"]})
    bench.tick()
    bench.pass_(hours=20)
    bench.go()
    assert bench.stage() == "held"
    assert asked(bench) == {}
    assert coverage(bench) == {"coverage": 0.0, "expected": 1, "taken": 0}


@settings(max_examples=80)
@given(
    st.integers(1, 50),
    st.dictionaries(st.integers(1, 50), st.just(["a"]), max_size=3),
    st.dictionaries(st.integers(1, 50), st.sampled_from([["b"], ["b", "c"]]), max_size=2),
)
def test_every_slot_lies_within_the_soak_and_is_named_once(
    lasts: int, points: dict[int, list[str]], every: dict[int, list[str]]
) -> None:
    soak = Soak.model_validate(
        {
            "for": f"{lasts}h",
            "checkpoints": {f"{age}h": gates for age, gates in points.items() if age <= lasts},
            "every": {f"{age}h": gates for age, gates in every.items()},
        }
    )
    found = slots(soak, START)
    assert len({(s.moment, s.gate) for s in found}) == len(found)
    end = START + soak.lasts
    assert all(START < s.due <= end for s in found)
    assert all(s.until is None or s.due < s.until <= end for s in found)
    assert all((s.until is None) == (s.due == end) for s in found)
    assert found == sorted(found, key=lambda s: s.due)
