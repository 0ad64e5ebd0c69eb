"""What every EventLog promises, held against each of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollout.domain.chain import SealedEvent, genesis, verify
from rollout.domain.errors import LogConflict
from rollout.domain.events import (
    VERSION,
    Event,
    Measured,
    Payload,
    RunObserved,
    SoakStarted,
    StepProgressed,
    encode_payload,
    kind_of,
)
from rollout.domain.evidence import Verdict
from rollout.domain.instants import to_text
from rollout.ports import EventLog, Head
from rollout.store.memory import MemoryEventLog
from rollout.store.opening import open_store

NOW = datetime(2026, 1, 6, 18, tzinfo=UTC)
NAMES = (f"rollout {n}" for n in itertools.count())
SOAK = SoakStarted(phase="monitoring", attempt=1)

texts = st.text(max_size=20)
actors = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
counts = st.none() | st.integers(-(2**63), 2**63 - 1)
scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats() | texts
instants = st.datetimes(
    min_value=NOW.replace(year=1971, tzinfo=None),
    max_value=NOW.replace(year=2100, tzinfo=None),
    timezones=st.just(UTC),
)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3)
)
payloads = st.one_of(
    st.builds(SoakStarted, phase=texts, attempt=st.integers(1, 9)),
    st.builds(
        StepProgressed,
        phase=texts,
        attempt=st.integers(1, 9),
        step=texts,
        memory=st.dictionaries(texts, anything, max_size=3),
    ),
    st.builds(
        Measured,
        phase=texts,
        attempt=st.integers(1, 9),
        moment=texts,
        gate=texts,
        round=st.integers(1, 9),
        check=texts,
        verdict=st.sampled_from(Verdict),
        reason=texts,
        observed=st.dictionaries(texts, scalars, max_size=4),
    ),
    st.builds(
        RunObserved,
        sync=texts,
        run_id=st.integers(1, 2**62),
        phase=texts,
        attempt=st.integers(1, 9),
        ours=st.booleans(),
        status=texts,
        processed=counts,
        accepted=counts,
        failed=counts,
        invalid=counts,
        created_at=st.none() | instants,
    ),
)


@pytest.fixture(scope="module", params=["memory", "sqlite file", "sqlite in memory", "postgres"])
def log(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EventLog]:
    if request.param == "memory":
        yield MemoryEventLog()
        return
    folder: Path = tmp_path_factory.mktemp("log")
    place: Path | str = folder / "rollout.db" if request.param == "sqlite file" else ":memory:"
    if request.param == "postgres":
        place = request.getfixturevalue("postgres").new_schema()
    with open_store(place, create=True, relaxed=True) as store:
        yield store.log


@pytest.fixture
def name() -> str:
    return next(NAMES)


def stored(event: Event) -> SealedEvent:
    return SealedEvent(
        event.rollout,
        event.seq,
        to_text(event.at),
        event.actor,
        kind_of(event.payload),
        VERSION,
        encode_payload(event.payload),
        event.prev,
        event.hash,
    )


def soaks(count: int) -> list[Payload]:
    return [SoakStarted(phase=f"p{n}", attempt=1) for n in range(count)]


def test_an_empty_log_ends_at_zero_with_the_genesis_of_its_name(log: EventLog, name: str) -> None:
    assert log.head(name) == Head(seq=0, hash=genesis(name))
    assert list(log.read(name)) == []
    assert name not in log.rollouts()


@settings(max_examples=60, deadline=None)
@given(batches=st.lists(st.lists(payloads, max_size=4), max_size=4), at=instants, actor=actors)
def test_what_append_returns_is_what_is_read_back_and_chained(
    log: EventLog, batches: list[list[Payload]], at: datetime, actor: str
) -> None:
    name, written = next(NAMES), list[Event]()
    for batch in batches:
        written += log.append(name, len(written), at, actor, batch)
    given_payloads = [p for batch in batches for p in batch]
    assert list(log.read(name)) == written
    assert [e.seq for e in written] == list(range(1, len(given_payloads) + 1))
    assert [encode_payload(e.payload) for e in written] == list(map(encode_payload, given_payloads))
    assert {(e.at, e.actor, e.rollout) for e in written} <= {(at, actor, name)}
    assert verify(map(stored, written), rollout=name) == []
    assert log.head(name).seq == len(written)
    assert not written or log.head(name).hash == written[-1].hash


@pytest.mark.parametrize("expected", [0, 1, 3, 4])
def test_another_head_than_expected_is_a_conflict_that_says_where_the_log_is(
    log: EventLog, name: str, expected: int
) -> None:
    before = log.append(name, 0, NOW, "me", soaks(2))
    with pytest.raises(LogConflict) as caught:
        log.append(name, expected, NOW, "me", [SOAK])
    assert (caught.value.expected_seq, caught.value.found_seq) == (expected, 2)
    assert list(log.read(name)) == before


def test_an_empty_batch_changes_nothing_but_still_notices_a_conflict(
    log: EventLog, name: str
) -> None:
    assert log.append(name, 0, NOW, "me", []) == []
    assert log.head(name).seq == 0
    with pytest.raises(LogConflict):
        log.append(name, 1, NOW, "me", [])


def test_a_batch_with_one_payload_that_cannot_be_read_back_is_refused_whole(
    log: EventLog, name: str
) -> None:
    wrong = SoakStarted(phase=3, attempt=1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="phase"):
        log.append(name, 0, NOW, "me", [SOAK, wrong])
    assert log.head(name).seq == 0
    assert log.append(name, 0, NOW, "me", [SOAK])[0].seq == 1


def test_a_number_that_is_none_is_read_back_as_nothing(log: EventLog, name: str) -> None:
    payload = StepProgressed(phase="p", attempt=1, step="s", memory={"rate": float("nan")})
    (event,) = log.append(name, 0, NOW, "me", [payload])
    assert isinstance(event.payload, StepProgressed)
    assert event.payload.memory == {"rate": None}


def test_instants_are_kept_in_utc_to_the_microsecond(log: EventLog, name: str) -> None:
    at = datetime(2026, 1, 6, 10, 0, 0, 7, tzinfo=timezone(timedelta(hours=-8)))
    (event,) = log.append(name, 0, at, "me", [SOAK])
    assert (event.at, event.at.tzinfo) == (at, UTC)
    assert list(log.read(name)) == [event]


@pytest.mark.parametrize("odd", ["", "a\x00b", "a\nb", "\udcff"])
def test_a_name_that_cannot_be_shown_is_refused(log: EventLog, odd: str) -> None:
    with pytest.raises(ValueError, match="cannot name a rollout"):
        log.append(odd, 0, NOW, "me", [SOAK])


@pytest.mark.parametrize("odd", ["a\x00b", "\udcff"])
def test_an_actor_that_not_every_database_can_hold_is_refused(
    log: EventLog, name: str, odd: str
) -> None:
    with pytest.raises(ValueError):
        log.append(name, 0, NOW, odd, [SOAK])
    assert log.append(name, 0, NOW, "ok", [SOAK])[0].seq == 1


def test_an_instant_without_a_zone_is_refused(log: EventLog, name: str) -> None:
    with pytest.raises(ValueError, match="time zone"):
        log.append(name, 0, NOW.replace(tzinfo=None), "me", [SOAK])


def test_rollouts_share_nothing_and_are_listed_by_age_then_name(log: EventLog, name: str) -> None:
    old, new, also = f"{name} z old", f"{name} a new", f"{name} b new"
    for rollout, at in [(also, NOW), (new, NOW), (old, NOW - timedelta(days=1))]:
        log.append(rollout, 0, at, "me", [SOAK])
    mine = [n for n in log.rollouts() if n.startswith(f"{name} ")]
    assert mine == [old, new, also]
    assert len({log.head(n).hash for n in mine}) == 3
    assert [e.seq for n in mine for e in log.read(n)] == [1, 1, 1]


def test_reading_starts_behind_a_number_and_stops_at_a_limit_across_pages(
    log: EventLog, name: str
) -> None:
    log.append(name, 0, NOW, "me", soaks(2_500))
    assert [e.seq for e in log.read(name)] == list(range(1, 2_501))
    assert [e.seq for e in log.read(name, after=2_498)] == [2_499, 2_500]
    assert [e.seq for e in log.read(name, after=998, limit=4)] == [999, 1_000, 1_001, 1_002]
    assert len(list(log.read(name, limit=1_000))) == 1_000
    assert list(log.read(name, limit=0)) == []
    assert list(log.read(name, after=2_500)) == []


def test_a_reader_may_append_while_it_reads(log: EventLog, name: str) -> None:
    log.append(name, 0, NOW, "me", soaks(1_200))
    for event in log.read(name, limit=1_100):
        if event.seq == 1:
            log.append(name, 1_200, NOW, "me", [SOAK])
    assert log.head(name).seq == 1_201


def test_the_newest_snapshot_is_kept(log: EventLog, name: str) -> None:
    assert log.latest_snapshot(name) is None
    events = log.append(name, 0, NOW, "me", soaks(3))
    heads = [Head(seq=e.seq, hash=e.hash) for e in events]
    log.save_snapshot(name, heads[1], b"two")
    log.save_snapshot(name, heads[2], b"three" * 2_000)
    log.save_snapshot(name, heads[0], b"late")
    assert log.latest_snapshot(name) == (heads[2], b"three" * 2_000)
    log.save_snapshot(name, heads[2], b"folded anew")
    assert log.latest_snapshot(name) == (heads[2], b"folded anew")


def test_a_snapshot_of_a_head_the_log_never_had_is_refused(log: EventLog, name: str) -> None:
    (event,) = log.append(name, 0, NOW, "me", [SOAK])
    for head in (Head(seq=1, hash="0" * 64), Head(seq=2, hash=event.hash), log.head("nobody")):
        with pytest.raises(ValueError, match="no event"):
            log.save_snapshot(name, head, b"x")
    assert log.latest_snapshot(name) is None
