"""Pictures kept as text files: what a person would see, reviewable in a diff.

`ROLLOUT_WRITE_GOLDENS=1 pytest tests/tui` writes them anew.
"""

from __future__ import annotations

import difflib
import os
import re
from pathlib import Path

_HASH = re.compile(
    r"(?<![0-9a-zA-Z.#-])(?:[0-9a-f]{10,}|(?=[a-f]*[0-9])(?=[0-9]*[a-f])[0-9a-f]{8,9})(?![0-9a-zA-Z-])"
)
"""Digests, also of a line that was broken in them: they change with every field of a model."""

_NUMBERED = re.compile(r"terminal-\d+")
"""Rich numbers the style classes of a picture by a checksum of the whole of it."""

FOLDER = Path(__file__).parent / "tui" / "goldens"
DOCUMENTS = Path(__file__).parents[1] / "docs" / "pictures"
"""Pictures in colour that the documents show."""


def differences(name: str, seen: str, suffix: str = ".txt", folder: Path = FOLDER) -> str:
    """What is not as in the file; empty when all is."""
    seen = _NUMBERED.sub("terminal", _HASH.sub(lambda found: "x" * len(found.group()), seen))
    path = folder / f"{name}{suffix}"
    if os.environ.get("ROLLOUT_WRITE_GOLDENS") == "1":
        path.write_text(seen, encoding="utf-8")
        return ""
    kept = path.read_text(encoding="utf-8") if path.is_file() else ""
    found = difflib.unified_diff(kept.splitlines(), seen.splitlines(), name, "seen", lineterm="")
    return "\n".join(found)
