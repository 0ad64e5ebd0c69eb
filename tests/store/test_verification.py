from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import msgspec
import pytest

from rollout.domain.chain import SealedEvent, hash_of
from rollout.domain.errors import RolloutError, StoreUnavailable
from rollout.domain.events import FindingRaised, SignedOff, SoakStarted
from rollout.ports import Head
from rollout.store.anchors import Anchor
from rollout.store.link import sqlite_link
from rollout.store.migrations.upgrade import upgrade
from rollout.store.opening import open_store
from rollout.store.reading import open_readonly
from rollout.store.sqlite_files import claim
from rollout.store.sqlite_rules import SqliteRules
from rollout.store.verification import Verification, verify_store

Fill = Callable[[Path], Path]
LAST = 25
TRIGGERS = ("events_stay", "events_remain", "events_follow", "evidence_stays", "evidence_remains")


@pytest.fixture
def path(tmp_path: Path, fill: Fill) -> Path:
    return fill(tmp_path / "rollout.db")


@contextmanager
def tampering(path: Path) -> Iterator[sqlite3.Connection]:
    """A patient attacker: takes the triggers away, and puts them back afterwards."""
    raw = sqlite3.connect(path)
    kept = raw.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for name, _ in kept:
        raw.execute(f"DROP TRIGGER {name}")
    yield raw
    for _, sql in kept:
        raw.execute(sql)
    raw.commit()
    raw.close()


def problems(path: Path) -> list[tuple[int, str]]:
    found = verify_store(path)
    assert not found.ok
    return [(p.seq, p.what) for p in found.problems]


def test_an_untouched_store_verifies(path: Path) -> None:
    with open_store(path, create=False) as store:
        head = store.log.head("r")
    assert verify_store(path) == Verification(
        ok=True, events=LAST, head=head, problems=[], heads={"r": head}
    )


def test_an_empty_store_verifies_without_a_head(tmp_path: Path) -> None:
    open_store(tmp_path / "x.db", create=True).close()
    found = verify_store(tmp_path / "x.db")
    assert (found.ok, found.events, found.head) == (True, 0, None)


def test_the_head_is_that_of_the_rollout_that_began_last(path: Path, now: datetime) -> None:
    soak = SoakStarted(phase="monitoring", attempt=1)
    with open_store(path, create=False) as store:
        store.log.append("a", 0, now.replace(year=2027), "me", [soak])
        store.log.append("z", 0, now.replace(year=2025), "me", [soak])
        expected = store.log.head("a")
    found = verify_store(path)
    assert (found.head, sorted(found.heads)) == (expected, ["a", "r", "z"])


@pytest.mark.parametrize(
    ("change", "seq", "what"),
    [
        ("UPDATE events SET actor = 'you' WHERE seq = 20", 20, "the event was changed"),
        ("UPDATE events SET at = '2026-01-07T00:00:00Z' WHERE seq = 20", 20, "was changed"),
        ("UPDATE events SET hash = prev WHERE seq = 20", 20, "was changed"),
        ("DELETE FROM events WHERE seq = 20", 20, "#20 was expected, #21 follows"),
        ("DELETE FROM events WHERE seq = 1", 1, "#1 was expected, #2 follows"),
        ("UPDATE events SET seq = 90 WHERE seq = 20", 20, "#20 was expected, #21 follows"),
        ("UPDATE events SET payload = x'ff' WHERE seq = 20", 20, "cannot be read"),
        (
            'UPDATE events SET payload = CAST(\'{"kind":"later"}\' AS BLOB) WHERE seq = 20',
            20,
            "cannot be read",
        ),
        ("UPDATE events SET kind = 'measured' WHERE seq = 20", 20, "labelled measured"),
        ("UPDATE events SET version = 9 WHERE seq = 20", 20, "newer build"),
        ("UPDATE events SET version = 'x' WHERE seq = 20", 20, "wrong type"),
        ("DELETE FROM evidence WHERE size < 30", 2, "is missing"),
        ("UPDATE evidence SET body = x'7b7d', size = 2 WHERE size < 30", 2, "do not match"),
        ("UPDATE evidence SET size = size + 1 WHERE size < 30", 2, "do not match"),
        ("UPDATE evidence SET body = zeroblob(9) WHERE size > 2000", 3, "do not match"),
        ("UPDATE evidence SET size = 'x' WHERE size > 2000", 3, "wrong type"),
    ],
)
def test_a_change_is_reported_from_its_first_event_on(
    path: Path, change: str, seq: int, what: str
) -> None:
    with tampering(path) as raw:
        raw.execute(change)
    found = problems(path)
    assert any(where == seq and what in text for where, text in found), found


