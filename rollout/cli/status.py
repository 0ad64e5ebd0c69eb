"""`rollout status`: where a rollout is, from the newest snapshot and what came after."""

from __future__ import annotations

import argparse

from rollout.cli import exits
from rollout.cli.held import exit_code
from rollout.cli.picture import show
from rollout.store.reading import open_readonly
from rollout.view.status import status_view
from rollout.view.status_spoken import status_spoken
from rollout.view.status_text import status_lines
from rollout.view.stored import choose, folded, words_of

NEWEST = 8
"""Events shown at the end."""


def run(options: argparse.Namespace) -> int:
    """Raises: StoreUnavailable, LogDamaged, Misuse."""
    with open_readonly(options.state) as reader:
        name = choose(reader, options.rollout)
        state = folded(reader, name)
        newest = reader.events(name, before=state.seq + 1, limit=NEWEST, newest=True)
        view = status_view(state, words_of(reader, state), newest)
    show(options, view, status_lines, status_spoken)
    return exit_code(state) if options.exit_code else exits.GO
