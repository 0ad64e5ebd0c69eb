from __future__ import annotations

import hashlib
import os
import stat
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.adapters.files import OutputFiles
from rollout.domain.effects import No, Yes
from rollout.domain.errors import KindMisused


def test_a_file_is_written_whole_and_read_back(tmp_path: Path) -> None:
    files = OutputFiles(tmp_path / "out")
    assert files.read("a/b.md") is None
    assert files.write("a/b.md", b"one") == Yes(hashlib.sha256(b"one").hexdigest())
    assert files.write("a/b.md", b"two") == Yes(hashlib.sha256(b"two").hexdigest())
    assert files.read("a/b.md") == b"two"
    assert [p.name for p in (tmp_path / "out" / "a").iterdir()] == ["b.md"]


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    OutputFiles(tmp_path / "out").write("a/b.md", b"one")
    assert stat.S_IMODE((tmp_path / "out" / "a" / "b.md").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "out" / "a").stat().st_mode) == 0o700


def test_removing_is_done_once_and_harmless_twice(tmp_path: Path) -> None:
    files = OutputFiles(tmp_path / "out")
    files.write("a.md", b"x")
    assert files.remove("a.md") == Yes(None)
    assert files.remove("a.md") == Yes(None, "it was not there")
    assert files.remove("no/such.md") == Yes(None, "it was not there")
    assert files.read("a.md") is None


@pytest.mark.parametrize("path", ["../a", "/a", "a/../b", "a//b", "", ".", "a\\b", "a\x00b"])
def test_a_path_that_leads_elsewhere_is_refused(tmp_path: Path, path: str) -> None:
    files = OutputFiles(tmp_path / "out")
    for attempt in (files.read, files.remove, lambda p: files.write(p, b"x")):
        with pytest.raises(KindMisused):
            attempt(path)
    assert not (tmp_path / "out").exists()


@given(path=st.text(alphabet="ab./\\~:\x00é", min_size=1, max_size=12))
def test_whatever_the_path_nothing_is_written_outside(
    tmp_path_factory: pytest.TempPathFactory, path: str
) -> None:
    base = tmp_path_factory.mktemp("confined")
    with suppress(KindMisused):
        OutputFiles(base / "out").write(path, b"x")
    assert {p.name for p in base.iterdir()} <= {"out"}


def test_links_are_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept.md").write_text("kept")
    root = tmp_path / "out"
    root.mkdir()
    (root / "linked").symlink_to(outside)
    (root / "link.md").symlink_to(outside / "kept.md")
    files = OutputFiles(root)
    with pytest.raises(KindMisused):
        files.write("linked/kept.md", b"x")
    files.write("link.md", b"x")  # takes the link's place, not the file's
    assert (outside / "kept.md").read_text() == "kept"
    assert (root / "link.md").read_bytes() == b"x"


def test_a_folder_in_the_place_of_a_file_is_a_misuse(tmp_path: Path) -> None:
    (tmp_path / "a.md").mkdir()
    with pytest.raises(KindMisused):
        OutputFiles(tmp_path).write("a.md", b"x")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.md"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_disk_that_refuses_is_a_no_and_leaves_what_was_there(tmp_path: Path) -> None:
    files = OutputFiles(tmp_path)
    files.write("a.md", b"one")
    tmp_path.chmod(0o500)
    answer = files.write("a.md", b"two")
    tmp_path.chmod(0o700)
    assert isinstance(answer, No)
    assert files.read("a.md") == b"one"


def test_a_name_no_disk_takes_is_a_no(tmp_path: Path) -> None:
    files = OutputFiles(tmp_path)
    answer = files.write("n" * 300, b"x")
    assert isinstance(answer, No)
    assert answer.retry_after_s is not None
    assert isinstance(files.remove("n" * 300), No)
