"""Pictures kept as text files: what a person would see, reviewable in a diff.

`ROLLOUT_WRITE_GOLDENS=1 pytest tests/tui` writes them anew.
"""

from __future__ import annotations

import difflib
import os
import re
from pathlib import Path

_HASH = re.compile(r"(?<![0-9a-zA-Z.#-])[0-9a-f]{10,}(?![0-9a-zA-Z-])")
"""Digests, also of a line that was broken in them: they change with every field of a model."""

FOLDER = Path(__file__).parent / "goldens"


def differences(name: str, seen: str, suffix: str = ".txt") -> str:
    """What is not as in the file; empty when all is."""
    seen = _HASH.sub(lambda found: "x" * len(found.group()), seen)
    path = FOLDER / f"{name}{suffix}"
    if os.environ.get("ROLLOUT_WRITE_GOLDENS") == "1":
        path.write_text(seen, encoding="utf-8")
        return ""
    kept = path.read_text(encoding="utf-8") if path.is_file() else ""
    found = difflib.unified_diff(kept.splitlines(), seen.splitlines(), name, "seen", lineterm="")
    return "\n".join(found)
