"""What every command leaves behind is its owner's alone, whatever the machine's own settings are."""

from __future__ import annotations

import os
import resource
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import ROOT, here
from live_processes import tiny_plan

from rollout.cli.process import private


@pytest.fixture
def open_machine() -> Iterator[None]:
    """New files would be everybody's, and a crash would leave a core dump."""
    mask = os.umask(0)
    limits = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (limits[1], limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_CORE, limits)
    os.umask(mask)


def modes(folder: Path) -> dict[str, int]:
    return {
        str(path.relative_to(folder)): stat.S_IMODE(path.stat().st_mode)
        for path in sorted(folder.rglob("*"))
    }


def test_a_command_makes_private_files_and_gives_the_settings_back(
    open_machine: None, tmp_path: Path
) -> None:
    with private():
        (tmp_path / "made").write_text("")
        (tmp_path / "folder").mkdir()
        assert resource.getrlimit(resource.RLIMIT_CORE)[0] == 0
    assert modes(tmp_path) == {"made": 0o600, "folder": 0o700}
    assert os.umask(0) == 0
    assert (
        resource.getrlimit(resource.RLIMIT_CORE)[0] == resource.getrlimit(resource.RLIMIT_CORE)[1]
    )


def test_everything_that_a_rollout_leaves_is_its_owners_alone(
    open_machine: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = tiny_plan(tmp_path)
    left = tmp_path / "state" / "deep"
    store = left / "r.db"
    assert here(capsys, "start", plan, "--state", store).code == 0
    assert here(capsys, "check", "clean", "--state", store, "--record").code == 0
    out = left / "out"
    here(capsys, "report", "--state", store, "--out", out / "report.html", "--gate", "clean")
    found = modes(tmp_path / "state")
    assert found
    assert {mode for path, mode in found.items() if (tmp_path / "state" / path).is_file()} == {
        0o600
    }
    assert {mode for path, mode in found.items() if (tmp_path / "state" / path).is_dir()} == {0o700}


def test_no_core_dump_is_written(open_machine: None) -> None:
    """It would hold every token. Asked where a command runs, in a process of its own."""
    script = (
        "import resource\n"
        "import rollout.__main__ as door\n"
        "door.run = lambda argv: print(resource.getrlimit(resource.RLIMIT_CORE)[0]) or 0\n"
        "door.main(['--version'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["0"]
