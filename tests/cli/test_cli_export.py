"""`export`: the store as data; tables that spreadsheets only show; every way to ask wrongly."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from builders import held_story, store_file
from commands import here, is_one_clear_message
from hostile import PAYLOADS, STEERS, hostile_story, in_turn

from rollout.domain.chain import SealedEvent, genesis, verify
from rollout.domain.events import decode_payload, encode_payload
from rollout.store.opening import open_store


@pytest.fixture
def held(tmp_path: Path) -> Path:
    path = tmp_path / "held.db"
    store_file(path, held_story)
    return path


def records(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_the_log_comes_out_whole_and_its_chain_can_be_followed(
    held: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = records(here(capsys, "export", "--state", held).out)
    assert [r["seq"] for r in found] == list(range(1, 13))
    sealed = [
        SealedEvent(
            rollout=r["rollout"], seq=r["seq"], at=r["at"], actor=r["actor"], kind=r["kind"],
            version=1, payload=encode_payload(decode_payload(json.dumps(r["payload"]).encode())),
            prev=r["prev"], hash=r["hash"],
        )
        for r in found
    ]  # fmt: skip
    assert sealed[0].prev == genesis("two-phases")
    assert verify(sealed, rollout="two-phases") == []


def test_only_what_came_after_an_event(held: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = records(here(capsys, "export", "events", "--state", held, "--after", "10").out)
    assert [r["seq"] for r in found] == [11, 12]


def test_every_measured_figure_is_a_row(held: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ended = here(capsys, "export", "measurements", "--format", "csv", "--state", held)
    rows = list(csv.DictReader(io.StringIO(ended.out, newline="")))
    assert [(r["check"], r["metric"], r["value"], r["verdict"]) for r in rows] == [
        ("empty_keys", "rows", "3", "fail"),
        ("told", "rows", "0", "pass"),
        ("drift", "rows", "9", "fail"),
    ]
    assert rows[0]["at"] == "2026-01-05T17:00:00Z"


def test_samples_come_out_with_hashed_keys_unless_asked(
    held: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = here(capsys, "export", "evidence", "--state", held)
    assert "a1b2" not in ended.out
    first = records(ended.out)[0]
    assert first["sample"] == [{"company": "Acme", "n": 3, "property_key": "85337816d263"}]
    assert first["query"] == "SELECT 1"
    assert "a1b2" in here(capsys, "export", "evidence", "--state", held, "--show-keys").out


def test_findings_are_told_as_they_are_now(
    held: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "deep" / "findings.csv"
    ended = here(capsys, "export", "findings", "--format", "csv", "--state", held, "--out", path)
    assert ended.out == f"{path}\n"
    with path.open(newline="", encoding="utf-8") as file:
        [row] = list(csv.DictReader(file))
    assert (row["finding"], row["severity"], row["state"]) == ("pilot-1-empty_keys", "P1", "open")
    assert path.read_bytes().count(b"\r\n") == 2


@pytest.mark.parametrize("what", ["events", "findings", "measurements", "evidence"])
def test_no_attack_is_run_by_a_spreadsheet_or_steers_a_terminal(
    what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "hostile.db"
    with open_store(path, create=True, relaxed=True) as store:
        story = hostile_story(in_turn(0))
        for event in story.events():
            seq = store.log.head("two-phases").seq
            store.log.append("two-phases", seq, event.at, "somebody", [event.payload])
            digest = getattr(event.payload, "evidence", None)
            if digest:
                store.evidence.put(story.evidence.get(digest))
        store.evidence.put(story.plan.model_dump(mode="json", by_alias=True))
    assert set(PAYLOADS)
    for form in ("csv", "jsonl"):
        ended = here(capsys, "export", what, "--format", form, "--state", path)
        assert (ended.code, ended.err) == (0, "")
        assert not STEERS.search(ended.out.replace("\r\n", "\n"))
        assert ended.out.count("\n") > 1 or what == "findings"
    for row in csv.reader(io.StringIO(here(
        capsys, "export", what, "--format", "csv", "--state", path
    ).out, newline="")):  # fmt: skip
        assert not [cell for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["everything"], ["no table 'everything'", "events, findings, measurements, evidence"]),
        (["--format", "xlsx"], ["'xlsx' is no format", "jsonl or csv"]),
        (["findings", "--after", "3"], ["leave out --after"]),
        (["--rollout", "other"], ["has no rollout 'other'"]),
    ],
)
def test_what_cannot_be_exported_is_explained(
    arguments: list[str], words: list[str], held: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = here(capsys, "export", "--state", held, *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert is_one_clear_message(ended.err, *words)


def test_a_broken_export_leaves_no_file(
    held: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text("before", encoding="utf-8")
    ended = here(capsys, "export", "findings", "--after", "3", "--state", held, "--out", path)
    assert ended.code == 2
    assert path.read_text(encoding="utf-8") == "before"
    assert [p.name for p in tmp_path.iterdir() if p.name.endswith(".part")] == []
