"""What stopped a rehearsal, read from its log."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from builders import Found, Story, observed

from rollout.domain.events import StepFailed
from rollout.domain.evidence import Decision, Verdict
from rollout.rehearsal.drill.stops import Noticed, StopFinder, first_of

PASS, FAIL, ERROR = Verdict.PASS, Verdict.FAIL, Verdict.ERROR
NO_GO = Decision.NO_GO


def entry(story: Story, found: Mapping[str, Found], decision: Decision = NO_GO) -> Story:
    return story.wait(minutes=5).gate("pilot", "entry", "ready", found, decision)


def held(story: Story, source: str = "entry_gate") -> Story:
    return story.stage("pilot", "entry_no_go", source, "held")


def begun() -> Story:
    return Story().begin().stage("pilot", "open_entry", "pending", "entry_gate")


def finder(story: Story, after: int = 0) -> StopFinder:
    found = StopFinder(story.plan, after)
    found.read(story.events())
    return found


def names(story: Story, after: int = 0) -> list[str]:
    stop = finder(story, after).stop
    return [] if stop is None else [n.name for n in stop.noticed]


def test_checks_that_did_not_pass_in_the_stopping_gate_noticed_shadows_did_not() -> None:
    story = held(entry(begun(), {"empty_keys": FAIL, "told": ERROR, "drift": FAIL}))
    assert names(story) == ["pilot/ready/empty_keys", "pilot/ready/told"]
    assert finder(story).asked == {"empty_keys", "told", "drift"}


def test_what_was_so_before_the_fault_is_not_its_doing() -> None:
    story = held(entry(begun(), {"empty_keys": FAIL, "told": PASS}))
    last = story.log.head(story.plan.plan).seq
    assert names(story, after=last) == []
    story.stage("pilot", "resume", "held", "entry_gate")
    story.wait(hours=1).gate("pilot", "entry", "ready", {"told": FAIL}, NO_GO, round=2)
    assert names(held(story), after=last) == ["pilot/ready/told"]


def test_a_look_that_was_not_go_and_stopped_nobody_is_no_stop() -> None:
    story = begun()
    story.gate("pilot", "every:1h#1", "ready", {"told": ERROR}, Decision.INCONCLUSIVE)
    assert names(story) == []
    story.gate("pilot", "every:1h#2", "ready", {"empty_keys": FAIL}, NO_GO)
    assert names(held(story, "running")) == ["pilot/ready/empty_keys"]


def test_gates_of_one_moment_stop_it_together() -> None:
    story = entry(begun(), {"empty_keys": FAIL})
    story.gate("pilot", "entry", "verified", {"created": FAIL}, NO_GO)
    assert names(held(story)) == ["pilot/ready/empty_keys", "pilot/verified/created"]


@pytest.mark.parametrize("target", ["held", "rolling_back", "rollback_failed"])
def test_a_step_that_gives_up_stops_it_without_a_check(target: str) -> None:
    story = begun().add(StepFailed(phase="pilot", attempt=1, step="look", reason="too many errors"))
    assert names(story.stage("pilot", "step_failed", "running", target)) == ["pilot/look"]
    stop = finder(story).stop
    assert stop is not None
    assert (stop.noticed[0].check, stop.noticed[0].step) == ("", "look")


def test_a_person_who_goes_back_stops_nothing() -> None:
    story = entry(begun(), {"told": PASS}, Decision.GO)
    assert names(story.stage("pilot", "roll_back", "ready", "rolling_back")) == []


def test_a_check_noticed_with_its_first_sample_that_did_not_pass() -> None:
    story = begun().wait(minutes=1)
    place = {"phase": "pilot", "attempt": 1, "moment": "entry", "gate": "ready", "round": 1}
    story.measure(place, "empty_keys", ERROR, observed(rows=0))
    early = story.now
    story = held(entry(story, {"empty_keys": FAIL, "told": FAIL}))
    stop = finder(story).stop
    assert stop is not None
    first = first_of(stop.noticed, [])
    assert first is not None
    assert (first.check, first.at, first.failed) == ("empty_keys", early, True)


def test_of_several_at_one_instant_a_named_check_is_first_then_one_that_failed() -> None:
    story = held(entry(begun(), {"empty_keys": ERROR, "told": FAIL}))
    stop = finder(story).stop
    assert stop is not None

    def first(named: list[str]) -> str:
        found: Noticed | None = first_of(stop.noticed, named)
        assert found is not None
        return found.check

    assert first([]) == "told"
    assert first(["empty_keys"]) == "empty_keys"
    assert stop.beyond(["pilot/ready/told"]) == stop.noticed[:1]
