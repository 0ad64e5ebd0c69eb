"""The controller's sign of life."""

from __future__ import annotations

import threading
from pathlib import Path

from builders import START, held_story, store_file
from postgres_server import Server

from rollout.live.heartbeat import Heartbeat
from rollout.store.holder import Holder, Ownership
from rollout.store.opening import open_store
from rollout.store.ownership import acquire, lock_path, pulse_of


class CountingOwner(Ownership):
    """Tells when it has beaten three times."""

    holder = Holder(1, 2, "here", "then")

    def __init__(self) -> None:
        self.beats = 0
        self.enough = threading.Event()

    def beat(self) -> None:
        self.beats += 1
        if self.beats >= 3:
            self.enough.set()

    def confirm(self) -> None:
        """Always."""

    def release(self) -> None:
        """Nothing is held."""


def test_it_beats_on_its_own_until_it_is_closed() -> None:
    owner = CountingOwner()
    with Heartbeat(owner, every_s=0.001):
        assert owner.enough.wait(10)
    last = owner.beats
    assert not owner.enough.wait(0) or owner.beats == last
    assert threading.active_count() >= 1
    assert not [t for t in threading.enumerate() if t.name == "heartbeat"]


def test_a_beat_changes_the_pulse_and_a_released_owner_has_none(tmp_path: Path) -> None:
    path = tmp_path / "held.db"
    store_file(path, held_story)
    assert pulse_of(path) is None
    owner = acquire(path, since=START, who="rollout run")
    first = pulse_of(path)
    assert first is not None
    assert first.holder == owner.holder
    owner.beat()
    second = pulse_of(path)
    assert second is not None
    assert second.beat != first.beat
    owner.release()
    owner.beat()
    assert pulse_of(path) is None
    assert lock_path(path).is_file()


def test_a_beat_reaches_those_who_look_at_a_server(postgres: Server) -> None:
    url = postgres.new_schema()
    open_store(url, create=True).close()
    assert pulse_of(url) is None
    with acquire(url, since=START, who="rollout run") as owner:
        first = pulse_of(url)
        assert first is not None
        assert first.holder.who == "rollout run"
        owner.beat()
        second = pulse_of(url)
        assert second is not None
        assert second.beat != first.beat
    assert pulse_of(url) is None