@pytest.mark.parametrize("name", TRIGGERS)
def test_a_missing_trigger_is_reported(path: Path, name: str) -> None:
    raw = sqlite3.connect(path)
    raw.execute(f"DROP TRIGGER {name}")
    raw.close()
    assert problems(path) == [
        (0, f"the trigger {name} is missing or was changed: events can be rewritten")
    ]


def test_a_weakened_or_foreign_trigger_is_reported(path: Path) -> None:
    raw = sqlite3.connect(path)
    raw.execute("DROP TRIGGER events_stay")
    raw.execute("CREATE TRIGGER events_stay BEFORE UPDATE ON events BEGIN SELECT 1; END")
    raw.execute("CREATE TRIGGER mine AFTER INSERT ON events BEGIN SELECT 1; END")
    raw.close()
    assert [text.split(" is ")[0].split(" does ")[0] for _, text in problems(path)] == [
        "the trigger events_stay",
        "the trigger mine",
    ]


def test_missing_tables_are_listed(path: Path) -> None:
    raw = sqlite3.connect(path)
    raw.execute("DROP TABLE snapshots")
    raw.execute("DROP TABLE store_info")
    raw.close()
    assert problems(path)[0] == (0, "tables are missing: snapshots, store_info")


def test_a_store_of_the_first_schema_verifies(tmp_path: Path) -> None:
    path = tmp_path / "older.db"
    claim(path, create=True)
    link = sqlite_link(SqliteRules(path))
    with link.migrating() as connection:
        upgrade(connection, "0001")
    link.close()
    assert verify_store(path).ok


def test_an_emptied_file_is_a_problem_not_a_store_without_events(path: Path) -> None:
    path.write_bytes(b"")
    assert "tables are missing" in problems(path)[0][1]
    path.write_bytes(b"garbage " * 1000)
    assert "not a database" in problems(path)[0][1]


def test_a_cut_tail_is_seen_with_an_anchor_only(path: Path) -> None:
    head = verify_store(path).head
    assert head
    assert verify_store(path, anchors=[Anchor(head, "r")]).ok
    with tampering(path) as raw:
        raw.execute("DELETE FROM snapshots")
        raw.execute("DELETE FROM events WHERE seq > 23")
    assert verify_store(path).ok
    (problem,) = verify_store(path, anchors=[Anchor(head, "r")]).problems
    assert str(problem).startswith("r #25: is missing: it was noted as 25:")
    assert "the log ends at #23" in problem.what


def test_a_rollout_that_is_gone_is_seen_with_an_anchor_only(path: Path) -> None:
    assert verify_store(path).ok
    found = verify_store(path, anchors=[Anchor(Head(seq=3, hash="0" * 64), "q")])
    assert [p.rollout for p in found.problems] == ["q"]


def recomputed(path: Path, first: int) -> None:
    """Forge event `first`, then reseal everything behind it."""
    with open_readonly(path) as reader:
        events = reader.sealed("r", after=first - 1)
    with tampering(path) as raw:
        raw.execute("DELETE FROM snapshots")
        prev = events[0].prev
        for event in events:
            actor = "you" if event.seq == first else event.actor
            forged = msgspec.structs.replace(event, actor=actor, prev=prev)
            prev = hash_of(forged)
            raw.execute(
                "UPDATE events SET actor = ?, prev = ?, hash = ? WHERE seq = ?",
                (actor, forged.prev, prev, event.seq),
            )


def test_a_recomputed_chain_is_seen_with_an_anchor(path: Path) -> None:
    head = verify_store(path).head
    assert head
    recomputed(path, 20)
    assert verify_store(path).ok
    (problem,) = verify_store(path, anchors=[Anchor(head, "r")]).problems
    assert problem.seq == 25
    assert "the log was rewritten" in problem.what


def test_a_chain_recomputed_before_a_decision_contradicts_what_the_person_saw(path: Path) -> None:
    recomputed(path, 1)
    assert problems(path) == [(4, "was given on another #1 than the log has")]


def test_a_sign_off_is_held_against_the_log_too(path: Path, now: datetime) -> None:
    def sign(seq: int, head: str) -> SignedOff:
        return SignedOff(
            phase="pilot",
            attempt=1,
            gate="g",
            by="lead",
            role="project_lead",
            approve=True,
            reason="green",
            plan_sha256="",
            evidence_sha256="",
            seen_seq=seq,
            seen_head=head,
        )

    with open_store(path, create=False) as store:
        head = store.log.head("r")
        store.log.append("r", LAST, now, "me", [sign(head.seq, head.hash), sign(0, "")])
        assert verify_store(path).ok
        store.log.append("r", LAST + 2, now, "me", [sign(99, head.hash)])
    assert problems(path) == [(28, "was given on another #99 than the log has")]


