from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from urllib.parse import unquote, urlsplit

import pytest
from postgres_server import Server

from rollout.domain.chain import genesis
from rollout.domain.errors import StoreUnavailable
from rollout.domain.events import FindingRaised, Measured, SoakStarted
from rollout.ports import Head
from rollout.store.anchors import Anchor
from rollout.store.opening import open_store
from rollout.store.postgres_schema import TRIGGERS
from rollout.store.reading import Reader, open_readonly
from rollout.store.verification import Verification, verify_store

Fill = Callable[[str], str]
SOAK = SoakStarted(phase="monitoring", attempt=1)
LAST = 25
GUARDED = ("events", "evidence")


@pytest.fixture
def url(postgres: Server, fill: Fill) -> str:
    return fill(postgres.new_schema())


@pytest.fixture(scope="module")
def kept(postgres: Server, fill: Fill) -> str:
    """A store that tests leave as it is."""
    return fill(postgres.new_schema())


def test_a_reader_sees_what_the_log_holds(kept: str) -> None:
    with open_store(kept, create=False) as store, open_readonly(kept) as reader:
        assert reader.path == reader.where == store.where
        assert reader.rollouts() == store.log.rollouts() == ["r"]
        assert reader.head("r") == store.log.head("r")
        assert reader.events("r") == list(store.log.read("r"))
        assert reader.sealed("r") == list(store.log.sealed("r"))
        assert reader.latest_snapshot("r") == store.log.latest_snapshot("r")
        assert reader.latest_snapshot("r") is not None
        assert reader.info() == {"profile": "live", "created": "2026-01-06T18:00:00Z"}
        (measured,) = reader.events("r", kinds=["measured"])
        assert isinstance(measured.payload, Measured)
        assert measured.payload.evidence
        found = reader.evidence(measured.payload.evidence)
        assert found == store.evidence.get(measured.payload.evidence) == {"metrics": {"rows": 50}}


def test_a_reader_knows_nothing_of_a_rollout_that_is_not_there(kept: str) -> None:
    with open_readonly(kept) as reader:
        assert reader.head("other") == Head(seq=0, hash=genesis("other"))
        assert reader.events("other") == []
        assert reader.latest_snapshot("other") is None
        with pytest.raises(KeyError):
            reader.evidence("0" * 64)


def seqs(reader: Reader, **filters: object) -> list[int]:
    return [e.seq for e in reader.events("r", **filters)]  # type: ignore[arg-type]


def test_events_are_cut_from_either_end_and_by_kind(kept: str) -> None:
    with open_readonly(kept) as reader:
        assert seqs(reader, after=22) == [23, 24, 25]
        assert seqs(reader, before=3) == [1, 2]
        assert seqs(reader, after=5, before=20, limit=2) == [6, 7]
        assert seqs(reader, after=5, before=20, limit=2, newest=True) == [18, 19]
        assert seqs(reader, kinds=["measured", "step_progressed"]) == [2, 5]
        assert seqs(reader, kinds=["soak_started"], limit=1, newest=True) == [25]
        assert seqs(reader, kinds=["no such kind"]) == []
        assert seqs(reader, limit=0) == []


def test_rollouts_are_listed_by_age(url: str, now: datetime) -> None:
    with open_store(url, create=False) as store:
        store.log.append("ä 100 %", 0, now, "me", [SOAK])
        store.log.append("Z", 0, now - timedelta(days=1), "me", [SOAK])
        with open_readonly(url) as reader:
            assert reader.rollouts() == store.log.rollouts() == ["Z", "r", "ä 100 %"]
            assert reader.head("ä 100 %") == store.log.head("ä 100 %")


def test_a_reader_follows_a_writer(url: str, now: datetime) -> None:
    with open_readonly(url) as reader, open_store(url, create=False) as store:
        for seq in range(LAST, LAST + 3):
            store.log.append("r", seq, now, "me", [SOAK])
            assert reader.head("r").seq == seq + 1


def test_a_reader_cannot_write(kept: str) -> None:
    with open_readonly(kept) as reader, pytest.raises(StoreUnavailable, match="read-only"):
        reader.ask("DELETE FROM snapshots")


def test_a_reader_that_was_cut_off_says_so(postgres: Server, kept: str) -> None:
    with open_readonly(kept) as reader:
        (backend,) = reader.ask("SELECT pg_backend_pid()")
        postgres.run(f"SELECT pg_terminate_backend({backend[0]}, 5000)")
        with pytest.raises(StoreUnavailable, match="connection was lost"):
            reader.rollouts()


def test_a_database_without_a_store_is_named(postgres: Server) -> None:
    with pytest.raises(StoreUnavailable, match="is not a store of rollouts"):
        open_readonly(postgres.new_schema())


def test_a_store_in_memory_cannot_be_read_from_outside() -> None:
    with pytest.raises(StoreUnavailable, match="ends with its process"):
        open_readonly(":memory:")


