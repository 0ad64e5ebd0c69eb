"""`sync`, `monitor`, `findings`, `runbook`: the pictures that the screens show too, as commands."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from builders import Story, held_story, store_file
from commands import PLAN, here, is_one_clear_message, modules_after
from test_cli_quick import HEAVY
from view_stories import ended, looked_at, started, sync_plan, triggered, watch_plan, watched

from rollout.cli.picture import present
from rollout.domain.events import FindingResolved
from rollout.domain.state import RolloutState
from rollout.view.command_lines import command_of
from rollout.view.model import ChoiceView


def _run(story: Story) -> Story:
    story.plan = sync_plan()
    return ended(looked_at(triggered(started(story)), 0, 20, 50))


def _closed(story: Story) -> Story:
    held_story(story)
    return story.add(
        FindingResolved(finding="pilot-1-empty_keys", how="resolved", by="ann", reason="mended")
    )


def _watch(story: Story) -> Story:
    story.plan = watch_plan()
    return watched(story)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A store whose pilot has run sync_a."""
    store_file(tmp_path / "run.db", _run)
    return tmp_path / "run.db"


def test_sync_shows_the_one_run_last(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = here(capsys, "sync", "--state", run, "--width", 80).out
    assert "Sync A (sync_a, 101, upsert)" in out
    assert "50 of 50 rows" in out
    assert "4  too long" in out


def test_sync_in_json_is_the_same_picture(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = here(capsys, "sync", "sync_b", "--state", run, "--json").json()
    assert (found["sync"], found["state"]["state"]) == ("sync_b", "IDLE")


def test_sync_for_ears_draws_nothing(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = here(capsys, "sync", "--state", run, "--plain").out
    assert "stops the run at > 10 %" in out
    assert "━" not in out


def test_an_unknown_sync_is_refused_with_those_there_are(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ended_ = here(capsys, "sync", "sync_c", "--state", run)
    assert ended_.code == 2
    assert is_one_clear_message(ended_.err, "'sync_c'", "sync_a, sync_b")


def test_a_plan_without_syncs_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store_file(tmp_path / "s.db", lambda story: story.begin())
    ended_ = here(capsys, "sync", "--state", tmp_path / "s.db")
    assert ended_.code == 2
    assert is_one_clear_message(ended_.err, "has no sync")


def test_monitor_shows_the_watch_in_every_form(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store_file(tmp_path / "w.db", _watch)
    state = ("monitor", "--state", tmp_path / "w.db")
    assert "COUNTING 19h left" in here(capsys, *state, "--width", 80).out
    assert here(capsys, *state, "--json").json()["coverage"]["answered"] == 6
    assert "RUN: COUNTING 19h left" in here(capsys, *state, "--plain").out
    assert here(capsys, *state, "--ascii").out.isascii()


def test_findings_are_the_open_ones_unless_all_are_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store_file(tmp_path / "h.db", _closed)
    state = ("findings", "--state", tmp_path / "h.db")
    assert here(capsys, *state).out == "No findings: no check has blocked anything so far.\n"
    assert "resolved by ann: mended" in here(capsys, *state, "--all", "--width", 200).out
    assert here(capsys, *state, "--all", "--json").json()["closed"][0]["check"] == "empty_keys"
    assert here(capsys, *state, "--exit-code").code == 0


def test_findings_can_be_asked_for_in_a_script(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store_file(tmp_path / "h.db", held_story)
    assert here(capsys, "findings", "--state", tmp_path / "h.db", "--exit-code").code == 1
    assert here(capsys, "findings", "--state", tmp_path / "h.db").code == 0


def test_runbook_says_what_to_do_now(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store_file(tmp_path / "h.db", held_story)
    state = ("runbook", "--state", tmp_path / "h.db")
    assert "$ rollout decide resume" in here(capsys, *state).out
    assert here(capsys, *state, "--json").json()["trouble"][0]["check"] == "empty_keys"
    assert "FAIL: The pilot: held" in here(capsys, *state, "--plain").out


def test_a_log_can_be_filtered_as_in_the_tui(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store_file(tmp_path / "h.db", held_story)
    log = ("log", "--state", tmp_path / "h.db")
    lines = here(capsys, *log, "--filter", "phase:pilot EMPTY_KEYS").out.splitlines()
    whole = here(capsys, *log).out.splitlines()
    assert lines == [line for line in whole if "empty_keys" in line]
    assert here(capsys, *log, "--filter", "empty_keys", "--limit", 2).out.splitlines() == lines[-2:]
    first = here(capsys, *log, "--filter", "empty_keys", "--after", 0, "--limit", 1)
    assert first.out.splitlines() == lines[:1]
    kinds = here(capsys, *log, "--filter", "kind:measured", "--kind", "gate_decided")
    assert len(kinds.out.splitlines()) == 4


def test_a_filter_that_cannot_be_read_is_a_misuse(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store_file(tmp_path / "h.db", held_story)
    ended_ = here(capsys, "log", "--state", tmp_path / "h.db", "--filter", "kind:mesured")
    assert ended_.code == 2
    assert is_one_clear_message(ended_.err, "did you mean measured?")


@pytest.mark.parametrize("command", ["sync", "monitor", "findings", "runbook"])
def test_the_pictures_load_nothing_heavy(command: str, run: Path) -> None:
    assert not modules_after([command, "--state", run]) & HEAVY


def test_only_production_goes_by_the_machines_clock() -> None:
    past = datetime(2020, 1, 1, tzinfo=UTC)
    assert present(RolloutState(profile="rehearsal", latest_at=past)) == past
    assert present(RolloutState(profile="prod", latest_at=past)) > past + timedelta(days=365)
    ahead = datetime(2999, 1, 1, tzinfo=UTC)
    assert present(RolloutState(profile="prod", latest_at=ahead)) == ahead


ACTIONS = (
    *("proceed", "hold", "resume", "retry", "restart", "roll_back", "abort", "end"),
    *("settle", "attest", "sign", "waive", "adopt_plan"),
)


@pytest.mark.parametrize("action", ACTIONS)
def test_every_command_that_a_runbook_shows_can_be_typed(
    action: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It gets past the parser: what is missing is only the store."""
    choice = ChoiceView(action=action, subject="it's", roles=["sales_ops"], why="", awaited=True)
    said = command_of(choice).replace("NAME", "ann").replace("TEXT", "because")
    said = said.replace("PLAN", shlex.quote(str(PLAN)))
    arguments = shlex.split(said.replace(" N ", " 7 "))[1:]
    ended_ = here(capsys, *arguments, "--state", tmp_path / "none.db")
    assert "there is no store" in ended_.err, ended_.err