def test_a_hopeless_log_is_not_listed_without_end(path: Path, now: datetime) -> None:
    with open_store(path, create=False) as store:
        store.log.append(
            "r", LAST, now, "me", [SoakStarted(phase=f"{n}", attempt=1) for n in range(200)]
        )
    with tampering(path) as raw:
        raw.execute("UPDATE events SET actor = actor || seq")
    found = problems(path)
    assert len(found) < 60
    assert "there is more" in found[-1][1] or any("there is more" in t for _, t in found)


def test_missing_evidence_is_not_listed_without_end(path: Path, now: datetime) -> None:
    with open_store(path, create=False) as store:
        store.log.append("r", LAST, now, "me", [finding(f"{n:064}") for n in range(300)])
    found = problems(path)
    assert found[0] == (26, f"evidence {0:064} is missing")
    assert len(found) == 100


def finding(evidence: str) -> FindingRaised:
    return FindingRaised(
        finding="f",
        check="c",
        phase="pilot",
        attempt=1,
        severity="major",
        title="t",
        owner="o",
        due_at=None,
        evidence=evidence,
    )


@pytest.mark.parametrize("version", ["0099", "zebra"])
def test_a_store_of_another_build_is_not_judged(path: Path, version: str) -> None:
    raw = sqlite3.connect(path)
    raw.execute("UPDATE alembic_version SET version_num = ?", (version,))
    raw.commit()
    raw.close()
    with pytest.raises(StoreUnavailable, match="schema"):
        verify_store(path)


def test_a_missing_or_locked_store_is_not_judged(path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="there is no store"):
        verify_store(path.with_name("none.db"))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreUnavailable, match="locked"):
        verify_store(path, busy_s=0.05)
    other.close()


def test_verifying_changes_nothing(path: Path) -> None:
    before = path.read_bytes()
    verify_store(path)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def content(path: Path) -> tuple[list[SealedEvent], object, list[object]]:
    with open_readonly(path) as reader:
        events = reader.sealed("r")
        reader.events("r")
        digests = [row[0] for row in reader.ask("SELECT digest FROM evidence ORDER BY digest")]
        return events, reader.latest_snapshot("r"), [reader.evidence(d) for d in digests]


def damaged(body: bytes, chance: random.Random) -> bytes:
    spoilt, at = bytearray(body), chance.randrange(len(body))
    kind = chance.choice(["bit", "bit", "byte", "sector", "stale", "cut", "swap"])
    sector = at // 512 * 512
    page, other = (n // 4096 * 4096 for n in (at, chance.randrange(len(body))))
    if kind == "bit":
        spoilt[at] ^= 1 << chance.randrange(8)
    elif kind == "byte":
        spoilt[at] = chance.randrange(256)
    elif kind == "sector":
        spoilt[sector : sector + 512] = bytes(512)
    elif kind == "stale":
        spoilt[page : page + 4096] = body[other : other + 4096]
    elif kind == "cut":
        del spoilt[at:]
    else:
        spoilt[page : page + 4096], spoilt[other : other + 4096] = (
            body[other : other + 4096],
            body[page : page + 4096],
        )
    return bytes(spoilt)


@pytest.mark.parametrize(
    "damages", [100, pytest.param(2000, marks=[pytest.mark.slow, pytest.mark.timeout(900)])]
)
def test_of_many_random_damages_none_is_silent(path: Path, tmp_path: Path, damages: int) -> None:
    original, whole = path.read_bytes(), content(path)
    chance, noticed = random.Random(20260106), 0
    for number in range(damages):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        copy = folder / "rollout.db"
        copy.write_bytes(damaged(original, chance))
        try:
            is_fine = verify_store(copy).ok
        except StoreUnavailable:
            is_fine = False
        noticed += not is_fine
        if is_fine:
            assert content(copy) == whole, f"damage {number} went unnoticed"
        shutil.rmtree(folder)
    assert noticed > damages / 3


def test_opening_a_damaged_store_is_an_error_of_ours_or_fine(path: Path, tmp_path: Path) -> None:
    original, chance, refused = path.read_bytes(), random.Random(7), 0
    for number in range(60):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        copy = folder / "rollout.db"
        copy.write_bytes(damaged(original, chance))
        try:
            with open_store(copy, create=False) as store:
                assert store.log.head("r").seq >= 0
        except RolloutError:
            refused += 1
    assert refused > 20