def problems(url: str) -> list[tuple[int, str]]:
    found = verify_store(url)
    assert not found.ok
    assert "canary" not in repr(found)
    return [(p.seq, p.what) for p in found.problems]


def tamper(postgres: Server, url: str, *statements: str) -> None:
    """A patient attacker, who puts the triggers back afterwards."""
    away = [f"ALTER TABLE {table} DISABLE TRIGGER USER" for table in GUARDED]
    back = [
        f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}"
        for name, (table, *_) in TRIGGERS.items()
    ]
    postgres.run(*away, *statements, *back, url=url)


def test_an_untouched_store_verifies(kept: str) -> None:
    with open_store(kept, create=False) as store:
        head = store.log.head("r")
    assert verify_store(kept) == Verification(
        ok=True, events=LAST, head=head, problems=[], heads={"r": head}
    )


@pytest.mark.parametrize(
    ("change", "seq", "what"),
    [
        ("UPDATE events SET actor = 'you' WHERE seq = 20", 20, "the event was changed"),
        ("UPDATE events SET hash = prev WHERE seq = 20", 20, "was changed"),
        ("DELETE FROM events WHERE seq = 20", 20, "#20 was expected, #21 follows"),
        ("UPDATE events SET seq = 90 WHERE seq = 20", 20, "#20 was expected, #21 follows"),
        (r"UPDATE events SET payload = '\xff' WHERE seq = 20", 20, "cannot be read"),
        ("UPDATE events SET version = 9 WHERE seq = 20", 20, "newer build"),
        ("DELETE FROM evidence WHERE size < 30", 2, "is missing"),
        (r"UPDATE evidence SET body = '\x7b7d', size = 2 WHERE size < 30", 2, "do not match"),
        ("UPDATE snapshots SET body = '123'", 0, "the snapshot of r at #25 is damaged"),
        ("DROP TABLE snapshots", 0, "tables are missing: snapshots"),
        ("DROP TABLE ownerships", 0, "tables are missing: ownerships"),
        ("DROP TABLE store_info", 0, "tables are missing: store_info"),
    ],
)
def test_a_change_is_reported_from_its_first_event_on(
    postgres: Server, url: str, change: str, seq: int, what: str
) -> None:
    tamper(postgres, url, change)
    found = problems(url)
    assert any(where == seq and what in text for where, text in found), found


def test_a_column_that_holds_nothing_is_reported(postgres: Server, url: str) -> None:
    drop = "ALTER TABLE events ALTER actor DROP NOT NULL"
    tamper(postgres, url, drop, "UPDATE events SET actor = NULL WHERE seq = 20")
    assert any(seq == 20 and "wrong type" in text for seq, text in problems(url))


def test_a_table_that_is_gone_does_not_hide_the_rest(postgres: Server, url: str) -> None:
    tamper(postgres, url, "UPDATE events SET actor = 'you' WHERE seq = 20")
    postgres.run("DROP TABLE evidence", url=url)
    found = problems(url)
    assert any("tables are missing: evidence" in text for _, text in found)
    assert any(seq == 20 for seq, _ in found)


@pytest.mark.parametrize("name", sorted(TRIGGERS))
def test_a_trigger_that_does_not_fire_is_reported(postgres: Server, kept: str, name: str) -> None:
    table = TRIGGERS[name][0]
    postgres.run(f"ALTER TABLE {table} DISABLE TRIGGER {name}", url=kept)
    found = problems(kept)
    postgres.run(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}", url=kept)
    assert found == [(0, f"the trigger {name} is missing or was changed: events can be rewritten")]
    assert verify_store(kept).ok


def test_every_trigger_that_is_gone_is_reported(postgres: Server, url: str) -> None:
    dropped = [f"DROP TRIGGER {name} ON {table}" for name, (table, *_) in TRIGGERS.items()]
    postgres.run(*dropped, url=url)
    assert [what.split(" is missing")[0] for _, what in problems(url)] == [
        f"the trigger {name}" for name in TRIGGERS
    ]


