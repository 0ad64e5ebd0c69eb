"""`report --ask`: the page and the request files of one command, signed elsewhere and taken in."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from commands import here
from signing_desk import GATE, SALLY, Desk

from rollout.domain.sign_off import NAMESPACE
from rollout.store.reading import open_readonly

WHY = ("--reason", "the page shows it")


@pytest.fixture
def waiting(tmp_path: Path) -> Path:
    """A sandbox whose pilot waits for a lead's and a seller's signature."""
    path = tmp_path / "s.db"
    Desk(profile="sandbox", where=str(path)).store.close()
    return path


def kinds(path: Path) -> list[str]:
    with open_readonly(path) as reader:
        return [type(e.payload).__name__ for e in reader.events(reader.rollouts()[0], limit=100)]


def test_one_command_gives_what_goes_into_the_mail_and_the_answer_is_taken_in(
    waiting: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "mail" / "pilot.html"
    asking = ("report", "--gate", GATE, "--state", waiting, "--out", page, "--ask", "sally", *WHY)
    ended = here(capsys, *asking)
    assert ended.code == 0, ended.err
    html, request = map(Path, ended.out.splitlines())
    assert (html, request.parent, request.name) == (page, page.parent, f"sign-{GATE}-sally-12.json")
    assert "sally" in page.read_text(encoding="utf-8")
    assert f"ssh-keygen -Y sign -n {NAMESPACE} -f ~/.ssh/id_ed25519 {request.name}" in ended.err
    assert f"rollout sign --import {request}.sig --state {waiting}" in ended.err
    key = SALLY.write(tmp_path / "id_sally")
    command = ["ssh-keygen", "-q", "-Y", "sign", "-n", NAMESPACE, "-f", str(key), str(request)]
    subprocess.run(command, check=True, env={"PATH": os.environ["PATH"]})
    taken = here(capsys, "sign", "--import", f"{request}.sig", "--state", waiting, "--json")
    assert taken.code == 0, taken.out
    assert kinds(waiting)[-2:] == ["SignOffRequested", "SignedOff"]
    assert here(capsys, "verify", "--state", waiting).code == 0


def test_asked_again_it_appends_nothing_and_gives_the_same_files(
    waiting: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asking = ("report", "--state", waiting, "--ask", "sally", "--ask", "lead:project_lead", *WHY)
    first = here(capsys, *asking, "--out", f"{tmp_path / 'one'}/", "--json").json()
    assert [(r["by"], r["role"]) for r in first["requests"]] == [
        ("sally", "sales_ops"),
        ("lead", "project_lead"),
    ]
    assert first["requests"][0]["keys"] == [SALLY.fingerprint]
    before = kinds(waiting)
    here(capsys, *asking, "--out", f"{tmp_path / 'two'}/")
    here(capsys, "report", "--state", waiting, "--out", f"{tmp_path / 'three'}/")
    assert kinds(waiting) == before
    folders = [
        {p.name: p.read_bytes() for p in (tmp_path / n).iterdir()} for n in ("one", "two", "three")
    ]
    assert folders[0] == folders[1] == folders[2]
    assert sum(name.startswith("sign-") for name in folders[0]) == 2
    assert json.loads(folders[0][f"sign-{GATE}-sally-12.json"])["by"] == "sally"


def test_without_asking_a_page_brings_no_request(
    waiting: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, page = tmp_path / "mail", tmp_path / "mail" / "p.html"
    here(capsys, "report", "--state", waiting, "--out", page, "--ask", "sally", *WHY)
    (request,) = folder.glob("sign-*.json")
    request.unlink()
    said = here(capsys, "report", "--state", waiting, "--out", page, "--json").json()
    assert (said["files"], said["requests"], list(folder.glob("sign-*"))) == ([str(page)], [], [])


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--ask", "sally"), "--ask needs --reason"),
        (
            ("--ask", "zoe", *WHY),
            f"zoe does not sign {GATE} (project_lead: lead, deputy; sales_ops:",
        ),
        (("--ask", "lead", *WHY), "lead may sign as project_lead or sales_ops: say lead:ROLE"),
        (("--ask", "sally", *WHY, "--at", "11"), "leave out --at"),
    ],
)
def test_who_cannot_be_asked_is_said_before_anybody_is(
    waiting: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    more: tuple[str, ...],
    said: str,
) -> None:
    before = kinds(waiting)
    ended = here(
        capsys, "report", "--state", waiting, "--out", tmp_path / "p.html", "--ask", "sam", *more
    )
    assert (ended.code, ended.out) == (2, "")
    assert said in " ".join(ended.err.split())
    assert (kinds(waiting), (tmp_path / "p.html").exists()) == (before, False)


def test_the_page_on_stdout_has_no_folder_for_a_request(
    waiting: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = here(capsys, "report", "--state", waiting, "--ask", "sally", *WHY)
    assert ended.code == 2
    assert "say where with --out" in ended.err


def test_who_may_not_sign_now_is_named_and_the_others_are_asked(
    waiting: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The lead decided in this attempt: whoever decides signs as the lead only."""
    page = tmp_path / "p.html"
    asking = ("--ask", "lead:sales_ops", "--ask", "sally", *WHY)
    ended = here(capsys, "report", "--state", waiting, "--out", page, *asking)
    assert ended.code == 1
    assert "lead was not asked: lead said proceed in this attempt" in ended.err
    names: list[Any] = [Path(line).name for line in ended.out.splitlines()]
    assert names == ["p.html", f"sign-{GATE}-sally-12.json"]
