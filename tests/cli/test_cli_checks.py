"""`rollout checks`."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders import held_story, store_file
from commands import here, is_one_clear_message


def test_the_command_shows_rows_and_refuses_what_is_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "held.db"
    store_file(path, held_story)
    ended = here(capsys, "checks", "--state", path, "--width", "100")
    assert ended.code == 0
    assert "✗ FAIL  NO-GO" in ended.out
    one = here(capsys, "checks", "ready", "--check", "empty_keys", "--state", path, "--plain")
    assert "property_key a1b2" not in one.out  # a drawing; ears get the figures
    assert "rows" in one.out
    found = here(capsys, "checks", "--state", path, "--json").json()
    assert found["gates"][0]["rows"][0]["id"] == "empty_keys"
    wrong = here(capsys, "checks", "nix", "--state", path)
    assert wrong.code == 2
    assert is_one_clear_message(wrong.err, "'nix' was not asked yet", "ready")
