"""Plug-ins: read once, nobody else's, and the very ones that were approved."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from loader_fakes import READY, load, write
from loader_fakes import plan_of as text_of

from rollout.domain.errors import PlanProblems
from rollout.domain.plan import Plan
from rollout.live.opening import require_kinds
from rollout.loader.plugin_files import MOST_BYTES, read_plugin
from rollout.wiring import _kinds_in, installed_kinds

ALWAYS = """
from typing import ClassVar
from pydantic import BaseModel

class Inputs(BaseModel):
    pass

class Always:
    kind: ClassVar = "always"
    Inputs: ClassVar = Inputs
    primary: ClassVar = "value"
    metrics: ClassVar = {"value": "one"}
    default_go: ClassVar = {"value": "= 1"}

    def observe(self, inputs, context):
        raise NotImplementedError
"""


def plugin(folder: Path, text: str = ALWAYS) -> Path:
    path = folder / "own.py"
    path.write_text(text)
    path.chmod(0o600)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(PlanProblems) as raised:
        installed_kinds([path])
    [said] = raised.value.problems
    return said


def test_a_plugin_gives_its_kinds_and_its_digest(tmp_path: Path) -> None:
    kinds = installed_kinds([plugin(tmp_path)])
    assert "always" in kinds.checks
    assert kinds.plugins[0].sha256 == hashlib.sha256(ALWAYS.encode()).hexdigest()


def test_what_runs_is_what_was_judged_even_if_the_file_was_changed_since(tmp_path: Path) -> None:
    path = plugin(tmp_path)
    read = read_plugin(path)
    path.write_text("raise RuntimeError('changed')\n")
    assert [kind.kind for kind in _kinds_in(read)] == ["always"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1\n", "holds no class with `kind` and `Inputs`"),
        ("def broken(:\n", "cannot be used"),
        ("# \0\n", "cannot be used"),
        ("import nothing_of_that_name\n", "ModuleNotFoundError"),
        ("raise RuntimeError('x' * 10_000)\n", "RuntimeError: xxx"),
    ],
)
def test_a_file_that_is_no_plugin_is_one_problem(tmp_path: Path, text: str, said: str) -> None:
    assert said in refusal(plugin(tmp_path, text))


def test_a_plugin_that_everybody_may_write_to_is_refused(tmp_path: Path) -> None:
    path = plugin(tmp_path)
    path.chmod(0o602)
    assert "anybody may write to it" in refusal(path)


def test_a_plugin_that_everybody_may_replace_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    path = plugin(folder)
    folder.chmod(0o777)
    assert "anybody may replace it" in refusal(path)
    folder.chmod(0o1777)  # as /tmp: only the owner may replace it
    assert "always" in installed_kinds([path]).checks


def test_a_link_is_judged_by_the_file_it_leads_to(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    plugin(folder)
    folder.chmod(0o777)
    link = tmp_path / "mine.py"
    link.symlink_to(folder / "own.py")
    assert "anybody may replace it" in refusal(link)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_plugin_of_somebody_else_is_refused(tmp_path: Path) -> None:
    path = plugin(tmp_path)
    os.chown(path, 12345, 12345)
    assert "belongs to somebody else" in refusal(path)


@pytest.mark.timeout(20)
def test_only_bounded_regular_python_files_are_plugins(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.py"
    os.mkfifo(pipe)
    assert "not a regular file" in refusal(pipe)
    assert "there is no such plug-in file" in refusal(tmp_path / "none.py")
    assert "is a Python file" in refusal(Path("/dev/zero"))
    folder = tmp_path / "folder.py"
    folder.mkdir()
    assert "a folder" in refusal(folder)
    assert "larger than" in refusal(plugin(tmp_path, "#" * (MOST_BYTES + 1)))
    loop = tmp_path / "loop.py"
    loop.symlink_to(loop)
    assert "there is no such plug-in file" in refusal(loop)


# ── what was approved ────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def approved(tmp_path: Path) -> tuple[Plan, Path]:
    """A plan that was read with a plug-in, and that plug-in's file."""
    phases = text_of("- {phase: pilot, title: Pilot, entry: [ready]}\n")
    path = write(tmp_path, plan=phases, ready=READY)
    file = plugin(tmp_path)
    return load(path, plugins=[read_plugin(file)]), file


def required(plan: Plan, *plugins: Path) -> list[str]:
    kinds = installed_kinds(plugins)
    try:
        require_kinds(plan, kinds.checks, kinds.steps, kinds.plugins)
    except PlanProblems as problems:
        return problems.problems
    return []


def test_the_approved_plugin_is_taken(approved: tuple[Plan, Path]) -> None:
    plan, file = approved
    assert required(plan, file) == []


def test_a_plugin_that_was_changed_since_decides_nothing(approved: tuple[Plan, Path]) -> None:
    plan, file = approved
    file.write_text(ALWAYS + "# changed\n")
    said = required(plan, file)
    assert "is not the plug-in that the plan was approved with" in said[0]
    assert "own.py" in said[1]


def test_a_plugin_that_is_missing_is_named(approved: tuple[Plan, Path]) -> None:
    [said] = required(approved[0])
    assert "name it with --plugins" in said


def test_a_plugin_that_nobody_approved_is_refused(tmp_path: Path) -> None:
    phases = text_of("- {phase: pilot, title: Pilot, entry: [ready]}\n")
    plan = load(write(tmp_path, plan=phases, ready=READY))
    [said] = required(plan, plugin(tmp_path))
    assert "is not the plug-in that the plan was approved with" in said
