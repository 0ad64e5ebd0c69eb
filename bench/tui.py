"""What the TUI costs, each against a bare Textual app in the same run, on a pty of 140x45.

First paint: from the start of the process to the first picture with the rollout in it. Key to paint:
from a key to the bytes that draw the cursor elsewhere. CPU: of one core, while the log grows four times
a second; the bare app writes one line anew four times a second. Quit: from the key to the end of the
process. Log page: a page up in a log of `--events` events, to the bytes that draw its lines. Arms run in
turns; ratios are medians of the ratios of one round, because the machine's speed wanders. Prints one
JSON line a figure, then a table; ends with 1 when a goal is missed.

    python bench/tui.py --rounds 5 --events 100000
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median, quantiles

from start_up import NAME, fill

from rollout.domain.events import Measured
from rollout.domain.evidence import Verdict
from rollout.store.opening import open_store

BARE = """
import sys
from textual.app import App
from textual.widgets import DataTable, Footer, Header, Static

class Bare(App):
    BINDINGS = [("j", "down", "down"), ("k", "up", "up"), ("ctrl+q", "quit", "quit")]
    def compose(self):
        yield Header()
        yield Static("ready to go", id="line")
        yield DataTable()
        yield Footer()
    def on_mount(self):
        table = self.query_one(DataTable)
        table.add_columns("one", "two")
        for n in range(50):
            table.add_row(str(n), "row")
        table.focus()
        if "tick" in sys.argv:
            self.set_interval(0.25, self.tick)
    def tick(self):
        self.number = getattr(self, "number", 0) + 1
        self.query_one("#line", Static).update(f"line {self.number}")
    def action_down(self):
        self.query_one(DataTable).action_cursor_down()
    def action_up(self):
        self.query_one(DataTable).action_cursor_up()

