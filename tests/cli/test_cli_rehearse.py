"""`rehearse`: what it prints, writes and ends with. The world's figures are tested elsewhere."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import live_processes
import pytest
from commands import PLAN, ROOT, Ended, here

from rollout.cli.rehearse import code_of_outcome
from rollout.domain.state import RolloutState

KEYS = [
    "plan", "scenario", "seed", "outcome", "phases", "gates", "findings", "runs", "faults",
    "rollback", "events", "log_head", "simulated_s", "wall_s",
]  # fmt: skip
"""The design, section 10."""

WORLD = {
    "properties": 400, "target_rows": 330, "create_queue": 40, "update_queue": 90, "high_priority": 20,
    "wrong_flags": 15, "shared_ids": 41, "company_gaps": 7, "organic": "false",
}  # fmt: skip
SMALL = [word for name, value in WORLD.items() for word in ("--set", f"world.{name}={value}")]
SHORT = ["--set", "expected_creates=5", *SMALL]
"""The first gate expects the wrong queue, so the rehearsal of this small world ends there."""


@pytest.fixture(autouse=True)
def _from_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def rehearse(capsys: pytest.CaptureFixture[str], *arguments: object) -> Ended:
    return here(capsys, "rehearse", PLAN, *SHORT, *arguments)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ended, Path]:
    """How a rehearsal ended as data, and the folder with its state and reports."""
    folder = tmp_path_factory.mktemp("kept")
    places = ("--state", folder / "rehearsal.db", "--out", folder / "reports")
    return Ended(*live_processes.here("rehearse", PLAN, *SHORT, "--json", *places)), folder


@pytest.fixture
def folder(kept: tuple[Ended, Path], tmp_path: Path) -> Path:
    """A copy of what was kept."""
    return Path(shutil.copytree(kept[1], tmp_path / "kept"))


def test_json_is_one_object_with_exactly_the_agreed_keys(kept: tuple[Ended, Path]) -> None:
    ended = kept[0]
    found: dict[str, Any] = ended.json()
    assert (ended.code, ended.err) == (1, "")
    assert list(found) == KEYS
    assert (found["outcome"], found["scenario"], found["seed"]) == ("held", "planned", 1)
    assert found["phases"][0] == {"id": "pilot", "state": "held", "attempts": 1}
    (gate,) = found["gates"]
    assert set(gate) == {"phase", "gate", "attempt", "decision", "checks"}
    assert gate["decision"] == "no_go"
    failed = [c for c in gate["checks"] if c["verdict"] == "fail"]
    assert all(
        set(check)
        == {"id", "kind", "verdict", "observed", "condition", "reason", "shadow", "samples",
            "evidence"}
        for check in gate["checks"]
    )  # fmt: skip
    assert any("of 5" in check["condition"] for check in failed)
    assert {f["check"] for f in found["findings"]} == {c["id"] for c in failed}
    assert set(found["findings"][0]) == {"id", "check", "phase", "severity", "state"}
    assert (found["faults"], found["rollback"]) == ([], None)


def test_words_end_with_the_outcome(capsys: pytest.CaptureFixture[str]) -> None:
    ended = rehearse(capsys, "--ascii")
    assert (ended.code, ended.err) == (1, "")
    assert ended.out.splitlines()[-1] == "outcome held: 0 of 5 phases passed; gate 1 no_go"
    assert "gate 1, foundation_ready (pilot, before the phase): NO-GO" in ended.out
    assert "because: " in ended.out
    assert ended.out.isascii()


def test_reports_are_written_where_asked(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, store = folder / "reports", folder / "rehearsal.db"
    assert sorted(p.name for p in out.iterdir()) == [
        "index.html",
        "index.md",
        "junit.xml",
        *(f"pilot-1-entry-foundation_ready-1.{form}" for form in ("html", "json", "md", "xml")),
        "summary.json",
    ]
    again = tmp_path / "again"
    assert here(capsys, "report", "--state", store, "--all", "--out", again).code == 0
    for path in again.iterdir():
        assert path.read_bytes() == (out / path.name).read_bytes(), path.name
    assert list(json.loads((out / "summary.json").read_text(encoding="utf-8"))) == KEYS
    page = (out / "pilot-1-entry-foundation_ready-1.md").read_text(encoding="utf-8")
    assert page.startswith("# NO-GO: ")


def test_a_state_is_kept_verifies_and_is_not_overwritten(
    kept: tuple[Ended, Path], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state, head = folder / "rehearsal.db", kept[0].json()["log_head"]
    verified = here(capsys, "verify", "--state", state, "--json")
    assert (verified.code, verified.json()["head"]) == (0, head)
    status = here(capsys, "status", "--state", state, "--json").json()
    assert (status["profile"], status["head"]) == ("rehearsal", head)
    assert status["gates"][0]["checks"][0]["title"] != status["gates"][0]["checks"][0]["id"]
    again = rehearse(capsys, "--state", state)
    assert again.code == 2
    assert "--resume" in again.err
    resumed = rehearse(capsys, "--json", "--state", state, "--resume").json()
    assert resumed["log_head"] == head


@pytest.mark.parametrize("how", [(), ("--by-hand",)])
def test_a_kept_rehearsal_goes_on_in_its_own_world_only(
    how: tuple[str, ...], kept: tuple[Ended, Path], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state, journal = folder / "rehearsal.db", folder / "rehearsal.db.world.jsonl"
    before = (state.read_bytes(), journal.read_bytes())
    for other, advice in (
        (("--scenario", "day3"), "add --scenario planned"),
        (("--seed", 2), "add --seed 1"),
    ):
        ended = rehearse(capsys, "--state", state, "--resume", *how, *other)
        assert ended.code == 2
        assert "this rehearsal began with the" in ended.err
        assert advice in ended.err
    assert (state.read_bytes(), journal.read_bytes()) == before
    assert here(capsys, "verify", "--state", state).code == 0


def test_the_same_seed_gives_the_same_log(
    kept: tuple[Ended, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    def head(*arguments: object) -> str:
        return str(rehearse(capsys, "--json", *arguments).json()["log_head"])

    first = kept[0].json()["log_head"]
    assert head() == first
    assert head("--seed", 2) != first


def test_settings_reach_the_scripted_lead(capsys: pytest.CaptureFixture[str]) -> None:
    ended = rehearse(capsys, "--json", "--set", "operator.on_no_go=abort")
    assert (ended.code, ended.json()["outcome"]) == (1, "aborted")


@pytest.mark.parametrize(
    ("setting", "word"),
    [
        ("nonsense", "key=value"),
        ("=3", "key=value"),
        ("expected_crates=3", "expected_creates"),
        ("expected_creates=many", "expected_creates"),
        ("operator.on_no_go=dance", "operator.on_no_go"),
        ("operator.nothing=1", "operator.nothing"),
        ("world.nothing=1", "nothing"),
        ("faults.0.id=x", "operator.*"),
    ],
)
def test_a_wrong_setting_is_2_and_named(
    setting: str, word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = here(capsys, "rehearse", PLAN, "--set", setting)
    assert (ended.code, ended.out) == (2, "")
    assert word in ended.err
    assert "bug" not in ended.err


def test_an_unknown_scenario_is_2_with_those_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    ended = rehearse(capsys, "--scenario", "day4")
    assert ended.code == 2
    assert "day3" in ended.err


def test_a_missing_plan_is_2(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert here(capsys, "rehearse", tmp_path / "none.yaml").code == 2


def test_resume_without_a_state_is_2(capsys: pytest.CaptureFixture[str]) -> None:
    ended = rehearse(capsys, "--resume")
    assert ended.code == 2
    assert "--state" in ended.err


def test_reports_cannot_be_written_into_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "file"
    place.write_text("", encoding="utf-8")
    ended = rehearse(capsys, "--out", place)
    assert ended.code == 2
    assert "name a folder" in ended.err


@pytest.mark.parametrize(
    ("outcome", "code"), [("completed", 0), ("held", 1), ("rolled_back", 1), ("aborted", 1)]
)
def test_every_outcome_has_its_code(outcome: str, code: int) -> None:
    assert code_of_outcome(outcome, RolloutState()) == code
