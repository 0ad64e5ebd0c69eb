"""The command line of the simulation."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from .house import housed
from .simulation import Report, simulate
from .soak import Account, account, soak
from .trace import traced

OK, VIOLATION, VOID = 0, 1, 3


def main(arguments: Sequence[str]) -> int:
    """The exit code."""
    options = _options(arguments)
    if options.seed is not None:
        return _one(options.seed, trace=options.trace)
    if options.heads:
        return _heads(options.start, options.seeds)
    if options.sum:
        return _told(_added(options.sum), options)
    return _told(account(options.start, options.seeds, options.workers), options)


def _told(kept: Account, options: argparse.Namespace) -> int:
    if options.json:
        _say(json.dumps(kept.document(), sort_keys=True))
    else:
        _tell(kept, options.workers)
    if kept.violations:
        return VIOLATION
    missing = kept.missing()
    if missing and not options.partial:
        sys.stderr.write(f"VOID: never reached: {', '.join(missing)}\n")
        return VOID
    return OK


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many runs")
    parser.add_argument("--start", type=int, default=0, help="the first seed")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument("--seed", type=int, help="this one alone")
    parser.add_argument("--trace", action="store_true", help="with --seed: tell every step")
    parser.add_argument(
        "--partial", action="store_true", help="do not ask that every fault was reached"
    )
    parser.add_argument("--heads", action="store_true", help="print each run's log head only")
    parser.add_argument("--json", action="store_true", help="the account as one JSON object")
    parser.add_argument("--sum", nargs="+", type=Path, metavar="FILE", help="add such accounts up")
    return parser.parse_args(arguments)


def _added(files: Sequence[Path]) -> Account:
    """Raises: OSError, ValueError for what is no account."""
    kept = Account()
    for file in files:
        kept.take(json.loads(file.read_text("utf-8")))
    return kept


def _one(seed: int, *, trace: bool) -> int:
    with housed() as house:
        if trace:
            with traced(_say):
                report = simulate(seed, house)
        else:
            report = simulate(seed, house)
    _say(f"seed {seed}: plan {report.plan}, {report.events} events, head {report.head[:16]}")
    _say(f"end: {report.end}; faults: {_listed(report.fired)}")
    if report.violation is not None:
        _say(f"VIOLATION {report.violation}")
    return VIOLATION if report.violation is not None else OK


def _heads(start: int, seeds: int) -> int:
    """For comparing two machines, two Pythons, two hash seeds."""
    for report in soak(start, seeds):
        _say(f"{report.seed} {report.events} {report.head}")
    return OK


def _tell(kept: Account, workers: int) -> None:
    rate = kept.seeds / kept.seconds if kept.seconds else 0.0
    unit = "CPU s" if workers <= 1 else f"s, {workers} workers"
    _say(
        f"{kept.seeds} seeds, {kept.events} events, {rate:.1f} seeds/s ({kept.seconds:.0f} {unit})"
    )
    _say(f"faults fired: {sum(kept.fired.values())} ({_listed(kept.fired)})")
    _say(f"reached: {_listed(kept.reached)}")
    _say(f"ends: {_listed(kept.ends)}")
    _say(f"violations: {len(kept.violations)}")
    for report in kept.violations:
        _say(_reproduction(report))


def _reproduction(report: Report) -> str:
    said = str(report.violation)[:300]
    return f"  {said}\n    python -m tests.simulation --seed {report.seed} --trace"


def _listed(counts: dict[str, int]) -> str:
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return ", ".join(f"{name} {count}" for name, count in ordered)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
