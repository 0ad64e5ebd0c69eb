"""`rollout rollback --preview`: from the log alone, and what it says when nobody can look."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders import Story, make_plan
from commands import Ended, here, is_one_clear_message

from rollout.domain import events as e
from rollout.store.opening import open_store
from rollout.wiring import installed_kinds, read_plan

SHIPPED = Path(__file__).parents[2] / "plans" / "property_sync.yaml"


def stored(tmp_path: Path, profile: str = "prod", plan: Path | None = SHIPPED) -> Path:
    """The shipped plan in the middle of its pilot: a run of ours goes on."""
    path = tmp_path / "rollout.db"
    made = read_plan(plan, installed_kinds()) if plan else make_plan()
    with open_store(path, create=True, profile=profile) as store:
        story = Story(made, log=store.log, evidence=store.evidence).begin(profile=profile)
        first = made.phases[0].phase
        story.stage(first, "open_entry", "pending", "entry_gate")
        story.stage(first, "proceed", "ready", "running")
        if plan is not None:
            story.add(e.StepStarted(phase=first, attempt=1, step="pilot_a"))
            story.add(
                e.RunObserved(
                    sync="sync_a", run_id=7, phase=first, attempt=1, ours=True, status="working",
                    processed=20, accepted=20, failed=0, invalid=0,
                )
            )  # fmt: skip
    return path


def preview(capsys: pytest.CaptureFixture[str], state: Path, *more: object) -> Ended:
    return here(capsys, "rollback", "--preview", "--state", state, *more)


def test_from_the_log_alone_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = stored(tmp_path)
    ended = preview(capsys, state, "--log-only")
    assert (ended.code, ended.err) == (0, "")
    assert "preview of a rollback of everything" in ended.out
    assert "from the log alone (as you asked)" in ended.out
    assert "run 7 of sync_a (ours) is working" in ended.out
    assert "<= 20  created or updated" in ended.out
    assert "rollout decide rollback --by NAME" in ended.out


def test_as_data_it_has_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = preview(capsys, stored(tmp_path), "--log-only", "--json", "--scope", "pilot").json()
    assert (found["scope"], found["looked_at"], found["refused"]) == ("pilot", None, "")
    assert [s["step"] for s in found["steps"]][:4] == [
        "stop_a",
        "stop_b",
        "way_back_runs",
        "way_back_scope",
    ]


def test_without_its_secrets_nobody_looks_and_it_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SALESFORCE_TOKEN", raising=False)
    ended = preview(capsys, stored(tmp_path))
    assert ended.code == 0
    assert "from the log alone (" in ended.out


def test_of_a_rehearsal_it_is_the_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ended = preview(capsys, stored(tmp_path, "rehearsal"))
    assert "from the log alone (a rehearsal's world is not reached from outside)" in ended.out


def test_a_sandbox_that_nobody_named_is_not_looked_at(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ROLLOUT_SANDBOX", raising=False)
    ended = preview(capsys, stored(tmp_path, "sandbox"), "--json")
    assert "a sandbox needs --sandbox FILE" in ended.json()["source"]


def test_what_cannot_be_rolled_back_ends_with_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = preview(capsys, stored(tmp_path, plan=None), "--log-only")
    assert ended.code == 1
    assert "not possible now: the plan has no `rollback:` section" in ended.out
    assert "To do it" not in ended.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("rollback",), ("only shows", "rollout decide rollback")),
        (("rollback", "--preview", "--scope", "nowhere"), ("no phase 'nowhere'", "pilot")),
        (("rollback", "--preview", "--rollout", "other"), ("no rollout 'other'",)),
    ],
)
def test_misuse_is_one_clear_message(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    words: tuple[str, ...],
) -> None:
    ended = here(capsys, *arguments, "--state", stored(tmp_path))
    assert ended.code == 2
    assert is_one_clear_message(ended.err, *words)


def test_a_store_without_its_plan_is_told_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "rollout.db"
    with open_store(path, create=True, profile="prod") as store:
        Story(make_plan(), log=store.log).begin(profile="prod")
    ended = preview(capsys, path)
    assert ended.code == 2
    assert is_one_clear_message(ended.err, "is not in the store")
