"""The one thread that reads for all screens."""

from __future__ import annotations

import shlex
import sqlite3
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from boards import board
from builders import (
    NAME,
    START,
    Story,
    completed_story,
    held_story,
    make_plan,
    make_run,
    store_file,
)
from seats import Monotonic

from rollout.cli.quick import STATE as DEFAULT
from rollout.cli.seat_launcher import driver_for
from rollout.domain.errors import ServiceUnreachable
from rollout.domain.events import Event, StageChanged
from rollout.rehearsal.board import write_board
from rollout.store.opening import open_store
from rollout.store.ownership import acquire
from rollout.tui.link import PAGE, StoreLink
from rollout.tui.messages import Reading
from rollout.tui.snapshot import DOCUMENTS, Picture


@pytest.fixture
def held(tmp_path: Path) -> Path:
    path = tmp_path / "held.db"
    store_file(path, held_story)
    return path


def link_to(store: Path, **given: object) -> StoreLink:
    return StoreLink(store, monotonic=Monotonic(), **given)  # type: ignore[arg-type]


def picture_of(*readings: Reading) -> Picture:
    picture = Picture()
    for reading in readings:
        picture.take(reading)
    return picture


def test_the_first_look_brings_everything_and_the_next_ones_only_what_is_new(held: Path) -> None:
    link = link_to(held)
    first, second = link.look(), link.look()
    assert first.opened is not None
    assert (first.opened.state.seq, len(first.opened.newest)) == (12, 12)
    assert (second.opened, second.events) == (None, [])
    with open_store(held, create=False) as store:
        Story(log=store.log, evidence=store.evidence).say("hold", "pilot")
    assert [e.seq for e in link.look().events] == [13]
    assert link.look().events == []
    link.close()


def test_a_screen_folds_what_it_is_given_and_sees_what_status_sees(tmp_path: Path) -> None:
    path = tmp_path / "done.db"
    store_file(path, held_story)
    link = link_to(path)
    picture = picture_of(link.look())
    with open_store(path, create=False) as store:
        Story(log=store.log, evidence=store.evidence, now=START).stage(
            "pilot", "resume_entry_gate", "held", "entry_gate"
        )
    assert picture.take(link.look())
    snapshot = picture.snapshot(100.0)
    assert snapshot.view.phases[0].stage == "entry_gate"
    assert snapshot.newest[-1].seq == snapshot.state.seq == 13
    link.close()


def test_the_words_of_a_plan_that_was_adopted_come_along_with_its_event(held: Path) -> None:
    link = link_to(held)
    picture = picture_of(link.look())
    renamed = make_plan(title="Renamed")
    with open_store(held, create=False) as store:
        Story(log=store.log, evidence=store.evidence).adopt(renamed, "pilot")
    reading = link.look()
    assert reading.words is not None
    assert (reading.words.title, len(reading.words.earlier)) == ("Renamed", 1)
    picture.take(reading)
    assert picture.snapshot(100.0).view.plan_number == 2
    assert link.look().words is None
    link.close()


def test_evidence_of_the_gates_at_hand_comes_along(held: Path) -> None:
    link = link_to(held)
    view = picture_of(link.look()).snapshot(100.0).view
    assert view.gates[0].checks[0].judged == {"rows": "3"}
    link.close()


def test_a_missing_store_is_lost_with_words_and_found_when_it_comes(tmp_path: Path) -> None:
    path = tmp_path / "later.db"
    link = link_to(path)
    assert "there is no store" in link.look().lost
    store_file(path, held_story)
    assert link.look().opened is not None
    link.close()


def test_a_store_without_a_rollout_is_lost_with_words(tmp_path: Path) -> None:
    path = tmp_path / "empty.db"
    open_store(path, create=True, relaxed=True).close()
    link = link_to(path)
    assert "holds no rollout yet" in link.look().lost
    link.close()


