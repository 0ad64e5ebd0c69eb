"""Exit codes, and what goes to stdout and to stderr."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest
from builders import Story, completed_story, held_story, store_file
from commands import alone, here, is_one_clear_message

from rollout.cli import exits
from rollout.domain import errors
from rollout.domain.errors import PlanProblems, RolloutError


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


def raising(error: BaseException) -> exits.Command:
    def command(_argv: Sequence[str]) -> int:
        raise error

    return command


def _unreachable(name: str) -> errors.StoreUnavailable:
    cause = sqlite3.OperationalError("no")
    cause.sqlite_errorname = name
    error = errors.StoreUnavailable("state.db: no")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (PlanProblems(["a:1:1: b"]), 2),
        (errors.ConditionProblem("c"), 2),
        (errors.KindMisused("k"), 2),
        (exits.Misuse("m"), 2),
        (errors.LogConflict("r", 1, 2), 1),
        (errors.LogDamaged("d"), 5),
        (errors.ServiceUnreachable("s"), 4),
        (errors.ServiceRefused("s"), 4),
        (errors.ServiceGarbled("s"), 4),
        (errors.QueryFailed("s"), 4),
        (errors.SignatureRefused("s"), 2),
        (errors.StoreUnavailable("there is no store"), 2),
        (_unreachable("SQLITE_BUSY"), 4),
        (_unreachable("SQLITE_NOTADB"), 5),
        (_unreachable("SQLITE_CORRUPT_VTAB"), 5),
    ],
)
def test_every_error_has_its_code_and_one_message(
    error: RolloutError, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exits.guarded(raising(error), []) == code
    found = capsys.readouterr()
    assert found.out == ""
    assert is_one_clear_message(found.err)


def test_every_error_of_the_package_is_in_that_table() -> None:
    def below(kind: type[RolloutError]) -> set[type[RolloutError]]:
        return {kind}.union(*(below(k) for k in kind.__subclasses__()))

    own = {k for k in below(RolloutError) if k.__module__ == "rollout.domain.errors"}
    tested = {
        PlanProblems, errors.ConditionProblem, errors.KindMisused, errors.LogConflict,
        errors.LogDamaged, errors.ServiceUnreachable, errors.ServiceRefused,
        errors.ServiceGarbled, errors.QueryFailed, errors.SignatureRefused, errors.StoreUnavailable,
    }  # fmt: skip
    assert own - {RolloutError, errors.ServiceError} == tested


def test_all_problems_of_a_plan_are_shown_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    assert exits.guarded(raising(PlanProblems(["a:1:1: x", "b:2:2: y"])), []) == 2
    assert capsys.readouterr().err.splitlines() == ["a:1:1: x", "b:2:2: y", "rollout: 2 problems"]


def test_a_bug_says_so_and_how_to_report_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ROLLOUT_DEBUG", raising=False)
    assert exits.guarded(raising(ZeroDivisionError("oh")), []) == exits.BUG
    err = capsys.readouterr().err
    assert "bug in rollout" in err
    assert "ZeroDivisionError: oh" in err
    assert "ROLLOUT_DEBUG=1" in err
    assert "Traceback" not in err


def test_a_bug_shows_its_traceback_when_asked(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROLLOUT_DEBUG", "1")
    assert exits.guarded(raising(ZeroDivisionError("oh")), []) == exits.BUG
    assert "Traceback" in capsys.readouterr().err


def test_a_closed_pipe_is_no_error_to_talk_about(capsys: pytest.CaptureFixture[str]) -> None:
    assert exits.guarded(raising(BrokenPipeError()), []) == exits.PIPE_CLOSED
    assert capsys.readouterr().err == ""


def test_an_interrupt_ends_quietly(capsys: pytest.CaptureFixture[str]) -> None:
    assert exits.guarded(raising(KeyboardInterrupt()), []) == exits.INTERRUPTED
    assert is_one_clear_message(capsys.readouterr().err, "interrupted")


def test_a_file_that_cannot_be_written_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    error = PermissionError(13, "Permission denied", "/nowhere/report.md")
    assert exits.guarded(raising(error), []) == 2
    assert is_one_clear_message(capsys.readouterr().err, "/nowhere/report.md", "Permission denied")


@pytest.mark.parametrize(("ended", "code"), [(0, 0), (2, 2), (None, 0), ("bad", 2)])
def test_a_parser_that_ends_the_program_gives_its_code(ended: object, code: int) -> None:
    assert exits.guarded(raising(SystemExit(ended)), []) == code


def test_foreign_text_in_a_message_cannot_steer_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    exits.guarded(raising(RolloutError("\x1b[2Jgone\nsecond line")), [])
    err = capsys.readouterr().err
    assert "\x1b" not in err
    assert err.endswith("second line\n")


def test_no_command_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    ended = here(capsys)
    assert ended.code in {0, 2}
    assert "Commands:" in ended.out + ended.err


@pytest.mark.parametrize("arguments", [["frobnicate"], ["validate", "--bogus"], ["log", "--bogus"],
                                       ["status", "--state"], ["log", "--limit", "-3"],
                                       ["log", "--after", "x"], ["verify", "extra"]])  # fmt: skip
def test_wrong_usage_is_2_and_talks_on_stderr_only(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    ended = here(capsys, *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert "rollout" in ended.err
    assert "Traceback" not in ended.err


def test_the_version_is_shown_either_way(capsys: pytest.CaptureFixture[str]) -> None:
    from rollout import __version__

    assert here(capsys, "--version").out == f"rollout {__version__}\n"


def test_python_m_rollout_is_the_same_program() -> None:
    ended = alone("--version")
    assert (ended.code, ended.err) == (0, "")
    assert alone("status", "--state", "/nowhere/at/all.db").code == 2


def test_a_terminal_without_glyphs_still_gets_its_answer(held: Path) -> None:
    ended = alone("status", "--state", held, env={"PYTHONIOENCODING": "ascii"})
    assert ended.code == 0
    assert "X FAIL" in ended.out
    assert ended.out.isascii()


def test_a_reader_that_goes_away_is_survived(completed: Path) -> None:
    import subprocess
    import sys

    first, second = "log", "--json"
    with subprocess.Popen(
        [sys.executable, "-m", "rollout", first, second, "--state", str(completed)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        err = process.stderr.read()
        code = process.wait()
    assert (code, err) == (exits.PIPE_CLOSED, b"")


@pytest.mark.parametrize("form", ["--state {}", "--state={}"])
@pytest.mark.parametrize("command", ["status", "run", "verify"])
def test_a_password_in_the_stores_url_is_refused_and_not_repeated(
    capsys: pytest.CaptureFixture[str], command: str, form: str
) -> None:
    url = "postgresql+psycopg://lead:hunter2-canary@127.0.0.1:1/rollouts"
    ended = here(capsys, command, *form.format(url).split())
    assert (ended.code, ended.out) == (2, "")
    assert is_one_clear_message(ended.err, "postgresql://lead@127.0.0.1:1/rollouts", "PGPASSWORD")
    assert "hunter2" not in ended.err


def test_a_url_without_a_password_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    ended = here(capsys, "status", "--state", "postgresql+psycopg://lead@127.0.0.1:1/rollouts")
    assert "PGPASSWORD" not in ended.err


def test_the_log_as_json_is_as_harmless_as_in_words(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def told(story: Story) -> Story:
        return story.begin().say("hold", "pilot", reason="red \x9b31m, turned \u202eround")

    store_file(tmp_path / "odd.db", told)
    shown = here(capsys, "log", "--state", tmp_path / "odd.db", "--json").out
    assert "\\u009b31m" in shown
    assert not {"\x9b", "\u202e"} & set(shown)
