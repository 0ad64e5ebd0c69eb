from __future__ import annotations

from pathlib import Path

from rollout.rehearsal.journal import Journal, read_journal


def _written(path: Path, *entries: dict[str, object]) -> None:
    journal = Journal()
    journal.reopen(path)
    for entry in entries:
        journal.write(entry)
    journal.close()


def test_what_was_written_is_read_back_in_order(tmp_path: Path) -> None:
    path = tmp_path / "world.jsonl"
    _written(path, {"n": 1}, {"n": 2})
    _written(path, {"n": 3})
    assert [entry["n"] for entry in read_journal(path)] == [1, 2, 3]


def test_a_line_cut_by_a_crash_is_left_out_and_hides_nothing_that_follows(tmp_path: Path) -> None:
    path = tmp_path / "world.jsonl"
    _written(path, {"n": 1}, {"n": 2})
    whole = path.read_bytes()
    path.write_bytes(whole[:-4])
    assert [entry["n"] for entry in read_journal(path)] == [1]
    _written(path, {"n": 3})
    assert [entry["n"] for entry in read_journal(path)] == [1, 3]


def test_without_a_file_nothing_is_kept_and_nothing_fails(tmp_path: Path) -> None:
    journal = Journal()
    journal.write({"n": 1})
    journal.reopen(None)
    journal.write({"n": 2})
    assert list(read_journal(tmp_path / "never.jsonl")) == []


def test_the_file_is_private(tmp_path: Path) -> None:
    path = tmp_path / "world.jsonl"
    _written(path, {"n": 1})
    assert path.stat().st_mode & 0o777 == 0o600
