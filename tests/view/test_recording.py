"""A recorded log as of any of its events, and what may be typed to get there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from builders import NAME, START, Story, completed_story, store_file
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import instants
from view_stories import hostile, no_go_story, steers_nothing

from rollout.domain import events as e
from rollout.domain.errors import LogDamaged
from rollout.domain.fold import fold
from rollout.domain.snapshot import encode_state
from rollout.store.opening import open_store
from rollout.store.reading import open_readonly
from rollout.view import recording as module
from rollout.view.recording import Recording
from rollout.view.replay import SPEEDS, Jump, ReplayView, moved, parse_jump, scrubber_line
from rollout.view.text import cells


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[e.Event]]:
    """A story on disk, and its events."""
    path = tmp_path_factory.mktemp("recording") / "told.db"
    store_file(path, no_go_story)
    with open_readonly(path) as reader:
        return path, reader.events(NAME)


@pytest.fixture
def recording(told: tuple[Path, list[e.Event]]) -> Iterator[Recording]:
    with open_readonly(told[0]) as reader:
        yield Recording(reader, NAME, spacing=5)


def test_a_state_is_that_of_its_event_wherever_one_goes(
    recording: Recording, told: tuple[Path, list[e.Event]]
) -> None:
    events = told[1]
    for seq in [1, 30, 7, 8, len(events), 2, 30, 0, 10**6]:
        assert recording.state_at(seq) == fold(events[:seq])


def test_a_state_that_was_given_away_is_nobody_elses(recording: Recording) -> None:
    recording.state_at(30).title = "spoilt"
    assert recording.state_at(30).title == "Two phases"


def test_it_is_prepared_in_bounded_steps(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STEP", 3)
    steps = 0
    while recording.prepare():
        steps += 1
        assert recording.prepared == min(3 * steps, recording.head)
    assert recording.prepared == recording.head


def test_what_is_kept_is_bounded_and_still_right(
    recording: Recording, told: tuple[Path, list[e.Event]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STEP", 1)
    monkeypatch.setattr(module, "KEPT", 3)
    while recording.prepare():
        assert len(recording._kept) <= 3
    for seq in range(1, recording.head, 4):
        assert recording.state_at(seq) == fold(told[1][:seq])


def test_the_stores_own_snapshot_is_where_the_end_begins(tmp_path: Path) -> None:
    store_file(tmp_path / "s.db", completed_story, snapshot=True)
    with open_readonly(tmp_path / "s.db") as reader:
        recording = Recording(reader, NAME)
        assert list(recording._kept) == [recording.head]
        assert recording.state_at(recording.head).outcome == "completed"


def test_a_snapshot_of_another_fold_is_not_believed(tmp_path: Path) -> None:
    with open_store(tmp_path / "s.db", create=True, relaxed=True) as store:
        story = completed_story(Story(log=store.log, evidence=store.evidence))
        state = story.state()
        state.seq = 3
        store.log.save_snapshot(NAME, store.log.head(NAME), encode_state(state))
    with open_readonly(tmp_path / "s.db") as reader:
        assert Recording(reader, NAME)._kept == {}


def test_a_log_that_makes_no_sense_says_so(tmp_path: Path) -> None:
    with open_store(tmp_path / "s.db", create=True, relaxed=True) as store:
        story = Story(log=store.log, evidence=store.evidence).begin()
        story.add(e.StepCompleted(phase="pilot", attempt=1, step="never_begun", outputs={}))
    with open_readonly(tmp_path / "s.db") as reader:
        recording = Recording(reader, NAME)
        with pytest.raises(LogDamaged, match="run `rollout verify`"):
            recording.state_at(2)


def test_landmarks_are_where_phases_moved_on_and_gates_were_decided(recording: Recording) -> None:
    first = recording.landmark_after(0)
    assert first is not None
    assert (first.seq, first.said) == (2, "pilot running")
    assert recording.landmark_before(first.seq) is None
    last = recording.landmarks[-1]
    assert last.said == "care held"
    assert recording.landmark_after(last.seq) is None
    assert recording.place_in(last.seq) == last
    assert recording.place_in(1) is None
    assert [m.said for m in recording.landmarks if "no-go" in m.said] == ["gate watch no-go"]


def test_phases_are_found_by_name(recording: Recording) -> None:
    assert recording.phases() == ["pilot", "care"]
    began = recording.began("care")
    assert began is not None
    assert recording.state_at(began).phases["care"].stage == "running"
    assert recording.began("never") is None


@settings(max_examples=50)
@given(instants)
def test_an_instant_leads_to_the_last_event_that_is_not_later(
    told: tuple[Path, list[e.Event]], moment: datetime
) -> None:
    path, events = told
    with open_readonly(path) as reader:
        recording = Recording(reader, NAME)
        for wanted in (moment, events[len(events) // 2].at, START - timedelta(days=1)):
            earlier = [x.seq for x in events if x.at <= wanted]
            assert recording.seq_at(wanted) == (earlier[-1] if earlier else 1)


# jumps -----------------------------------------------------------------------

HERE = datetime(2026, 1, 14, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "jump"),
    [
        ("285", Jump("seq", 285)),
        ("#1,285", Jump("seq", 1285)),
        ("50 %", Jump("share", 0.5)),
        ("250%", Jump("share", 1.0)),
        ("+2h", Jump("span", 7200)),
        ("-30m", Jump("span", -1800)),
        ("2026-01-14 18:30", Jump("instant", instant=datetime(2026, 1, 14, 18, 30, tzinfo=UTC))),
        ("2026-01-14", Jump("instant", instant=datetime(2026, 1, 14, tzinfo=UTC))),
        ("18:30:05Z", Jump("instant", instant=datetime(2026, 1, 14, 18, 30, 5, tzinfo=UTC))),
        ("full_sync_b", Jump("phase", name="full_sync_b")),
    ],
)
def test_a_place_is_typed_as_people_write_it(text: str, jump: Jump) -> None:
    assert parse_jump(f" {text} ", HERE) == jump


@pytest.mark.parametrize("text", ["", "%", "+soon", "2026-13-45", "25:99", "Full Sync", "#"])
def test_what_is_no_place_says_what_can_be_typed(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_jump(text, HERE)


@given(st.text(max_size=20))
def test_whatever_is_typed_is_a_place_or_a_clear_error(text: str) -> None:
    """Nothing but the error that the screen shows."""
    with suppress(ValueError):
        parse_jump(text, HERE)


@given(instants, st.floats(-1e18, 1e18))
def test_no_span_leads_out_of_the_calendar(here: datetime, by_s: float) -> None:
    assert moved(here, by_s).tzinfo is not None


# the line --------------------------------------------------------------------

views = st.builds(
    ReplayView,
    seq=st.integers(1, 10**7),
    head=st.integers(1, 10**7),
    at=st.one_of(st.none(), instants),
    place=hostile,
    is_playing=st.booleans(),
    speed=st.sampled_from(SPEEDS),
    trouble=st.one_of(st.just(""), hostile),
)


@given(views, st.integers(10, 160), st.booleans())
def test_the_scrubber_never_breaks_its_line(view: ReplayView, width: int, ascii_only: bool) -> None:
    line = scrubber_line(view, width, ascii_only=ascii_only)
    assert cells(line) <= width
    assert steers_nothing(line)


def test_the_knob_goes_from_one_end_to_the_other() -> None:
    def knob(seq: int) -> tuple[int, int]:
        view = ReplayView(seq=seq, head=9, at=HERE, place="care held", is_playing=True, speed=5)
        line = scrubber_line(view, 120)
        bar = line[line.index("5/s ") + 4 : line.index(" care")]
        return bar.index("●"), len(bar)

    first, size = knob(1)
    assert (first, knob(9)) == (0, (size - 1, size))
    assert [knob(n)[0] for n in range(1, 10)] == sorted(knob(n)[0] for n in range(1, 10))
