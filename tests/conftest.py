"""Shared by all tests. Its place also makes `strategies` and `builders` importable."""

from __future__ import annotations

from hypothesis import settings

# A shared machine is slow at times: a deadline would make tests flaky, not better.
settings.register_profile("rollout", deadline=None)
settings.load_profile("rollout")
