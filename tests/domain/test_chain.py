from __future__ import annotations

import itertools

import msgspec
from hypothesis import assume, given
from hypothesis import strategies as st

from rollout.domain.chain import SealedEvent, event_hash, genesis, hash_of, verify

texts = st.text(max_size=8)


def chained(rollout: str, bodies: list[tuple[str, bytes]]) -> list[SealedEvent]:
    events: list[SealedEvent] = []
    prev = genesis(rollout)
    for seq, (actor, payload) in enumerate(bodies, start=1):
        event = SealedEvent(rollout, seq, "2026-01-06T00:00:00Z", actor, "k", 1, payload, prev, "")
        event = msgspec.structs.replace(event, hash=hash_of(event))
        events.append(event)
        prev = event.hash
    return events


logs = st.builds(
    chained, texts, st.lists(st.tuples(texts, st.binary(max_size=8)), min_size=1, max_size=8)
)


@given(logs)
def test_an_untouched_chain_verifies(log: list[SealedEvent]) -> None:
    assert verify(log, rollout=log[0].rollout) == []


@given(logs, st.data())
def test_any_changed_field_is_found_at_the_first_event_it_touches(
    log: list[SealedEvent], data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, len(log) - 1))
    field = data.draw(st.sampled_from(["at", "actor", "kind", "version", "payload", "prev"]))
    new = {"payload": st.binary(max_size=8), "version": st.integers(0, 9)}.get(field, texts)
    value = data.draw(new)
    assume(value != getattr(log[index], field))
    changed = list(log)
    changed[index] = msgspec.structs.replace(log[index], **{field: value})
    problems = verify(changed, rollout=log[0].rollout)
    assert [p.seq for p in problems] == [index + 1]


@given(logs, st.data())
def test_a_removed_event_is_found_unless_it_was_the_last(
    log: list[SealedEvent], data: st.DataObject
) -> None:
    assume(len(log) > 1)
    index = data.draw(st.integers(0, len(log) - 2))
    problems = verify(log[:index] + log[index + 1 :], rollout=log[0].rollout)
    assert problems[0].seq == index + 1
    assert "was expected" in problems[0].what


def test_a_cut_tail_is_not_seen_by_the_chain_alone() -> None:
    log = chained("r", [("me", b"1"), ("me", b"2")])
    assert verify(log[:1], rollout="r") == []


def test_swapped_events_are_found() -> None:
    log = chained("r", [("me", b"1"), ("me", b"2"), ("me", b"3")])
    assert verify([log[0], log[2], log[1]], rollout="r")[0].seq == 2


def test_a_resealed_event_breaks_the_link_of_the_next() -> None:
    log = chained("r", [("me", b"1"), ("me", b"2"), ("me", b"3")])
    forged = msgspec.structs.replace(log[1], payload=b"9")
    forged = msgspec.structs.replace(forged, hash=hash_of(forged))
    (problem,) = verify([log[0], forged, log[2]], rollout="r")
    assert problem.seq == 3
    assert "prev" in problem.what


def test_an_event_of_another_rollout_is_named() -> None:
    (problem,) = verify(chained("other", [("me", b"1")]), rollout="r")
    assert "'other'" in problem.what


def test_verification_can_start_behind_a_known_event() -> None:
    log = chained("r", [("me", b"%d" % n) for n in range(5)])
    assert verify(log[3:], rollout="r", after=3, prev=log[2].hash) == []
    assert verify(log[3:], rollout="r", after=3, prev=log[1].hash)[0].seq == 4


def test_independent_breaks_all_show_up_to_a_limit() -> None:
    log = chained("r", [("me", b"%d" % n) for n in range(60)])
    broken = [msgspec.structs.replace(e, actor="x") if e.seq % 2 else e for e in log]
    problems = verify(broken, rollout="r")
    assert [p.seq for p in problems[:3]] == [1, 3, 5]
    assert len(problems) == 20


@given(st.tuples(texts, texts, texts, texts, texts), st.binary(max_size=8), st.integers(0, 99))
def test_no_two_different_events_share_the_hashed_bytes(
    fields: tuple[str, str, str, str, str], payload: bytes, seq: int
) -> None:
    prev, rollout, at, actor, kind = fields
    hashes = {
        event_hash(p, r, seq, a, b, k, 1, payload)
        for p, r, a, b, k in itertools.permutations(fields)
    }
    assert event_hash(prev, rollout, seq, at, actor, kind, 1, payload) in hashes
    assert len(hashes) == len(set(itertools.permutations(fields)))


def test_damaged_text_is_hashed_as_it_is() -> None:
    bad = b"a\xff".decode("utf-8", "surrogateescape")
    assert event_hash("", bad, 1, "", "", "", 1, b"") != event_hash("", "a", 1, "", "", "", 1, b"")
    assert genesis(bad) != genesis("a")
