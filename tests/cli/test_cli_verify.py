"""`verify --head`: a head that was noted elsewhere, held against the log."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path

import pytest
from builders import NAME, Story, completed_story, held_story, make_plan, store_file
from commands import here, is_one_clear_message, modules_after
from test_cli_quick import HEAVY

from rollout.store.opening import open_store

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def held(tmp_path: Path) -> Path:
    path = tmp_path / "held.db"
    store_file(path, held_story)
    return path


def noted(capsys: Capture, path: Path) -> str:
    """What somebody writes down: number and hash as `status --json` gives them."""
    said = here(capsys, "status", "--state", path, "--json").json()
    return f"{said['events']}:{said['head']}"


def goes_on(path: Path) -> None:
    """The rollout that was held goes on."""
    with open_store(path, create=False) as store:
        story = Story(log=store.log, evidence=store.evidence)
        story.stage("pilot", "resume", "held", "entry_gate")


def test_a_noted_head_is_found_and_said(held: Path, capsys: Capture) -> None:
    ended = here(capsys, "verify", "--state", held, "--head", noted(capsys, held))
    assert (ended.code, ended.err) == (0, "")
    assert f"head {noted(capsys, held)}, 1 noted before is in it" in ended.out
    earlier = noted(capsys, held)
    goes_on(held)
    both = ("--head", earlier, "--head", noted(capsys, held).upper())
    ended = here(capsys, "verify", "--state", held, *both, "--rollout", NAME)
    assert (ended.code, "2 noted before are in it" in ended.out) == (0, True)


def test_an_older_copy_of_the_store_shows_by_a_noted_head_alone(
    held: Path, capsys: Capture
) -> None:
    backup = held.with_name("backup.db")
    shutil.copyfile(held, backup)
    goes_on(held)
    head = noted(capsys, held)
    shutil.copyfile(backup, held)
    assert here(capsys, "verify", "--state", held).code == 0
    ended = here(capsys, "verify", "--state", held, "--head", head)
    assert ended.code == 5
    assert f"{NAME} #13: is missing" in ended.out
    assert "the log ends at #12" in ended.out
    assert is_one_clear_message(ended.err, "restore a backup that has every head", "decide nothing")
    found = here(capsys, "verify", "--state", held, "--head", head, "--json")
    assert (found.code, found.json()["ok"], len(found.json()["problems"])) == (5, False, 1)


def test_a_cut_end_shows_by_a_noted_head_alone(held: Path, capsys: Capture) -> None:
    head = noted(capsys, held)
    with sqlite3.connect(held) as raw:
        (guard,) = raw.execute("SELECT sql FROM sqlite_master WHERE name = 'events_remain'")
        raw.execute("DROP TRIGGER events_remain")
        raw.execute("DELETE FROM events WHERE seq > 9")
        raw.execute(*guard)
    raw.close()
    assert here(capsys, "verify", "--state", held).code == 0
    ended = here(capsys, "verify", "--state", held, "--head", head)
    assert (ended.code, "the log ends at #9" in ended.out) == (5, True)


def test_another_hash_of_an_event_is_5(held: Path, capsys: Capture) -> None:
    ended = here(capsys, "verify", "--state", held, "--head", f"4:{'ab' * 32}")
    assert ended.code == 5
    assert f"{NAME} #4: was noted as 4:abababababab… and has the hash" in ended.out


def test_a_head_of_another_rollout_names_its_owner(held: Path, capsys: Capture) -> None:
    head = noted(capsys, held)
    with open_store(held, create=False) as store:
        plan = make_plan(plan="later")
        Story(plan=plan, log=store.log, evidence=store.evidence).wait(days=1).begin()
    ended = here(capsys, "verify", "--state", held, "--head", head)
    assert (ended.code, f"say `--rollout {NAME}`" in ended.out) == (5, True)
    assert here(capsys, "verify", "--state", held, "--head", head, "--rollout", NAME).code == 0
    ended = here(capsys, "verify", "--state", held, "--head", head, "--rollout", "gone")
    assert ended.code == 5
    assert "gone #12: the log is gone" in ended.out
    assert "later" in ended.out


def test_a_store_without_any_rollout_lacks_every_head(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "new.db"
    open_store(path, create=True, relaxed=True).close()
    ended = here(capsys, "verify", "--state", path, "--head", f"1:{'0' * 64}")
    assert (ended.code, "it holds no rollout" in ended.out) == (5, True)


def test_of_a_log_that_cannot_be_read_to_its_end_nothing_is_called_missing(
    held: Path, capsys: Capture
) -> None:
    head = noted(capsys, held)
    with sqlite3.connect(held) as raw:
        for name in ("events_stay", "events_follow"):
            raw.execute(f"DROP TRIGGER {name}")
        raw.execute("UPDATE events SET at = x'00' WHERE seq = 9")
    raw.close()
    ended = here(capsys, "verify", "--state", held, "--head", head)
    assert (ended.code, "is missing: it was noted" in ended.out) == (5, False)
    assert "what follows was not checked" in ended.out


@pytest.mark.parametrize(
    "head",
    ["", "12", "0:" + "a" * 64, "-1:" + "a" * 64, "12:abc", "12 " + "a" * 64, "١:" + "a" * 64],
)
def test_a_malformed_head_is_2_with_an_example(head: str, held: Path, capsys: Capture) -> None:
    ended = here(capsys, "verify", "--state", held, f"--head={head}")
    assert (ended.code, ended.out) == (2, "")
    assert is_one_clear_message(ended.err, "SEQ:HASH", "e.g. 25:9f86d081", "status --json")


def test_a_rollout_without_a_head_is_2(held: Path, capsys: Capture) -> None:
    ended = here(capsys, "verify", "--state", held, "--rollout", NAME)
    assert (ended.code, ended.out) == (2, "")
    assert is_one_clear_message(ended.err, "add `--head SEQ:HASH`")


def test_every_place_that_the_help_names_gives_the_same_head(
    tmp_path: Path, capsys: Capture
) -> None:
    path = tmp_path / "completed.db"
    store_file(path, completed_story)
    head = noted(capsys, path)
    seq, digest = head.split(":")
    said = here(capsys, "verify", "--state", path, "--json").json()
    assert said["heads"] == {NAME: {"seq": int(seq), "hash": digest}}
    assert f"head {head}\n" in here(capsys, "verify", "--state", path).out
    (event,) = here(capsys, "log", "--state", path, "--json", "--limit", "1").out.splitlines()
    assert (json.loads(event)["seq"], json.loads(event)["hash"]) == (int(seq), digest)
    for form, ending in (("html", "html"), ("markdown", "md"), ("json", "json")):
        page = tmp_path / f"gate.{ending}"
        ended = here(
            capsys, "report", "--state", path, "--gate", "ready", "--format", form, "--out", page
        )
        assert ended.code == 0, ended.err
        assert (f"--head {head}" in page.read_text()) == (form != "json")
    verify = json.loads((tmp_path / "gate.json").read_text())["verify"]
    assert (verify["log_seq"], verify["log_head"]) == (int(seq), digest)


def test_it_starts_quickly_with_a_head(held: Path, capsys: Capture) -> None:
    head = noted(capsys, held)
    assert not modules_after(["verify", "--state", held, "--head", head]) & HEAVY
