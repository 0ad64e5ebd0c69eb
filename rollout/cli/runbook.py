"""`rollout runbook`: what to do now, whom to call, and the way back."""

from __future__ import annotations

import argparse

from rollout.cli import exits
from rollout.cli.picture import present, show
from rollout.store.reading import open_readonly
from rollout.view.runbook import runbook_view
from rollout.view.runbook_text import runbook_lines, runbook_spoken
from rollout.view.stored import choose, folded, words_of


def run(options: argparse.Namespace) -> int:
    """Raises: StoreUnavailable, LogDamaged, Misuse."""
    with open_readonly(options.state) as reader:
        state = folded(reader, choose(reader, options.rollout))
        view = runbook_view(state, words_of(reader, state), present(state))
    show(options, view, runbook_lines, runbook_spoken)
    return exits.GO
