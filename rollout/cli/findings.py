"""`rollout findings`: what is open, whose it is, and by when."""

from __future__ import annotations

import argparse

import msgspec

from rollout.cli import exits
from rollout.cli.picture import present, show
from rollout.store.reading import open_readonly
from rollout.view.findings import findings_view
from rollout.view.findings_text import findings_lines, findings_spoken
from rollout.view.stored import choose, folded, words_of


def run(options: argparse.Namespace) -> int:
    """Raises: StoreUnavailable, LogDamaged, Misuse."""
    with open_readonly(options.state) as reader:
        state = folded(reader, choose(reader, options.rollout))
        view = findings_view(state, words_of(reader, state), present(state))
    if not options.all:
        view = msgspec.structs.replace(view, closed=[])
    show(options, view, findings_lines, findings_spoken)
    return exits.NO_GO if options.exit_code and view.open else exits.GO
