"""`rollout sign` as it is typed: with a key here, by a file that travels, and what it refuses."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest
from commands import Ended, here
from signing_desk import GATE, SALLY, Desk

from rollout.store.reading import open_readonly

AS_SALLY = (GATE, "--approve", "--by", "sally", "--role", "sales_ops", "--reason", "seen")


@pytest.fixture
def waiting(tmp_path: Path) -> Path:
    """A sandbox whose pilot waits for a lead's and a seller's signature, in a folder with a blank."""
    folder = tmp_path / "our rollouts"
    folder.mkdir()
    Desk(profile="sandbox", where=str(folder / "s.db")).store.close()
    return folder / "s.db"


def kinds(path: Path) -> list[str]:
    with open_readonly(path) as reader:
        return [type(e.payload).__name__ for e in reader.events(reader.rollouts()[0], limit=100)]


def sign(capsys: pytest.CaptureFixture[str], state: Path, *more: object) -> Ended:
    return here(capsys, "sign", *more, "--state", state)


def as_printed(command: str, folder: Path, key: Path) -> None:
    """In the signer's own shell, with their own key in the place of the example."""
    words = [str(key) if word.startswith("~") else word for word in shlex.split(command)]
    subprocess.run(
        [words[0], "-q", *words[1:]], check=True, cwd=folder, env={"PATH": os.environ["PATH"]}
    )


def test_both_commands_work_as_they_are_printed(
    waiting: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    request = waiting.parent / "to sign.json"
    asked = sign(capsys, waiting, *AS_SALLY, "--request", request, "--json").json()
    assert asked["keys"] == [SALLY.fingerprint]
    as_printed(asked["sign"], request.parent, SALLY.write(waiting.parent / "id_sally"))
    program, *command = shlex.split(asked["import"])
    assert program == "rollout"
    ended = here(capsys, *command)
    assert ended.code == 0, ended.err
    assert kinds(waiting)[-2:] == ["SignOffRequested", "SignedOff"]


def test_in_words_the_same_two_commands_stand(
    waiting: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    request = waiting.parent / "to sign.json"
    words = sign(capsys, waiting, *AS_SALLY, "--request", request)
    again = sign(capsys, waiting, *AS_SALLY, "--request", request, "--json").json()
    assert words.out == f"{again['sign']}\n"
    assert again["import"] in words.err
    assert kinds(waiting).count("SignOffRequested") == 1  # the same question is asked once


def test_with_a_key_here_it_is_signed_at_once(
    waiting: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = SALLY.write(waiting.parent / "id_sally")
    ended = sign(capsys, waiting, *AS_SALLY, "--key", key)
    assert ended.code == 0, ended.err
    assert kinds(waiting)[-1] == "SignedOff"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "sign needs GATE, --approve or --reject, --by, --role, --reason"),
        ((*AS_SALLY, "--key", "k", "--request", "r.json"), "--key and --request: sign in one way"),
        ((GATE, "--import", "r.json.sig"), "what was signed says it all, leave out GATE"),
        (("--import", "r.json"), "whose name ends in .sig"),
        (("--import", "nowhere.json.sig"), "cannot be read"),
    ],
)
def test_what_makes_no_sense_is_refused_and_records_nothing(
    waiting: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    before = kinds(waiting)
    ended = sign(capsys, waiting, *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert said in " ".join(ended.err.split())
    assert kinds(waiting) == before


def test_somebody_elses_signature_is_refused_with_the_reason(
    waiting: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    request = waiting.parent / "r.json"
    asked = sign(capsys, waiting, *AS_SALLY, "--request", request, "--json").json()
    stranger = waiting.parent / "id_stranger"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", stranger], check=True)
    as_printed(asked["sign"], request.parent, stranger)
    before = kinds(waiting)
    ended = sign(capsys, waiting, "--import", f"{request}.sig")
    assert ended.code == 1
    assert "sally" in ended.err
    assert kinds(waiting) == before
