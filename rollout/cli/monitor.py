"""`rollout monitor`: the watch after the syncs."""

from __future__ import annotations

import argparse

from rollout.cli import exits
from rollout.cli.picture import present, show
from rollout.store.reading import open_readonly
from rollout.view.monitor import monitor_view
from rollout.view.monitor_text import monitor_lines, monitor_spoken
from rollout.view.stored import choose, folded, words_of


def run(options: argparse.Namespace) -> int:
    """Raises: StoreUnavailable, LogDamaged, Misuse."""
    with open_readonly(options.state) as reader:
        state = folded(reader, choose(reader, options.rollout))
        view = monitor_view(state, words_of(reader, state), present(state), reader.evidence)
    show(options, view, monitor_lines, monitor_spoken)
    return exits.GO
