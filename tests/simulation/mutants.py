"""The tests are tested: small patches at run time, each a mistake somebody could make.

A mutant is killed when a run of the simulation under it finds a violation. The seeds that kill
are listed in `docs/reliability.md`; `python -m tests.simulation.mutants` finds and checks them.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any
from unittest import mock

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from .dice import Dice
from .house import housed
from .simulation import Report, plan_of, simulate

Patch = tuple[Any, str, Any]
"""Where, which name, and what stands there instead."""

TABLE = Path(__file__).parents[2] / "docs" / "reliability.md"
_ROW = re.compile(r"^\| `(\w+)` \| (.+?) \| (\d+) \| (.+?) \|$")


@dataclass(frozen=True)
class Mutant:
    """`needs` are faults and `plans` the plans without which it cannot show: only such seeds are tried."""

    name: str
    about: str
    patches: Callable[[], Iterable[Patch]]
    needs: tuple[str, ...] = ()
    plans: tuple[str, ...] = ()


MUTANTS: dict[str, Mutant] = {}


def mutant(
    about: str, *needs: str, plans: tuple[str, ...] = ()
) -> Callable[[Callable[[], Iterable[Patch]]], Callable[[], Iterable[Patch]]]:
    """Registers a function that gives the patches; its name is the mutant's."""

    def register(patches: Callable[[], Iterable[Patch]]) -> Callable[[], Iterable[Patch]]:
        name = patches.__name__
        assert name not in MUTANTS, name
        MUTANTS[name] = Mutant(name, about, patches, needs, plans)
        return patches

    return register


@contextmanager
def mutated(name: str) -> Iterator[None]:
    """While this is open the program has the mistake."""
    load()
    with ExitStack() as stack:
        for where, what, instead in MUTANTS[name].patches():
            assert hasattr(where, what), f"{name}: {where} has no {what} any more"
            stack.enter_context(mock.patch.object(where, what, instead))
        yield


def load() -> None:
    """All mutants, whichever module they are in."""
    from . import mutants_gates, mutants_protocol, mutants_store, mutants_way_back

    assert mutants_gates
    assert mutants_protocol
    assert mutants_store
    assert mutants_way_back


def promising(name: str, start: int = 0) -> Iterator[int]:
    """Seeds in whose worlds the mutant's faults happen."""
    wanted = MUTANTS[name]
    for seed in count(start):
        dice = Dice(seed)
        fits = not wanted.plans or plan_of(dice) in wanted.plans
        if fits and all(dice.rates[fault] for fault in wanted.needs):
            yield seed


def hunt(name: str, most: int, start: int = 0) -> Report | None:
    """The first of at most `most` promising runs that the mutant alone breaks.

    In a house of its own: its stores are begun by a program with the mistake.
    """
    load()
    seeds = promising(name, start)
    with housed() as house:
        for _ in range(most):
            with mutated(name):
                report = simulate(next(seeds), house)
            if report.violation is not None and _is_sound(report.seed):
                return report
    return None


def _is_sound(seed: int) -> bool:
    """Whether the seed finds nothing in the program as it is: else it proves nothing about a mutant."""
    with housed() as house:
        return simulate(seed, house).violation is None


def listed() -> dict[str, int]:
    """Mutant -> seed, as the repository's table has them."""
    rows = (_ROW.match(line) for line in TABLE.read_text("utf-8").splitlines())
    return {row[1]: int(row[3]) for row in rows if row}


def table_row(report: Report, name: str) -> str:
    violation = report.violation
    assert violation is not None
    return f"| `{name}` | {MUTANTS[name].about} | {report.seed} | {violation.invariant} |"


def main(arguments: Sequence[str]) -> int:
    """Rows of the table on stdout. Exit 1 when a mutant survives."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.mutants", description=__doc__)
    parser.add_argument("names", nargs="*", help="these alone")
    parser.add_argument("--most", type=int, default=400, help="runs before a mutant survives")
    parser.add_argument("--check", action="store_true", help="only the seeds of the table")
    options = parser.parse_args(arguments)
    load()
    known, survived = listed() if options.check else {}, 0
    for name in options.names or MUTANTS:
        most = 1 if options.check else options.most
        report = hunt(name, most, known.get(name, 0))
        survived += report is None
        said = f"| `{name}` | SURVIVES | | |" if report is None else table_row(report, name)
        sys.stdout.write(said + "\n")
        sys.stdout.flush()
    return 1 if survived else 0


if __name__ == "__main__":
    # Registered under the package's own name, not under `__main__`.
    from . import mutants

    raise SystemExit(mutants.main(sys.argv[1:]))
