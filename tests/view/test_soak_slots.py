"""The looks of a watch, held against the engine that takes them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from builders import START, Story
from hypothesis import given, settings
from hypothesis import strategies as st
from view_stories import look, watch_plan, watched, watching, words_of

from rollout.domain.evidence import Decision, Verdict
from rollout.engine.soak import due_slots, slots
from rollout.view.plan_words import SoakWords, plan_words
from rollout.view.soak_slots import (
    DOUBT,
    GO,
    LATE,
    MISSED,
    NO_GO,
    NOW,
    TODO,
    Series,
    in_order,
    soak_series,
)

ages = st.integers(1, 48).map(lambda hours: f"{hours}h")
gates = st.lists(st.sampled_from(["early", "late", "watch", "daily"]), min_size=1, unique=True)
soaks = st.fixed_dictionaries(
    {
        "for": ages,
        "checkpoints": st.dictionaries(ages, gates, max_size=3),
        "every": st.dictionaries(ages, gates, max_size=3),
    }
)


def series_of(story: Story) -> list[Series]:
    soak = words_of(story).phase("care").soak
    assert soak is not None
    state = story.state()
    return soak_series(soak, state.phases["care"], state, START, story.now)


@settings(max_examples=60)
@given(soaks)
def test_looks_are_due_when_the_engine_says(soak: dict[str, object]) -> None:
    plan = watch_plan(**soak)
    spec = plan.phases[0].soak
    assert spec is not None
    story = watching(Story(plan=plan))
    shown = [
        (f"every:{s.age}#{n + 1}" if s.is_repeated else f"after:{s.age}", s.gate, s.due(n))
        for s in series_of(story)
        for n in range(len(s.looks))
    ]
    assert sorted(shown) == sorted((s.moment, s.gate, s.due) for s in slots(spec, START))


@settings(max_examples=60)
@given(
    soaks,
    st.integers(0, 50 * 4).map(lambda quarters: timedelta(minutes=15 * quarters)),
    st.data(),
)
def test_a_look_is_due_exactly_when_the_engine_would_take_it(
    soak: dict[str, object], passed: timedelta, data: st.DataObject
) -> None:
    plan = watch_plan(**soak)
    spec = plan.phases[0].soak
    assert spec is not None
    story = watching(Story(plan=plan))
    story.now = START + passed
    past = [s for s in slots(spec, START) if s.due <= story.now]
    for slot in data.draw(
        st.lists(st.sampled_from(past), unique=True, max_size=4) if past else st.just([])
    ):
        decided = data.draw(st.sampled_from([Decision.GO, Decision.INCONCLUSIVE, None]))
        verdict = Verdict.PASS if decided is Decision.GO else Verdict.ERROR
        look(story, slot.moment, slot.gate, verdict, decided)
    state = story.state()
    work = due_slots(spec, START, state.phases["care"], state, story.now)
    untouched = {
        (w.slot.moment, w.slot.gate)
        for w in work
        if state.gate("care", 1, w.slot.moment, w.slot.gate) is None
    }
    shown = {
        (f"every:{s.age}#{n + 1}" if s.is_repeated else f"after:{s.age}", s.gate)
        for s in series_of(story)
        for n, found in enumerate(s.looks)
        if found == LATE
    }
    assert shown == untouched


def test_every_look_has_its_character() -> None:
    story = watched(hours=3, asleep=frozenset({2})).wait(hours=1)
    look(story, "every:1h#4", "watch", Verdict.FAIL, Decision.NO_GO)
    story.wait(hours=1)
    look(story, "every:1h#5", "watch", Verdict.ERROR, Decision.INCONCLUSIVE)
    story.wait(hours=1)
    look(story, "every:1h#6", "watch", decision=None)
    story.wait(hours=1)
    hourly = next(s for s in series_of(story) if s.gate == "watch")
    assert hourly.looks[:9] == GO + MISSED + GO + NO_GO + DOUBT + NOW + LATE + TODO + TODO
    early = next(s for s in series_of(story) if s.gate == "early")
    assert early.looks == LATE
    assert hourly.next_due == START + timedelta(hours=8)


def test_after_the_end_nothing_is_still_to_come() -> None:
    story = watched(hours=24).wait(hours=9)
    assert {look for s in series_of(story) for look in s.looks} == {GO, LATE}


@pytest.mark.parametrize("age", ["", "often", "0h", "-1h"])
def test_an_age_that_cannot_be_read_is_left_out(age: str) -> None:
    assert in_order({age: ["watch"], "2h": ["watch"]}) == [("2h", ["watch"])]


def test_a_watch_whose_length_cannot_be_read_lasts_nothing() -> None:
    words = plan_words({"phases": [{"phase": "care", "soak": {"for": "long"}}]})
    assert words.phase("care").soak == SoakWords("long")