def test_a_locked_store_is_lost_and_comes_back(held: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rollout.tui.link.BUSY_S", 0.01)
    link = link_to(held)
    blocker = sqlite3.connect(held, isolation_level=None)
    blocker.execute("PRAGMA locking_mode=EXCLUSIVE")
    blocker.execute("BEGIN EXCLUSIVE")
    assert "locked by another process" in link.look().lost
    blocker.execute("ROLLBACK")
    blocker.close()
    assert link.look().opened is not None
    link.close()


def test_a_damaged_store_is_lost_with_words(held: Path) -> None:
    link = link_to(held)
    link.look()
    size = held.stat().st_size
    with held.open("r+b") as file:
        file.seek(24)
        file.write(b"\xff" * (size - 24))
    lost = link.look().lost
    assert "rollout verify" in lost or "not a database" in lost
    link.close()


def test_another_file_under_the_same_name_is_opened_afresh(held: Path, tmp_path: Path) -> None:
    link = link_to(held)
    link.look()
    other = tmp_path / "other.db"
    store_file(other, completed_story)
    other.replace(held)
    again = link.look()
    assert again.opened is not None
    assert again.opened.state.outcome == "completed"
    link.close()


def test_a_living_controller_is_a_sign_of_life_and_a_dead_or_frozen_one_is_none(
    held: Path,
) -> None:
    clock = Monotonic()
    link = StoreLink(held, monotonic=clock)
    assert not link.look().sign
    with acquire(held, since=START, who="rollout run") as owner:
        clock.at_s += 1
        reading = link.look()
        assert reading.sign
        assert "rollout run" in reading.holder
        clock.at_s += 1
        assert not link.look().sign, "frozen: it holds the lock and does not beat"
        owner.beat()
        clock.at_s += 1
        assert link.look().sign
    clock.at_s += 1
    reading = link.look()
    assert not reading.sign
    assert reading.holder == ""
    link.close()


def test_what_the_engine_appends_is_a_sign_of_life_and_what_people_say_is_none(held: Path) -> None:
    link = link_to(held)
    link.look()
    with open_store(held, create=False) as store:
        story = Story(log=store.log, evidence=store.evidence)
        story.say("hold", "pilot")
        assert not link.look().sign
        story.add(make_run())
        assert link.look().sign
    link.close()


def test_the_rollouts_own_clock_is_asked_and_may_fail(held: Path) -> None:
    class Noon:
        def now(self) -> datetime:
            return datetime(2026, 1, 6, 12, tzinfo=UTC)

    asked: list[str] = []

    def noon(profile: str) -> Noon:
        asked.append(profile)
        return Noon()

    link = link_to(held, clock_for=noon)
    assert link.look().now is None, "not before the first picture"
    assert link.look().now == Noon().now()
    assert asked == ["rehearsal"]
    link.close()

    def nobody(_profile: str) -> Noon:
        raise ServiceUnreachable("clock: refused")

    silent = link_to(held, clock_for=nobody)
    silent.look()
    reading = silent.look()
    assert (reading.now, reading.lost) == (None, "")
    link_now = picture_of(link_to(held).look()).snapshot(100.0)
    assert link_now.now == link_now.view.at
    silent.close()


def test_a_long_backlog_is_handed_over_in_pages(held: Path) -> None:
    link = link_to(held)
    picture = picture_of(link.look())
    with open_store(held, create=False, relaxed=True) as store:
        head = store.log.head(NAME)
        store.log.append(NAME, head.seq, START, "rollout", [make_run(run_id=n) for n in range(700)])
    sizes = []
    for _ in range(2):
        reading = link.look()
        sizes.append(len(reading.events))
        picture.take(reading)
    assert sizes == [PAGE, 712 - 12 - PAGE]
    assert picture.snapshot(100.0).state.seq == 712
    link.close()


def test_events_that_do_not_fit_are_a_lost_link_and_not_a_crash(held: Path) -> None:
    link = link_to(held)
    picture = picture_of(link.look())
    odd = Event(
        rollout=NAME,
        seq=13,
        at=START,
        actor="rollout",
        payload=StageChanged(
            phase="nowhere", attempt=1, trigger="hold", source="ready", target="held"
        ),
        prev="",
        hash="",
    )
    picture.take(Reading(at_s=100.0, events=[odd]))
    link_view = picture.snapshot(100.0).link
    assert link_view.state == "LOST"
    assert "does not fit" in link_view.why
    link.close()


def test_evidence_kept_at_hand_is_bounded() -> None:
    many = {str(n): n for n in range(DOCUMENTS + 5)}
    picture = picture_of(Reading(at_s=1.0, documents=many))
    assert picture.document(str(DOCUMENTS + 4)) == DOCUMENTS + 4
    with pytest.raises(KeyError):
        picture.document("0")


def test_the_thread_ends_at_once_when_it_is_told(held: Path) -> None:
    link = StoreLink(held)
    first, readings = threading.Event(), []

    def publish(reading: Reading) -> None:
        readings.append(reading)
        first.set()

    thread = threading.Thread(target=link.run, args=(publish,))
    thread.start()
    assert first.wait(10)
    link.stop.set()
    thread.join(2)
    assert not thread.is_alive()
    assert readings[0].opened is not None


def test_the_command_that_is_missing_leads_to_the_store_on_screen(tmp_path: Path) -> None:
    where, sandbox = str(tmp_path / "my own.db"), tmp_path / "ready.json"
    live = driver_for(where, "autumn", sandbox, "sandbox")
    assert shlex.split(live) == [
        *("rollout", "run", "--state", where, "--rollout", "autumn", "--sandbox", str(sandbox))
    ]
    assert driver_for(DEFAULT, None, None, "prod") == "rollout run"
    first = shlex.split(driver_for(where, None, None, "rehearsal", "planned"))
    assert first[-4:] == ["--state", where, "--scenario", "planned"]


def test_a_rehearsal_says_itself_how_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    goes_on = ["rollout", "rehearse", str(tmp_path / "a b.yaml"), "--by-hand", "--state", "/x/r.db"]
    write_board(tmp_path / "r.db", board(goes_on=goes_on))
    found = driver_for(str(tmp_path / "r.db"), None, None, "rehearsal", "planned")
    assert found == "rollout rehearse 'a b.yaml' --by-hand --state /x/r.db"


def test_what_drives_the_rollout_and_what_verifies_it_are_shown_with_their_place(
    held: Path,
) -> None:
    link = StoreLink(held, monotonic=Monotonic(), driver_for=lambda profile, _: f"drive {profile}")
    picture = Picture(["--state", "held.db"])
    picture.take(link.look())
    link.close()
    assert "start one with `drive rehearsal`" in picture.snapshot(100.0).link.why
    picture.take(Reading(at_s=101.0, lost="held.db: damaged: run `rollout verify`, then look"))
    assert "run `rollout verify --state held.db`, then" in picture.snapshot(102.0).link.why
