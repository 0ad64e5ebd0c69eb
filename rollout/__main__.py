"""`rollout`, and `python -m rollout`."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence

from rollout.cli.exits import guarded
from rollout.cli.front import run


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code. None: the process's own arguments, and the process ends."""
    if argv is not None:
        return guarded(run, argv)
    code = guarded(run, sys.argv[1:])
    if "duckdb" not in sys.modules:  # its native module complains of what is then not let go
        # The interpreter would look for garbage once more on its way out: 10 ms for nothing.
        gc.freeze()
    return code


if __name__ == "__main__":
    sys.exit(main())