BODY = "RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS"


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ("ALTER TABLE events ENABLE TRIGGER events_stay", ["events_stay"]),
        (
            f"CREATE OR REPLACE FUNCTION rollout_follow() {BODY} $$BEGIN RETURN NEW; END$$",
            ["events_follow"],
        ),
        ("ALTER FUNCTION rollout_follow() RESET search_path", ["events_follow"]),
        (
            "DROP TRIGGER events_stay ON events; CREATE TRIGGER events_stay BEFORE UPDATE ON events"
            " FOR EACH ROW WHEN (OLD.seq > 9) EXECUTE FUNCTION rollout_refuse();"
            " ALTER TABLE events ENABLE ALWAYS TRIGGER events_stay",
            ["events_stay"],
        ),
        (
            "DROP TRIGGER events_stay ON events; CREATE TRIGGER events_stay BEFORE UPDATE OF kind"
            " ON events FOR EACH ROW EXECUTE FUNCTION rollout_refuse();"
            " ALTER TABLE events ENABLE ALWAYS TRIGGER events_stay",
            ["events_stay"],
        ),
        (
            "CREATE TRIGGER mine AFTER INSERT ON events EXECUTE FUNCTION rollout_refuse()",
            ["mine"],
        ),
        ("CREATE RULE quiet AS ON INSERT TO evidence DO INSTEAD NOTHING", ["rule quiet"]),
        ("ALTER TABLE events ENABLE ROW LEVEL SECURITY", ["row security of events"]),
    ],
)
def test_a_weakened_or_foreign_guard_is_reported(
    postgres: Server, url: str, change: str, names: list[str]
) -> None:
    postgres.run(*change.split("; "), url=url) if "$$" not in change else postgres.run(
        change, url=url
    )
    assert [
        text.removeprefix("the trigger ").split(" is missing")[0].split(" does not")[0]
        for _, text in problems(url)
    ] == names


def test_rows_hidden_from_a_reader_are_an_error_not_an_absence(postgres: Server, url: str) -> None:
    schema = url.rpartition("%3D")[2]
    postgres.run(
        "CREATE ROLE blinkered LOGIN PASSWORD 'canary 5'",
        f"GRANT USAGE ON SCHEMA {schema} TO blinkered",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO blinkered",
        "ALTER TABLE events ENABLE ROW LEVEL SECURITY",
        url=url,
    )
    reader = postgres.url(schema=schema, user="blinkered", password="canary 5")
    with (
        open_readonly(reader) as opened,
        pytest.raises(StoreUnavailable, match="row-level security"),
    ):
        opened.events("r")
    assert not verify_store(reader).ok


def test_a_cut_tail_is_seen_with_an_anchor_only(postgres: Server, url: str) -> None:
    head = verify_store(url).head
    assert head
    tamper(postgres, url, "DELETE FROM snapshots", "DELETE FROM events WHERE seq > 23")
    assert verify_store(url).ok
    (problem,) = verify_store(url, anchors=[Anchor(head, "r")]).problems
    assert str(problem).startswith("r #25: is missing: it was noted as 25:")
    assert "the log ends at #23" in problem.what


def test_a_hopeless_log_is_not_listed_without_end(
    postgres: Server, url: str, now: datetime
) -> None:
    with open_store(url, create=False) as store:
        store.log.append(
            "r", LAST, now, "me", [SoakStarted(phase=f"{n}", attempt=1) for n in range(200)]
        )
        store.log.append("r", LAST + 200, now, "me", [finding(f"{n:064}") for n in range(300)])
    tamper(postgres, url, "UPDATE events SET actor = actor || seq")
    assert 50 < len(problems(url)) < 160


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


def test_a_locked_store_is_not_judged(postgres: Server, kept: str) -> None:
    with postgres.connect(kept) as raw, raw.transaction():
        raw.execute("LOCK TABLE events")
        with pytest.raises(StoreUnavailable, match="locked by another connection"):
            verify_store(kept, busy_s=0.05)
        with open_readonly(kept, busy_s=0.05) as reader:  # noqa: SIM117
            with pytest.raises(StoreUnavailable, match="locked"):
                reader.rollouts()


def test_a_server_that_is_gone_is_not_judged(postgres: Server) -> None:
    gone = postgres.url().replace(f":{postgres.port}/", ":1/")
    for look in (verify_store, open_readonly):
        with pytest.raises(StoreUnavailable, match="cannot be reached"):
            look(gone)


def test_the_quick_commands_read_it_and_load_nothing_heavy(kept: str) -> None:
    script = """
import sys
from rollout.cli.front import run
code = run([*sys.argv[1:], "--state", sys.stdin.read(), "--json"])
roots = {name.split(".")[0] for name in sys.modules}
print(sorted(roots & {"pydantic", "sqlalchemy", "sqlmodel", "alembic", "duckdb", "textual"}))
sys.exit(code)
"""

    parts = urlsplit(kept)
    bare = parts._replace(netloc=parts.netloc.replace(f":{parts.password}@", "@")).geturl()
    # the password stays out of the arguments; whoever named it there would be refused
    environment = {**os.environ, "PGPASSWORD": unquote(parts.password or "")}

    def said(*command: str) -> list[str]:
        done = subprocess.run(
            [sys.executable, "-c", script, *command],
            input=bare,
            capture_output=True,
            text=True,
            env=environment,
        )
        assert done.returncode == 0, done.stderr
        assert "canary" not in done.stdout + done.stderr
        *lines, heavy = done.stdout.splitlines()
        assert heavy == "[]"
        return lines

    assert json.loads("".join(said("verify")))["events"] == LAST
    assert [json.loads(line)["seq"] for line in said("log")] == list(range(1, LAST + 1))
