"""`report`: from a store to a page, and every way in which it can be asked wrongly."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from builders import PASS, Story, completed_story, held_story, make_plan, store_file
from commands import alone, here, is_one_clear_message
from postgres_server import PASSWORD, Server

from rollout.domain.evidence import Decision
from rollout.store.opening import open_store
from rollout.store.reading import Reader


@pytest.fixture
def held(tmp_path: Path) -> Path:
    path = tmp_path / "held.db"
    store_file(path, held_story)
    return path


@pytest.fixture
def completed(tmp_path: Path) -> Path:
    path = tmp_path / "completed.db"
    store_file(path, completed_story, snapshot=True)
    return path


def test_the_page_goes_to_stdout_and_nothing_else_does(
    held: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = here(capsys, "report", "--state", held)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("<!DOCTYPE html>")
    assert "NO-GO" in ended.out


def test_the_form_follows_the_name_of_the_file(
    held: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, begins in (
        ("a.html", "<!DOCTYPE"),
        ("a.md", "# NO-GO"),
        ("a.json", "{"),
        ("a.xml", "<?xml"),
    ):
        path = tmp_path / "deep" / name
        ended = here(capsys, "report", "--state", held, "--out", path)
        assert (ended.code, ended.out) == (0, f"{path}\n")
        assert path.read_text(encoding="utf-8").startswith(begins)


def test_json_is_the_report_as_data_or_says_what_was_written(
    held: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = here(capsys, "report", "--state", held, "--json").json()
    assert found["decision"] == "no_go"
    path = tmp_path / "a.html"
    said = here(capsys, "report", "--state", held, "--json", "--out", path).json()
    assert said["gate"]["gate"] == "ready"
    assert (said["seq"], said["files"], said["form"]) == (12, [str(path)], "html")


def test_a_folder_gets_an_index_and_every_gate(
    completed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "reports"
    ended = here(capsys, "report", "--state", completed, "--all", "--out", folder, "--json")
    assert ended.json()["gates"] == 3
    names = {path.name for path in folder.iterdir()}
    assert {Path(f).name for f in ended.json()["files"]} == names
    assert "index.html" in names
    again = here(capsys, "report", "--state", completed, "--phase", "full", "--out", f"{folder}/")
    assert again.code == 0
    assert "full-1-exit-all_done-1.html" in (folder / "index.html").read_text(encoding="utf-8")
    assert "pilot-1-entry" not in (folder / "index.html").read_text(encoding="utf-8")


def test_a_gate_is_chosen_by_name_and_place(
    completed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = here(
        capsys, "report", "--state", completed, "--gate", "verified", "--phase", "pilot",
        "--attempt", "1", "--moment", "exit", "--round", "1", "--json",
    ).json()  # fmt: skip
    assert found["gate"] == "verified"
    assert found["sign_off"]["missing"] == []


def test_an_older_report_comes_out_again_byte_for_byte(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "log.db"
    store_file(path, held_story)
    before = here(capsys, "report", "--state", path, "--gate", "ready").out
    with open_store(path, create=False) as store:
        story = Story(log=store.log, evidence=store.evidence)
        story.stage("pilot", "resume_entry_gate", "held", "entry_gate").wait(hours=1)
        story.gate("pilot", "entry", "ready", {"empty_keys": PASS}, Decision.GO, round=2)
    assert here(capsys, "report", "--state", path, "--gate", "ready").out != before
    again = here(capsys, "report", "--state", path, "--gate", "ready", "--at", "12")
    assert again.out == before


def test_the_same_bytes_from_another_process_zone_locale_and_hash_seed(
    held: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = here(capsys, "report", "--state", held).out
    other = alone(
        "report", "--state", held,
        env={"TZ": "Asia/Kolkata", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "77", "LANG": "de_DE"},
    )  # fmt: skip
    assert other.out == first


def test_a_gate_is_told_in_the_words_of_the_plan_it_was_decided_under(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "log.db"

    def tell(story: Story) -> Story:
        other = make_plan(title="Another plan")
        gates = {**other.gates, "ready": other.gates["ready"].model_copy(update={"title": "New"})}
        held_story(story).adopt(other.model_copy(update={"gates": gates}), "pilot", gates=["ready"])
        return story

    store_file(path, tell)
    found = here(capsys, "report", "--state", path, "--gate", "ready", "--json").json()
    assert found["title"] == "Everything is ready"
    assert found["standing"] == "The plan was changed since, in event 13: this gate is asked anew."


def test_a_store_of_an_earlier_version_can_still_be_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "log.db"

    def tell(story: Story) -> Story:
        document = story.plan.model_dump(mode="json", by_alias=True)
        for gate in document["gates"].values():
            for check in gate["checks"]:
                del check["show_keys"]  # what an earlier version did not have
        story.begin(plan_sha256=story.evidence.put(document))
        story.stage("pilot", "open_entry", "pending", "entry_gate")
        return story.gate("pilot", "entry", "ready", {"empty_keys": PASS}, Decision.GO)

    store_file(path, tell)
    assert (
        here(capsys, "report", "--state", path, "--json").json()["title"] == "Everything is ready"
    )
    assert here(capsys, "export", "evidence", "--state", path).code == 0


def test_a_plan_of_a_later_version_is_explained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "log.db"

    def tell(story: Story) -> Story:
        document = {**story.plan.model_dump(mode="json", by_alias=True), "unheard_of": 1}
        story.begin(plan_sha256=story.evidence.put(document))
        return story.gate("pilot", "entry", "ready", {"empty_keys": PASS}, Decision.GO)

    store_file(path, tell)
    ended = here(capsys, "report", "--state", path)
    assert ended.code == 2
    assert is_one_clear_message(ended.err, "of another version of rollout", "use that version")


def test_a_store_is_only_read(held: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = held.read_bytes()
    held.chmod(0o400)
    assert here(capsys, "report", "--state", held).code == 0
    assert held.read_bytes() == before
    assert sorted(p.name for p in held.parent.iterdir()) == ["held.db"]


def test_a_log_that_grows_meanwhile_changes_nothing_in_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "log.db"
    store_file(path, held_story)
    before = here(capsys, "report", "--state", path).out
    with open_store(path, create=False) as store:
        story = Story(log=store.log, evidence=store.evidence)
        reading = Reader.payloads

        def read_late(self: Reader, *said: Any, **more: Any) -> Any:
            """The controller appends between our folding and our looking at what was measured."""
            story.gate("pilot", "entry", "ready", {"empty_keys": PASS}, Decision.GO, round=2)
            return reading(self, *said, **more)

        monkeypatch.setattr(Reader, "payloads", read_late)
        assert here(capsys, "report", "--state", path).out == before
        assert store.log.head("two-phases").seq > 12


def test_a_shared_database_gives_the_same_bytes_as_a_file(
    postgres: Server,
    held: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    url = postgres.new_schema().replace(f":{quote(PASSWORD, safe='')}@", "@")
    with open_store(url, create=True, relaxed=True) as store:
        held_story(Story(log=store.log, evidence=store.evidence))
    for form in ("html", "json", "markdown", "junit"):
        from_file = here(capsys, "report", "--state", held, "--format", form)
        from_database = here(capsys, "report", "--state", url, "--format", form)
        assert from_database.out == from_file.out
        assert (from_database.code, from_database.err) == (0, "")
    exported = here(capsys, "export", "--state", url).out
    assert exported == here(capsys, "export", "--state", held).out


def test_the_exit_code_tells_the_decision_when_asked(
    held: Path, completed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert here(capsys, "report", "--state", held).code == 0
    assert here(capsys, "report", "--state", held, "--exit-code").code == 1
    assert here(capsys, "report", "--state", completed, "--exit-code").code == 0


# asked wrongly ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--gate", "verified"], ["verified was not asked yet", "asked so far: ready"]),
        (["--gate", "nonsense"], ["nonsense is no gate of this plan"]),
        (["--gate", "ready", "--round", "9"], ["no evaluation fits"]),
        (["--format", "pdf"], ["'pdf' is no form", "html, markdown, json, junit"]),
        (["--all"], ["name one with --out DIR"]),
        (["--at", "99"], ["no event #99", "ends at #12"]),
        (["--rollout", "other"], ["has no rollout 'other'"]),
        (["--phase", "full", "--out", "there/"], ["no gate was decided"]),
    ],
)
def test_what_cannot_be_reported_is_explained(
    arguments: list[str],
    words: list[str],
    held: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = here(capsys, "report", "--state", held, *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert is_one_clear_message(ended.err, *words)


def test_a_rollout_without_gates_has_no_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "young.db"
    store_file(path, lambda story: story.begin())
    ended = here(capsys, "report", "--state", path)
    assert ended.code == 2
    assert is_one_clear_message(ended.err, "no gate was asked yet")


def test_a_missing_store_and_a_folder_that_is_a_file_are_explained(
    held: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert here(capsys, "report", "--state", tmp_path / "none.db").code == 2
    ended = here(capsys, "report", "--state", held, "--all", "--out", held)
    assert ended.code == 2
    assert is_one_clear_message(ended.err, "is a file, name a folder")


def test_lost_evidence_is_damage_and_no_empty_report(
    held: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import sqlite3

    found = here(capsys, "report", "--state", held, "--json").json()
    digest = found["checks"][0]["evidence"]
    with sqlite3.connect(held) as store:
        triggers = store.execute("SELECT name FROM sqlite_master WHERE type='trigger'").fetchall()
        for (name,) in triggers:
            store.execute(f"DROP TRIGGER {name}")
        store.execute("DELETE FROM evidence WHERE digest = ?", (digest,))
    ended = here(capsys, "report", "--state", held)
    assert ended.code == 5
    assert is_one_clear_message(ended.err, "is missing", "rollout verify")
