"""Pictures kept as text files: what a person would see, reviewable in a diff.

`ROLLOUT_WRITE_GOLDENS=1 pytest tests/tui` writes them anew.
"""

from __future__ import annotations

import difflib
import os
from pathlib import Path

FOLDER = Path(__file__).parent / "goldens"


def differences(name: str, seen: str) -> str:
    """What is not as in the file; empty when all is."""
    path = FOLDER / f"{name}.txt"
    if os.environ.get("ROLLOUT_WRITE_GOLDENS") == "1":
        path.write_text(seen, encoding="utf-8")
        return ""
    kept = path.read_text(encoding="utf-8") if path.is_file() else ""
    found = difflib.unified_diff(kept.splitlines(), seen.splitlines(), name, "seen", lineterm="")
    return "\n".join(found)
