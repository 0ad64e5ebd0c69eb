"""The shipped plan, rehearsed: wall time, CPU time, and the share of it inside DuckDB.

    python bench/rehearsal.py [--scenario planned] [--rounds 3]

A profiling timer fires as CPU time passes; a sample counts as DuckDB's when DuckDB's own code is on
the stack, or when the line being run is a call into its native module (`.execute(…)`, `.fetchall()`).
Prints one JSON line a round.
"""

from __future__ import annotations

import argparse
import json
import linecache
import signal
import time
from collections import Counter
from pathlib import Path
from types import FrameType

import duckdb

from rollout import wiring

ROOT = Path(__file__).resolve().parent.parent
DUCKDB = str(Path(duckdb.__file__).parent)


def _calls_duckdb(frame: FrameType) -> bool:
    """The innermost Python line calls native code; is that DuckDB's? Statements span lines."""
    name = frame.f_code.co_filename
    if "/rollout/rehearsal/" not in name and "/rollout/adapters/" not in name:
        return False
    lines = [linecache.getline(name, (frame.f_lineno or 0) + n) for n in range(-1, 6)]
    return any(call in line for line in lines for call in (".execute(", ".fetchall("))


def one_round(scenario: str) -> dict[str, object]:
    where: Counter[str] = Counter()

    def sample(_signal: int, frame: FrameType | None) -> None:
        name = "duckdb" if frame is not None and _calls_duckdb(frame) else "rest"
        while frame is not None and name == "rest":
            if frame.f_code.co_filename.startswith(DUCKDB):
                name = "duckdb"
            frame = frame.f_back
        where[name] += 1

    kinds = wiring.installed_kinds()
    request = wiring.RehearsalRequest(
        plan=ROOT / "plans" / "property_sync.yaml",
        scenario=scenario,
        seed=None,
        params={},
        kinds=kinds,
    )
    signal.signal(signal.SIGPROF, sample)
    signal.setitimer(signal.ITIMER_PROF, 0.001, 0.001)
    wall, cpu = time.perf_counter(), time.process_time()
    done = wiring.run_rehearsal(request, lambda _rehearsal, _store: None)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    signal.setitimer(signal.ITIMER_PROF, 0)
    return {
        "scenario": scenario,
        "outcome": done.outcome,
        "simulated_days": round(done.simulated_s / 86400, 1),
        "events": done.state.seq,
        "wall_s": round(wall, 2),
        "cpu_s": round(cpu, 2),
        "duckdb_share_of_cpu": round(where["duckdb"] / max(1, where.total()), 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenario", default="planned")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    for _ in range(arguments.rounds):
        print(json.dumps(one_round(arguments.scenario)), flush=True)


if __name__ == "__main__":
    main()
