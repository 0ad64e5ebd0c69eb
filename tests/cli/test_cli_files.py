"""Files that commands write: whole, private, and nowhere else."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from rollout.cli.exits import Misuse
from rollout.cli.files import make_folder, write_file


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(autouse=True)
def _open_umask() -> object:
    """A machine that makes everything readable must not make this readable."""
    before = os.umask(0)
    yield
    os.umask(before)


def test_a_new_file_and_the_folders_above_it_are_their_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "reports" / "gate" / "index.md"
    write_file(path, "däta")
    assert path.read_text(encoding="utf-8") == "däta"
    assert (mode(path), mode(path.parent), mode(path.parent.parent)) == (0o600, 0o700, 0o700)
    assert list(path.parent.iterdir()) == [path]


def test_a_file_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "schema.json"
    path.write_text("old")
    path.chmod(0o644)
    write_file(path, "new")
    assert (path.read_text(), mode(path)) == ("new", 0o644)


def test_a_link_is_replaced_and_not_written_through(tmp_path: Path) -> None:
    victim, link = tmp_path / "victim", tmp_path / "report.md"
    victim.write_text("mine")
    link.symlink_to(victim)
    write_file(link, "report")
    assert (victim.read_text(), link.is_symlink(), mode(link)) == ("mine", False, 0o600)


def test_a_file_that_cannot_be_written_leaves_the_old_one_and_no_rest(tmp_path: Path) -> None:
    path = tmp_path / "report.md"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write_file(path, "half \ud800")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_name_that_is_taken_by_something_else_is_a_misuse(tmp_path: Path) -> None:
    with pytest.raises(Misuse, match="is a folder, name a file"):
        write_file(tmp_path, "text")
    (tmp_path / "file").write_text("")
    with pytest.raises(Misuse, match="is a file, name a folder"):
        make_folder(tmp_path / "file")


def test_a_folder_that_is_made_is_its_owners_alone(tmp_path: Path) -> None:
    make_folder(tmp_path / "out" / "reports")
    assert mode(tmp_path / "out" / "reports") == mode(tmp_path / "out") == 0o700
    make_folder(tmp_path / "out" / "reports")
