"""`rollout`, and `python -m rollout`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from rollout.cli.exits import guarded
from rollout.cli.front import run


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    return guarded(run, sys.argv[1:] if argv is None else argv)


if __name__ == "__main__":
    sys.exit(main())
