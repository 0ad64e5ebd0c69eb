"""Shared by all tests. Its place also makes `strategies`, `builders` and
`postgres_server` importable."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from hypothesis import settings
from postgres_server import Server, running

# A shared machine is slow at times: a deadline would make tests flaky, not better.
settings.register_profile("rollout", deadline=None)
settings.load_profile("rollout")

# Thousands of tests and what they import stay alive to the end: looking through them again and again took a
# fifth of the collection's time. The rehearsal does the same with its world.
gc.set_threshold(100_000, 50, 100)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A real server, started for the first test that asks; skipped when there is none."""
    with running() as server:
        yield server


# Doctests are looked for in every file; the folders' own conftest files hold none and share a name.
collect_ignore_glob = ["conftest.py", "*/conftest.py"]
