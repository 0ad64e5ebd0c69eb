"""`status`, `log` and `verify`."""

from __future__ import annotations

import json
import shutil
import sqlite3
from itertools import pairwise
from pathlib import Path

import pytest
from builders import NAME, Story, completed_story, held_story, store_file
from commands import alone, here, is_one_clear_message, modules_after

from rollout.cli.held import exit_code
from rollout.domain.events import KINDS, SoakStarted, StepFailed, StepStarted
from rollout.domain.evidence import Decision, Verdict
from rollout.domain.snapshot import encode_state
from rollout.store.opening import open_store

HEAVY = {
    "textual", "duckdb", "databricks", "pandas", "sqlalchemy", "sqlmodel", "pydantic", "typer",
    "rich", "transitions", "yaml", "jinja2", "httpx", "alembic",
}  # fmt: skip


@pytest.fixture
def held(tmp_path: Path) -> Path:
    """A store whose rollout is held at its first gate."""
    path = tmp_path / "held.db"
    store_file(path, held_story)
    return path


@pytest.fixture
def completed(tmp_path: Path) -> Path:
    path = tmp_path / "completed.db"
    store_file(path, completed_story, snapshot=True)
    return path


# status ----------------------------------------------------------------------


def test_status_in_json_has_the_whole_picture(
    held: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = here(capsys, "status", "--state", held, "--json")
    found = ended.json()
    assert (ended.code, ended.err) == (0, "")
    assert (found["rollout"], found["status"], found["events"]) == (NAME, "active", 12)
    assert [p["stage"] for p in found["phases"]] == ["held", "pending"]
    assert found["gates"][0]["decision"] == "no_go"
    assert found["gates"][0]["reasons"]
    assert {"resume", "retry", "roll_back"} <= {c["action"] for c in found["next"]}
    assert [e["seq"] for e in found["newest"]] == list(range(5, 13))
    assert found["findings"][0]["severity"] == "P1"


def test_status_in_words_names_what_blocks(held: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = here(capsys, "status", "--state", held, "--width", 100).out
    assert "✗ FAIL  1 pilot" in out
    assert "gate 1, ready (pilot, before the phase): NO-GO" in out
    assert "Waits for a person" in out


def test_status_reads_the_snapshot_and_folds_the_rest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The snapshot is of a made-up past, so that it shows whether it was used."""
    path = tmp_path / "s.db"
    with open_store(path, create=True, relaxed=True) as store:
        story = Story(log=store.log, evidence=store.evidence).begin()
        state = story.state()
        state.title = "From the snapshot"
        store.log.save_snapshot(NAME, store.log.head(NAME), encode_state(state))
        story.stage("pilot", "open_entry", "pending", "entry_gate")
    found = here(capsys, "status", "--state", path, "--json").json()
    assert found["title"] == "From the snapshot"
    assert found["phases"][0]["stage"] == "entry_gate"
    assert found["events"] == 2


def test_a_snapshot_of_another_fold_is_ignored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "s.db"
    with open_store(path, create=True, relaxed=True) as store:
        held_story(Story(log=store.log, evidence=store.evidence))
        body = b'{"version":0,"state":{"title":"old"}}'
        store.log.save_snapshot(NAME, store.log.head(NAME), body)
    assert here(capsys, "status", "--state", path, "--json").json()["title"] == "Two phases"


@pytest.mark.parametrize("name", ["held", "completed"])
def test_status_is_the_same_with_and_without_a_snapshot(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tell = {"held": held_story, "completed": completed_story}[name]
    store_file(tmp_path / "a.db", tell)
    store_file(tmp_path / "b.db", tell, snapshot=True)
    a = here(capsys, "status", "--state", tmp_path / "a.db", "--json").json()
    assert a == here(capsys, "status", "--state", tmp_path / "b.db", "--json").json()


def test_status_ends_with_0_unless_the_code_is_asked_for(
    held: Path, completed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert here(capsys, "status", "--state", held).code == 0
    assert here(capsys, "status", "--state", held, "--exit-code").code == 1
    assert here(capsys, "status", "--state", completed, "--exit-code").code == 0


def test_an_unknown_rollout_is_named_with_those_there_are(
    held: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = here(capsys, "status", "--state", held, "--rollout", "other")
    assert ended.code == 2
    assert is_one_clear_message(ended.err, "'other'", NAME)
    assert here(capsys, "status", "--state", held, "--rollout", NAME).code == 0


# exit code of a state --------------------------------------------------------


def _held_by(decision: Decision, verdict: Verdict) -> Story:
    story = Story().begin().stage("pilot", "open_entry", "pending", "entry_gate")
    story.gate("pilot", "entry", "ready", {"empty_keys": verdict}, decision)
    return story.stage("pilot", "entry_no_go", "entry_gate", "held")


def test_held_by_inconclusive_gates_alone_is_3() -> None:
    story = _held_by(Decision.INCONCLUSIVE, Verdict.ERROR)
    assert exit_code(story.state()) == 3


def test_held_by_a_no_go_is_1() -> None:
    assert exit_code(_held_by(Decision.NO_GO, Verdict.FAIL).state()) == 1


def test_one_no_go_among_doubts_is_1() -> None:
    story = Story().begin().stage("pilot", "open_entry", "pending", "entry_gate")
    doubt = {"empty_keys": Verdict.INCONCLUSIVE}
    story.gate("pilot", "entry", "ready", doubt, Decision.INCONCLUSIVE)
    story.gate("pilot", "entry", "verified", {"created": Verdict.FAIL}, Decision.NO_GO)
    story.stage("pilot", "entry_no_go", "entry_gate", "held")
    assert exit_code(story.state()) == 1


def test_a_failed_step_is_1_whatever_the_gates_said() -> None:
    story = Story().begin().stage("pilot", "open_entry", "pending", "running")
    doubt = {"created": Verdict.INCONCLUSIVE}
    story.gate("pilot", "step:look", "verified", doubt, Decision.INCONCLUSIVE)
    story.add(StepStarted(phase="pilot", attempt=1, step="rest"))
    story.add(StepFailed(phase="pilot", attempt=1, step="rest", reason="refused"))
    story.stage("pilot", "step_failed", "running", "held")
    assert exit_code(story.state()) == 1


def test_a_person_who_said_hold_is_1() -> None:
    story = Story().begin().stage("pilot", "open_entry", "pending", "entry_gate")
    doubt = {"empty_keys": Verdict.INCONCLUSIVE}
    story.gate("pilot", "entry", "ready", doubt, Decision.INCONCLUSIVE)
    story.say("hold", "pilot").stage("pilot", "hold", "entry_gate", "held")
    assert exit_code(story.state()) == 1


@pytest.mark.parametrize(("stage", "code"), [("rolled_back", 1), ("rollback_failed", 1),
                                             ("running", 0), ("sign_off", 0)])  # fmt: skip
def test_other_stages_have_their_codes(stage: str, code: int) -> None:
    assert exit_code(Story().begin().stage("pilot", "x", "pending", stage).state()) == code


# log -------------------------------------------------------------------------


def test_log_is_one_line_an_event(held: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = here(capsys, "log", "--state", held).out.splitlines()
    assert len(lines) == 12
    assert lines[0].startswith("#1 2026-01-05 16:00:00Z  rollout  rollout of plan two-phases")
    assert [line.split()[0] for line in lines] == [f"#{n}" for n in range(1, 13)]


def test_log_in_json_is_one_object_a_line_with_the_payload(
    held: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [json.loads(x) for x in here(capsys, "log", "--state", held, "--json").out.splitlines()]
    assert [row["seq"] for row in rows] == list(range(1, 13))
    assert set(rows[0]) == {
        "rollout", "seq", "at", "actor", "kind", "text", "payload", "prev", "hash",
    }  # fmt: skip
    assert rows[0]["payload"]["plan"] == NAME
    assert all(a["hash"] == b["prev"] for a, b in pairwise(rows))
    assert {row["kind"] for row in rows} <= set(KINDS)


def test_log_can_be_narrowed(held: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def numbers(*arguments: object) -> list[int]:
        out = here(capsys, "log", "--state", held, "--json", *arguments).out
        return [json.loads(line)["seq"] for line in out.splitlines()]

    assert numbers("--after", 10) == [11, 12]
    assert numbers("--limit", 2) == [11, 12]
    assert numbers("--after", 3, "--limit", 2) == [4, 5]
    assert numbers("--kind", "stage_changed") == [2, 12]
    assert numbers("--kind", "stage_changed", "--kind", "rollout_created") == [1, 2, 12]
    assert numbers("--kind", "stage_changed", "--limit", 1) == [12]
    assert numbers("--limit", 0) == []
    assert numbers("--after", 99) == []


def test_log_pages_through_more_than_one_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "long.db"
    with open_store(path, create=True, relaxed=True) as store:
        story = Story(log=store.log, evidence=store.evidence).begin()
        started = [StepStarted(phase="pilot", attempt=1, step=f"s{n}") for n in range(4500)]
        story.add(*started)
    lines = here(capsys, "log", "--state", path).out.splitlines()
    assert len(lines) == 4501
    assert lines[-1].startswith("#4501 ")
    out = here(capsys, "log", "--state", path, "--after", 1, "--limit", 4100).out
    assert len(out.splitlines()) == 4100


def test_log_pages_through_events_of_one_kind_that_lie_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "apart.db"
    with open_store(path, create=True, relaxed=True) as store:
        story = Story(log=store.log, evidence=store.evidence).begin()
        for n in range(2100):
            between = SoakStarted(phase="pilot", attempt=1)
            started = StepStarted(phase="pilot", attempt=1, step=f"s{n}")
            story.add(between, started)
    out = here(capsys, "log", "--state", path, "--kind", "step_started", "--json").out
    assert [json.loads(row)["seq"] for row in out.splitlines()] == list(range(3, 4202, 2))


def test_an_unknown_kind_is_refused_with_the_known_ones(
    held: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = here(capsys, "log", "--state", held, "--kind", "nonsense")
    assert ended.code == 2
    assert is_one_clear_message(ended.err, "'nonsense'", "gate_decided")


# verify and damage -----------------------------------------------------------


def test_verify_says_ok_and_the_head(completed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ended = here(capsys, "verify", "--state", completed, "--json")
    found = ended.json()
    assert ended.code == 0
    assert set(found) == {"ok", "events", "head", "heads", "problems"}
    assert (found["ok"], found["problems"]) == (True, [])
    head = here(capsys, "status", "--state", completed, "--json").json()
    assert (found["head"], found["events"]) == (head["head"], head["events"])
    assert here(capsys, "verify", "--state", completed).out.startswith("ok: ")


def _rewrite(path: Path, statement: str) -> None:
    with sqlite3.connect(path) as connection:
        for name in ("events_stay", "events_remain", "events_follow"):
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(statement)
    connection.close()


def test_a_changed_event_is_5(completed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _rewrite(completed, "UPDATE events SET actor = 'somebody' WHERE seq = 4")
    ended = here(capsys, "verify", "--state", completed, "--json")
    assert ended.code == 5
    assert ended.json()["ok"] is False
    assert any("#4" in problem for problem in ended.json()["problems"])
    ended = here(capsys, "verify", "--state", completed)
    assert ended.code == 5
    assert "#4" in ended.out
    assert "restore a backup" in ended.err


def test_status_and_log_of_a_log_with_a_hole_are_5(
    held: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _rewrite(held, "DELETE FROM events WHERE seq = 4")
    for command in ("status", "log"):
        ended = here(capsys, command, "--state", held)
        assert ended.code == 5
        assert is_one_clear_message(ended.err, "rollout verify")


def test_status_of_a_log_that_makes_no_sense_is_5(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "odd.db"
    with open_store(path, create=True, relaxed=True) as store:
        story = Story(log=store.log, evidence=store.evidence)
        story.stage("pilot", "open_entry", "pending", "entry_gate")
    ended = here(capsys, "status", "--state", path)
    assert ended.code == 5
    assert is_one_clear_message(ended.err, "do not fit")


@pytest.mark.parametrize("command", ["status", "log", "verify"])
def test_a_missing_store_is_2(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = here(capsys, command, "--state", tmp_path / "none.db")
    assert (ended.code, ended.out) == (2, "")
    assert is_one_clear_message(ended.err, "none.db", "there is no store")
    assert not (tmp_path / "none.db").exists()


@pytest.mark.parametrize("command", ["status", "log", "verify"])
def test_a_folder_is_no_store(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = here(capsys, command, "--state", tmp_path)
    assert ended.code == 2
    assert is_one_clear_message(ended.err, "is not a file")


@pytest.mark.parametrize("command", ["status", "log", "verify"])
def test_other_bytes_are_damage(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "noise.db"
    path.write_bytes(bytes(range(256)) * 64)
    ended = here(capsys, command, "--state", path)
    assert ended.code == 5
    assert "Traceback" not in ended.err


def test_an_empty_file_is_no_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "empty.db"
    path.write_bytes(b"")
    ended = here(capsys, "status", "--state", path)
    assert ended.code == 2
    assert is_one_clear_message(ended.err, "not a store")


def test_a_store_without_a_rollout_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "new.db"
    open_store(path, create=True, relaxed=True).close()
    ended = here(capsys, "status", "--state", path)
    assert ended.code == 2
    assert is_one_clear_message(ended.err, "holds no rollout yet")
    assert here(capsys, "verify", "--state", path).code == 0


def test_a_locked_store_is_unreachable(held: Path) -> None:
    connection = sqlite3.connect(held, isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    try:
        ended = alone("status", "--state", held)
    finally:
        connection.execute("ROLLBACK")
        connection.close()
    assert ended.code == 4
    assert is_one_clear_message(ended.err, "locked")


def test_reading_leaves_the_file_as_it_was(held: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = held.read_bytes()
    copy = held.with_name("copy.db")
    shutil.copy(held, copy)
    for command in ("status", "log", "verify"):
        here(capsys, command, "--state", held)
    assert held.read_bytes() == before
    assert sorted(p.name for p in held.parent.iterdir()) == ["copy.db", "held.db"]


@pytest.mark.parametrize("command", ["status", "log", "verify"])
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_the_quick_commands_load_nothing_heavy(
    command: str, form: list[str], completed: Path
) -> None:
    assert not modules_after([command, "--state", completed, *form]) & HEAVY
