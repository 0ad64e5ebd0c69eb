"""`rollout adopt-plan`: what it refuses before it looks, and how it says it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from commands import Ended, here
from live_processes import tiny_plan

WHO = ("--by", "ann", "--reason", "the counted figures")


@pytest.fixture
def begun(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """The store of a tiny rollout; its plan lies beside it as `tiny.yaml`."""
    state = tmp_path / "tiny.db"
    assert here(capsys, "start", tiny_plan(tmp_path), "--state", state).code == 0
    return state


def renamed(state: Path) -> Path:
    path = state.parent / "renamed.yaml"
    path.write_text((state.parent / "tiny.yaml").read_text().replace("A tiny", "A renamed"))
    return path


def adopt(capsys: pytest.CaptureFixture[str], state: Path, plan: Path, *more: object) -> Ended:
    return here(capsys, "adopt-plan", plan, "--state", state, *more)


def test_an_adoption_is_recorded_and_shown(begun: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ended = adopt(capsys, begun, renamed(begun), *WHO, "--json")
    assert ended.code == 0
    said: Any = ended.json()
    assert (said["refused"], said["dry_run"]) == (None, False)
    assert [e["seq"] for e in said["recorded"]] == [2]
    assert said["difference"]["groups"][0]["changes"][0]["path"] == "title"
    shown = here(capsys, "status", "--state", begun).out
    assert "A renamed rollout  (tiny, plan" in shown
    assert "(number 2, since #2)" in shown
    [line] = here(
        capsys, "log", "--state", begun, "--json", "--kind", "plan_adopted"
    ).out.splitlines()
    assert json.loads(line)["payload"]["changed"] == ["title"]


@pytest.mark.parametrize("given", [(), ("--by", "ann"), ("--reason", "why")])
def test_who_and_why_must_be_said(
    begun: Path, capsys: pytest.CaptureFixture[str], given: tuple[str, ...]
) -> None:
    ended = adopt(capsys, begun, renamed(begun), *given)
    assert ended.code == 2
    assert "--by NAME --reason TEXT, or --dry-run" in ended.err


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--by", "zoe", "--reason", "x"), "'zoe' does not hold the role"),
        ((*WHO, "--role", "sales"), "the plan has no role 'sales'"),
        ((*WHO, "--seen", "0"), ""),
        ((*WHO, "--seen", "7"), "is not in this log"),
    ],
)
def test_a_refusal_says_why_and_ends_with_1(
    begun: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], said: str
) -> None:
    ended = adopt(capsys, begun, renamed(begun), *more)
    assert (ended.code, said in ended.out) == (0 if not said else 1, True)


def test_a_look_that_would_be_refused_ends_with_1(
    begun: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = begun.parent / "other.yaml"
    other.write_text((begun.parent / "tiny.yaml").read_text().replace("plan: tiny", "plan: other"))
    ended = adopt(capsys, begun, other, "--dry-run")
    assert ended.code == 1
    assert "start it as a rollout of its own" in ended.out.replace("\n  ", " ")


def test_a_plan_with_mistakes_is_not_compared(
    begun: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = begun.parent / "broken.yaml"
    broken.write_text("plan: tiny\n")
    ended = adopt(capsys, begun, broken, "--dry-run")
    assert (ended.code, ended.out) == (2, "")
    assert "broken.yaml:1:1" in ended.err


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        (("--env", "sandbox"), 2, "profile"),
        (("--rollout", "nobody"), 2, "has no rollout 'nobody'"),
        (("--set", "world.rows=1"), 2, "only a rehearsal has such values"),
        (("--plugins", "nowhere.py"), 2, "there is no such plug-in file"),
    ],
)
def test_what_cannot_be_asked_is_told_in_one_line(
    begun: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], code: int, said: str
) -> None:
    ended = adopt(capsys, begun, renamed(begun), "--dry-run", *more)
    assert (ended.code, ended.out) == (code, "")
    assert said in ended.err


def test_a_store_that_is_not_there_is_not_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan, nowhere = tiny_plan(tmp_path), tmp_path / "nowhere.db"
    ended = adopt(capsys, nowhere, plan, "--dry-run")
    assert (ended.code, ended.out, nowhere.exists()) == (2, "", False)


def test_parameters_are_set_as_they_were_at_the_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = tiny_plan(tmp_path)
    plan.write_text(plan.read_text().replace("timezone: UTC", "timezone: UTC\nparams: {rows: 1}"))
    state = tmp_path / "set.db"
    assert here(capsys, "start", plan, "--state", state, "--set", "rows=2").code == 0
    shown = adopt(capsys, state, plan, "--dry-run")
    assert "parameter rows: 2 -> 1" in shown.out
    same = adopt(capsys, state, plan, "--dry-run", "--set", "rows=2")
    assert "nothing to adopt" in same.out


def test_a_plan_without_the_signers_keys_is_refused(
    begun: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keyless = begun.parent / "keyless.yaml"
    text = (begun.parent / "tiny.yaml").read_text()
    keyless.write_text(re.sub(r', key: "[^"]*"', "", text))
    ended = adopt(capsys, begun, keyless, *WHO)
    assert ended.code == 1
    assert "nobody who signs as project_lead has a key" in " ".join(ended.out.split())
