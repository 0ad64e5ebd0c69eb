"""Shared by all tests. Its place also makes `strategies` and `builders` importable."""

from __future__ import annotations

from hypothesis import settings

# A shared machine is slow at times: a deadline would make tests flaky, not better.
settings.register_profile("rollout", deadline=None)
settings.load_profile("rollout")

# Doctests are looked for in every file; the folders' own conftest files hold none and share a name.
collect_ignore_glob = ["conftest.py", "*/conftest.py"]
