"""Shared by all tests. Its place also makes `strategies`, `builders` and
`postgres_server` importable."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings
from postgres_server import Server, running

# A shared machine is slow at times: a deadline would make tests flaky, not better.
settings.register_profile("rollout", deadline=None)
settings.load_profile("rollout")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A real server, started for the first test that asks; skipped when there is none."""
    with running() as server:
        yield server


# Doctests are looked for in every file; the folders' own conftest files hold none and share a name.
collect_ignore_glob = ["conftest.py", "*/conftest.py"]
