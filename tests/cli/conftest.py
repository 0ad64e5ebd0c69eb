"""Makes `commands` importable, and stores to look at."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders import completed_story, held_story, store_file


@pytest.fixture
def held(tmp_path: Path) -> Path:
    """A store whose rollout is held at its first gate."""
    path = tmp_path / "held.db"
    store_file(path, held_story)
    return path


@pytest.fixture
def completed(tmp_path: Path) -> Path:
    path = tmp_path / "completed.db"
    store_file(path, completed_story, snapshot=True)
    return path
