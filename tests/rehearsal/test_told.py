"""The rehearsal's people and pages."""

from __future__ import annotations

import pytest

from rollout.domain.effects import Yes
from rollout.domain.errors import ServiceRefused
from rollout.ports import Page
from rollout.rehearsal.told import RehearsalFiles, RehearsalNotifier, RehearsalPages


def test_a_message_that_comes_twice_is_shown_once() -> None:
    people = RehearsalNotifier()
    for _ in range(2):
        assert isinstance(people.send("team", "T", "B", dedupe="k"), Yes)
    people.send("oncall", "T", "B", dedupe="k", severity="P0")
    assert [told.channel for told in people.told.values()] == ["team", "oncall"]


def test_files_are_kept_and_can_be_made_again_from_the_journal() -> None:
    written: list[dict[str, str]] = []
    files = RehearsalFiles(journal=written.append)
    files.write("a.md", b"one")
    files.write("b.md", b"\xff two")
    files.write("c.md", b"gone")
    files.write("empty.md", b"")
    files.remove("c.md")
    again = RehearsalFiles()
    for entry in written:
        again.restore(entry)
    assert again.kept == files.kept == {"a.md": b"one", "b.md": b"\xff two", "empty.md": b""}
    assert again.read("c.md") is None


def test_a_page_that_nobody_put_there_is_not_there() -> None:
    pages = RehearsalPages({"docs/a.md": Page(place="docs/a.md", body=b"# A")})
    assert pages.read("docs/a.md").body == b"# A"
    with pytest.raises(ServiceRefused) as caught:
        pages.read("docs/b.md")
    assert caught.value.status == 404
