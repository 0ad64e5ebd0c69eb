"""`rollout watch`: the rollout as it goes on, drawn on a terminal, as lines in a pipe."""

from __future__ import annotations

import sys

from rollout.cli import exits
from rollout.cli.log import line
from rollout.domain.fold import apply
from rollout.domain.state import RolloutState
from rollout.live.waiting import Signals
from rollout.live.watching import batches
from rollout.store.reading import Reader, open_readonly
from rollout.view.status import status_view
from rollout.view.status_text import status_lines
from rollout.view.stored import choose, folded, words_of

NEWEST = 5


def run(state: str, rollout: str | None, *, ascii_only: bool) -> int:
    """Until the rollout has ended or a signal comes. Raises: StoreUnavailable, LogDamaged, Misuse."""
    with open_readonly(state) as reader, Signals(_ignore) as signals:
        name = choose(reader, rollout)
        if sys.stdout.isatty():
            _draw(reader, name, signals, ascii_only=ascii_only or exits.needs_ascii())
        else:
            _print(reader, name, signals)
    return exits.PIPE_CLOSED if exits.nobody_reads() else exits.GO


def _print(reader: Reader, name: str, signals: Signals) -> None:
    """The newest event, then each one as it comes."""
    state = folded(reader, name)
    newest = reader.events(name, before=state.seq + 1, limit=1, newest=True)
    exits.write_lines([line(event) for event in newest])
    for events in batches(reader, name, signals, state.seq, exits.nobody_reads):
        for event in events:
            apply(state, event)
        exits.write_lines([line(event) for event in events])
        sys.stdout.flush()
        if state.outcome:
            return


def _draw(reader: Reader, name: str, signals: Signals, *, ascii_only: bool) -> None:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console()
    state = folded(reader, name)
    with Live(console=console, auto_refresh=False, screen=False) as live:
        for events in batches(reader, name, signals, state.seq):
            for event in events:
                apply(state, event)
            lines = _picture(reader, state, console.size.width, ascii_only=ascii_only)
            shown = "\n".join(lines[: console.size.height - 1])
            live.update(Text(shown, no_wrap=True), refresh=True)
            if state.outcome:
                return


def _picture(reader: Reader, state: RolloutState, width: int, *, ascii_only: bool) -> list[str]:
    newest = reader.events(state.rollout, before=state.seq + 1, limit=NEWEST, newest=True)
    view = status_view(state, words_of(reader, state), newest)
    return status_lines(view, width, ascii_only=ascii_only)


def _ignore(_: object) -> None:
    """Whoever looks on is not told that looking ends."""