Bare().run()
"""

GOALS = {"first paint s": 0.7, "key to paint p90 ms": 50.0, "cpu at 4 Hz %": 15.0, "quit s": 1.0}
"""On a quiet machine (the design, section 11)."""

KEYS = 40
CURSOR = "▌".encode()
WATCHED_S = 8.0
SIZE = (45, 140)


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, command: Sequence[str]) -> None:
        self.began = time.perf_counter()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(
                TERM="xterm-256color", COLORTERM="truecolor", TEXTUAL_ANIMATIONS="none"
            )
            os.execvp(command[0], list(command))
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", *SIZE, 0, 0))
        self.seen = b""

    def read(self, timeout_s: float) -> bytes:
        """Whatever comes next; empty when nothing does in that time."""
        if not select.select([self.fd], [], [], timeout_s)[0]:
            return b""
        try:
            found = os.read(self.fd, 65536)
        except OSError:
            return b""
        self.seen += found
        return found

    def until(self, words: bytes, timeout_s: float = 60.0) -> float:
        """Seconds since the start when the words were there."""
        end = time.perf_counter() + timeout_s
        while words not in self.seen:
            if time.perf_counter() > end:
                raise SystemExit(f"{words!r} never came:\\n{self.seen[-2000:]!r}")
            self.read(0.05)
        return time.perf_counter() - self.began

    def settle(self, quiet_s: float = 0.3) -> None:
        while self.read(quiet_s):
            pass

    def press(self, key: bytes, mark: bytes = b"") -> float:
        """Milliseconds until something is painted that holds the mark: the clock paints as well."""
        self.settle(0.05)
        seen, began = b"", time.perf_counter()
        os.write(self.fd, key)
        while not (seen and mark in seen) and time.perf_counter() - began < 2.0:
            seen += self.read(2.0)
        return (time.perf_counter() - began) * 1e3

    def cpu_s(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def watched(self) -> float:
        """Per cent of a core, while what it writes is read."""
        before, began = self.cpu_s(), time.perf_counter()
        while time.perf_counter() - began < WATCHED_S:
            self.read(0.1)
        return 100 * (self.cpu_s() - before) / (time.perf_counter() - began)

    def quit(self, key: bytes = b"\x11") -> float:
        """Seconds from the key to the end of the process."""
        self.settle(0.05)
        began = time.perf_counter()
        os.write(self.fd, key)
        while time.perf_counter() - began < 20:
            self.read(0.005)
            if os.waitpid(self.pid, os.WNOHANG)[0]:
                break
        else:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        taken = time.perf_counter() - began
        os.close(self.fd)
        return taken


def tui(store: Path) -> list[str]:
    return [sys.executable, "-m", "rollout", "tui", "--state", str(store)]


def bare(*arguments: str) -> list[str]:
    return [sys.executable, "-c", BARE, *arguments]


def grow(store: Path, seconds: float) -> None:
    """Four events a second, as a watch has them."""
    with open_store(store, create=False, relaxed=True) as opened:
        end, number = time.perf_counter() + seconds, 0
        while time.perf_counter() < end:
            head = opened.log.head(NAME)
            newest = next(iter(opened.log.read(NAME, after=head.seq - 1)))
            number += 1
            measured = Measured(
                phase="monitoring",
                attempt=1,
                moment="every:1m#1",
                gate="watch",
                round=1,
                check="check_00",
                verdict=Verdict.PASS,
                reason=f"error_rate is 0.0{number} %, required <= 1 %",
                observed={"error_rate": number / 1e4},
                evidence=None,
            )
            opened.log.append(NAME, head.seq, newest.at, "rollout", [measured])
            time.sleep(0.25)


def one_arm(
    command: Sequence[str], ready: bytes, cursor: bytes, grower: Callable[[], None] | None
) -> dict[str, float]:
    """First paint, keys, CPU and quit of one program; `cursor` is in the bytes that move it."""
    terminal = Terminal(command)
    found = {"first paint s": terminal.until(ready)}
    terminal.settle()
    pressed = [terminal.press(b"k" if n % 2 else b"j", cursor) for n in range(KEYS)]
    found["key to paint p90 ms"] = quantiles(pressed, n=10)[8]
    if grower is not None:
        grower()
        found["cpu at 4 Hz %"] = terminal.watched()
    found["quit s"] = terminal.quit()
    return found


def ticking() -> dict[str, float]:
    """CPU of the bare app that writes one line anew, four times a second."""
    terminal = Terminal(bare("tick"))
    terminal.until(b"line")
    terminal.settle(0.2)
    found = {"cpu at 4 Hz %": terminal.watched()}
    terminal.quit()
    return found


def growing(store: Path) -> Callable[[], None]:
    def begin() -> None:
        subprocess.Popen([sys.executable, __file__, "--grow", str(store)])

    return begin


def log_pages(store: Path) -> dict[str, float]:
    """A page up, again and again, from the end of the log."""
    terminal = Terminal(tui(store))
    terminal.until(b"monitoring")
    terminal.settle()
    opened = terminal.press(b"5", b"#")
    terminal.settle(0.5)
    pressed = [terminal.press(b"\x1b[5~", b"#") for _ in range(KEYS)]
    terminal.quit()
    return {"log opens ms": opened, "log page p90 ms": quantiles(pressed, n=10)[8]}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--grow", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.grow is not None:
        grow(options.grow, WATCHED_S)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "rollout.db"
        fill(store, options.events)
        ours, theirs = [], []
        for _ in range(options.rounds):
            theirs.append(one_arm(bare(), b"ready to go", b"", None) | ticking())
            ours.append(one_arm(tui(store), b"monitoring", CURSOR, growing(store)))
        pages = log_pages(store)
    return report(ours, theirs, pages, options.events)


def report(
    ours: Sequence[dict[str, float]],
    theirs: Sequence[dict[str, float]],
    pages: dict[str, float],
    events: int,
) -> int:
    missed = []
    print(f"{format(events, ',') + ' events':<24}{'tui':>10}{'x bare':>10}{'goal':>8}")
    for name, goal in GOALS.items():
        value = median(o[name] for o in ours)
        ratio = (
            median(o[name] / t[name] for o, t in zip(ours, theirs, strict=True) if name in t)
            if name in theirs[0]
            else None
        )
        missed += [name] if value > goal else []
        print(f"{name:<24}{value:>10.2f}{f'{ratio:.2f}' if ratio else '-':>10}{goal:>8}")
        print(
            json.dumps(
                {"figure": name, "tui": round(value, 3), "x_bare": ratio and round(ratio, 2)}
            )
        )
    for name, value in pages.items():
        print(f"{name:<24}{value:>10.2f}")
        print(json.dumps({"figure": name, "tui": round(value, 2), "events": events}))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
