"""What a log of a million events costs whoever looks at it: a page, its lines, a filter, a search, the
chain, and turning a page on its screen in the TUI; beside the same on ten thousand.

Every figure is the median of many goes, wall and CPU time in milliseconds, the arms of one run in
turns. Prints one JSON line per figure and size, then a table; ends with 1 when a page of the long
log takes more than 20 ms.

    python bench/tui_log.py --events 1000000
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from rollout.domain.events import GateOpened, Measured, Payload, PhaseOutline, RolloutCreated
from rollout.domain.evidence import Verdict
from rollout.store.opening import open_store
from rollout.store.reading import Reader, open_readonly
from rollout.tui.app import RolloutApp
from rollout.tui.link import StoreLink
from rollout.tui.program import Seat
from rollout.tui.widgets.log_pane import LogPane
from rollout.view.chain_mark import STRETCH, ChainMark
from rollout.view.log_filter import parse_filter
from rollout.view.log_page import LogPages, Matches, find_previous
from rollout.view.log_text import DENSITIES, log_line

START = datetime(2026, 1, 6, 18, tzinfo=UTC)
NAME = "bench"
CHECKS = [f"check_{n:02}" for n in range(20)]
SMALL = 10_000
GOAL_MS = 20.0
"""A page of a million events, wall time."""

LINES = 45
"""Of a tall terminal."""

BATCH = 2_000
Figures = dict[str, list[tuple[float, float]]]


def make_log(path: Path, events: int) -> None:
    """A watch: the same checks measured again and again."""
    with open_store(path, create=True, relaxed=True) as store:
        digest = store.evidence.put({"plan": NAME, "title": "Bench", "phases": [], "gates": {}})
        created = RolloutCreated(
            plan=NAME,
            title="Bench",
            plan_sha256=digest,
            profile="rehearsal",
            phases=[PhaseOutline(id="watch", title="Watch")],
            params={},
        )
        place = {"phase": "watch", "attempt": 1, "moment": "exit", "gate": "all", "round": 1}
        opened = GateOpened(**place, checks=CHECKS)  # type: ignore[arg-type]
        store.log.append(NAME, 0, START, "rollout", [created, opened])
        written = 2
        while written < events:
            size = min(BATCH, events - written)
            batch: list[Payload] = [_measured(place, written + n) for n in range(size)]
            store.log.append(NAME, written, START + timedelta(seconds=written), "rollout", batch)
            written += size


def _measured(place: dict[str, object], number: int) -> Payload:
    return Measured(
        **place,  # type: ignore[arg-type]
        check=CHECKS[number % len(CHECKS)],
        verdict=Verdict.PASS if number % 1000 else Verdict.FAIL,
        reason=f"rows is {number}, required < 1000000",
        observed={"rows": number, "share": 0.01},
        evidence=None,
    )


def timed(figures: Figures, name: str, work: Callable[[], object]) -> None:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    took = ((time.perf_counter() - wall) * 1e3, (time.process_time() - cpu) * 1e3)
    figures.setdefault(name, []).append(took)


def read_round(figures: Figures, reader: Reader, head: int, chance: random.Random) -> None:
    """One go at everything that reading costs, at a place where nobody has looked."""
    pages = LogPages(reader, NAME)
    seq = chance.randint(1, max(head - LINES, 1))
    timed(figures, "read a page", lambda: pages.event(seq))
    shown = [event for n in range(LINES) if (event := pages.event(seq + n)) is not None]
    for density in DENSITIES:
        lines = lambda: [log_line(event, 140, density) for event in shown]  # noqa: E731, B023
        timed(figures, f"write {LINES} lines, {density}", lines)
    words = Matches(reader, NAME, parse_filter("rows 123456"), seq)
    timed(figures, "filter by words, one look", words.older)
    kinds = Matches(reader, NAME, parse_filter("kind:gate_opened"), seq)
    timed(figures, "filter by kind, one look", kinds.older)
    failed = parse_filter("is fail")
    timed(
        figures,
        "search, one look",
        lambda: find_previous(reader, NAME, failed, before=seq),
    )
    chain = ChainMark(NAME)
    stretch = reader.sealed(NAME, 0, None, STRETCH)
    timed(figures, f"follow the chain, {STRETCH:,} events", lambda: chain.follow(stretch))


async def turn_pages(figures: Figures, path: Path, rounds: int) -> None:
    """What a key does on the log's screen in a terminal of 140x45: move, read, draw every line."""
    app = RolloutApp(Seat(link=StoreLink(path)))
    async with app.run_test(size=(140, LINES)) as pilot:
        while not app.snapshot.is_loaded:
            await pilot.pause(0.05)
        await pilot.press("5")
        await pilot.pause(0.5)
        pane = app.screen.query_one("#log", LogPane)
        for go in range(rounds):
            pane.select(1 + (go * 7919) % max(pane.head - 5 * LINES, 1))
            await pilot.pause()
            timed(figures, "turn a page and draw it", lambda: _turned(pane))


def _turned(pane: LogPane) -> None:
    pane.action_move_page(1)
    for y in range(pane.size.height):
        pane.render_line(y)


def table(sizes: dict[int, Figures]) -> list[str]:
    names = list(next(iter(sizes.values())))
    head = "".join(f"{f'{size:,} events':>26}" for size in sizes)
    lines = [f"{'':<36}{head}", f"{'':<36}" + f"{'wall ms':>16}{'cpu ms':>10}" * len(sizes)]
    for name in names:
        cells = "".join(
            f"{median(w for w, _ in figures[name]):>16.2f}{median(c for _, c in figures[name]):>10.2f}"
            for figures in sizes.values()
        )
        lines.append(f"{name:<36}{cells}")
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--keep", type=Path, help="a folder for the logs, used again when there")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch)
        sizes: dict[int, Figures] = {}
        for size in dict.fromkeys([SMALL, options.events]):
            path = folder / f"log-{size}.db"
            if not path.exists():
                make_log(path, size)
            sizes[size] = {}
            asyncio.run(turn_pages(sizes[size], path, options.rounds))
        chance = random.Random(1)
        readers = {size: open_readonly(folder / f"log-{size}.db") for size in sizes}
        for _ in range(options.rounds):
            for size, reader in readers.items():
                read_round(sizes[size], reader, size, chance)
        for reader in readers.values():
            reader.close()
    for size, figures in sizes.items():
        for name, goes in figures.items():
            walls, cpus = [w for w, _ in goes], [c for _, c in goes]
            line = {
                "events": size,
                "figure": name,
                "wall_ms": median(walls),
                "cpu_ms": median(cpus),
            }
            print(json.dumps(line))
    print("\n".join(table(sizes)), file=sys.stderr)
    page = median(w for w, _ in sizes[options.events]["read a page"])
    print(f"a page of {options.events:,} events: {page:.1f} ms (goal {GOAL_MS:g})", file=sys.stderr)
    return 0 if page <= GOAL_MS else 1


if __name__ == "__main__":
    sys.exit(main())
