"""Plug-ins as files: read once, judged before anything of them runs, and known by their digest.

A plug-in is code that decides gates, so it is part of what is approved: its digest stands in the plan,
and what runs later must have it (`live/opening.py`).
"""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from rollout.domain.errors import PlanProblems
from rollout.loader.files import Unreadable, read_regular

MOST_BYTES = 256 * 1024


@dataclass(frozen=True)
class PluginFile:
    """The bytes that were read, and nothing that may have taken their place since."""

    path: Path
    sha256: str
    code: bytes = field(repr=False)


def read_plugin(path: Path) -> PluginFile:
    """A Python file that nobody but its owner can have changed.

    Raises: PlanProblems for a file that is not there, no regular file, too large, of somebody else, or
    that everybody may write to or replace.
    """
    if path.suffix != ".py":
        raise PlanProblems([f"{path}: a plug-in is a Python file"])
    try:
        resolved = path.resolve(strict=True)
        code = read_regular(resolved, MOST_BYTES)
        why = _changeable(resolved)
    except (OSError, RuntimeError, ValueError):
        raise PlanProblems([f"{path}: there is no such plug-in file"]) from None
    except Unreadable as reason:
        raise PlanProblems([f"{path}: the plug-in cannot be used: {reason}"]) from None
    if why:
        raise PlanProblems([f"{path}: the plug-in cannot be used: {why}"])
    return PluginFile(resolved, hashlib.sha256(code).hexdigest(), code)


def _changeable(path: Path) -> str:
    """How somebody else could have put code there; empty when nobody could."""
    found = path.stat()
    if found.st_uid not in {os.geteuid(), 0}:
        return "it belongs to somebody else"
    if found.st_mode & stat.S_IWOTH:
        return "anybody may write to it: chmod o-w"
    folder = path.parent.stat()
    if folder.st_mode & stat.S_IWOTH and not folder.st_mode & stat.S_ISVTX:
        return "anybody may replace it, its folder is open to all: chmod o-w"
    return ""
