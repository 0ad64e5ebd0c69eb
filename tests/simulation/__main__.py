"""`python -m tests.simulation`: a soak over many seeds, or one seed told step by step.

Exit 0: every invariant held and every fault was reached; 1: a violation; 3: void, as something
that should happen never did.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from .command import main

if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
