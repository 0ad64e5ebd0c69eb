from __future__ import annotations

import os
from pathlib import Path

import pytest

from rollout.adapters.secrets import Expanded, expand_secrets
from rollout.domain.errors import PlanProblems


def expand(document: object, base: Path = Path(), **environ: str) -> Expanded:
    return expand_secrets(document, connection="census", environ=environ, base=base)


def secret_file(folder: Path, content: bytes = b"from-file\n", mode: int = 0o600) -> Path:
    path = folder / "token"
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_variables_are_filled_in_at_any_depth_and_inside_a_text() -> None:
    document = {"token": "${env:T}", "list": ["a", {"url_part": "x-${env:T}-${env:U}"}], "n": 3}
    expanded = expand(document, T="one", U="two")
    assert expanded.document == {"token": "one", "list": ["a", {"url_part": "x-one-two"}], "n": 3}
    assert expanded.secrets == ("one", "two")


def test_a_missing_variable_is_named_together_with_its_connection_and_place() -> None:
    with pytest.raises(PlanProblems) as caught:
        expand({"auth": {"token": "${env:NOT_THERE}"}, "other": "${env:EMPTY}"}, EMPTY="")
    assert caught.value.problems == [
        "connection census: census.auth.token: the environment variable NOT_THERE is not set",
        "connection census: census.other: the environment variable EMPTY is empty",
    ]


def test_a_value_is_not_expanded_a_second_time() -> None:
    assert expand({"t": "${env:T}"}, T="${env:HOME}").document == {"t": "${env:HOME}"}


def test_public_settings_from_the_environment_are_not_masked() -> None:
    expanded = expand({"base_url": "${env:U}", "token": "${env:T}"}, U="https://x.test", T="s")
    assert expanded.secrets == ("s",)


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_private_file_is_read_without_its_line_end(tmp_path: Path, mode: int) -> None:
    secret_file(tmp_path, mode=mode)
    expanded = expand({"token": "${file:token}"}, tmp_path)
    assert expanded.document == {"token": "from-file"}
    assert expanded.secrets == ("from-file",)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o700, 0o666])
def test_a_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = secret_file(tmp_path, mode=mode)
    with pytest.raises(PlanProblems, match=rf"mode {mode:04o}; must be 0600 or 0400"):
        expand({"token": f"${{file:{path}}}"})


def test_only_regular_files_hold_secrets(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)
    with pytest.raises(PlanProblems) as caught:
        expand({"a": f"${{file:{pipe}}}", "b": f"${{file:{tmp_path}}}", "c": "${file:/dev/null}"})
    assert [p.rsplit(": ", 1)[1] for p in caught.value.problems] == ["not a regular file"] * 3


@pytest.mark.parametrize(
    ("content", "problem"),
    [(b"", "is empty"), (b"\n", "is empty"), (b"\xff\xfe", "not UTF-8"), (b"x" * 65_537, "larger")],
)
def test_a_file_without_a_usable_secret_is_refused(
    tmp_path: Path, content: bytes, problem: str
) -> None:
    secret_file(tmp_path, content)
    with pytest.raises(PlanProblems, match=problem):
        expand({"token": "${file:token}"}, tmp_path)


def test_a_missing_file_and_a_missing_name_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(PlanProblems) as caught:
        expand({"a": "${file:nothing}", "b": "${file:}", "c": "${file:a\0b}"}, tmp_path)
    first, second, third = caught.value.problems
    assert first.endswith("the secret file nothing: No such file or directory")
    assert second.endswith(third.rsplit(": ", 1)[1])


@pytest.mark.parametrize("reference", ["${TOKEN}", "${cmd:cat x}", "${}", "${env:a b}", "${env:}"])
def test_any_other_reference_is_refused(reference: str) -> None:
    with pytest.raises(PlanProblems, match=r"census\.token"):
        expand({"token": reference})


def test_no_secret_shows_in_a_repr() -> None:
    assert "hunter2" not in repr(expand({"token": "${env:T}"}, T="hunter2"))
