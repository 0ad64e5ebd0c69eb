"""`rollout`, and `python -m rollout`."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence

from rollout.cli.exits import guarded
from rollout.cli.front import run
from rollout.cli.process import private


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code. None: the process's own arguments, and the process ends."""
    with private():
        code = guarded(run, sys.argv[1:] if argv is None else argv)
    if argv is not None:
        return code
    if "duckdb" not in sys.modules:  # its native module complains of what is then not let go
        # The interpreter would look for garbage once more on its way out: 10 ms for nothing.
        gc.freeze()
    return code


if __name__ == "__main__":
    sys.exit(main())
