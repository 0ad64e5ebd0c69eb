"""Pictures in colour, kept as SVG: the ones that the documents show, and that must not change unseen.

`ROLLOUT_WRITE_GOLDENS=1 pytest tests/tui` writes them anew.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"

_RANDOM = re.compile(r"terminal-\d+")
"""Rich numbers its style classes by a checksum of the whole picture."""


def is_as_kept(name: str, svg: str) -> bool:
    """Whether the picture is the one in the file."""
    path = FOLDER / f"{name}.svg"
    seen = _RANDOM.sub("terminal", svg)
    if os.environ.get("ROLLOUT_WRITE_GOLDENS") == "1":
        path.parent.mkdir(exist_ok=True)
        path.write_text(seen, encoding="utf-8")
    return path.is_file() and path.read_text(encoding="utf-8") == seen
