"""What every command's process is like before it does anything: what it makes and leaves is its owner's alone."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager

PRIVATE = 0o077
"""Mask of the modes of new files and folders: nothing for group and others, whoever makes them."""


@contextmanager
def private() -> Iterator[None]:
    """New files are the owner's alone, and no core dump is written, which would hold every token."""
    mask = os.umask(PRIVATE)
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard))
    try:
        yield
    finally:
        os.umask(mask)
        resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))
