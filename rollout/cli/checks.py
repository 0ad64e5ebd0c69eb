"""`rollout checks`: the gates with their checks against their limits, and one check with its evidence."""

from __future__ import annotations

import argparse

from rollout.cli import exits
from rollout.cli.picture import present, show
from rollout.store.reading import open_readonly
from rollout.view.gate_checks import gate_checks_lines, gate_checks_spoken, gate_checks_view
from rollout.view.stored import choose, folded, words_of


def run(options: argparse.Namespace) -> int:
    """Raises: StoreUnavailable, LogDamaged, Misuse."""
    with open_readonly(options.state) as reader:
        state = folded(reader, choose(reader, options.rollout))
        try:
            view = gate_checks_view(
                state,
                words_of(reader, state),
                present(state),
                reader.evidence,
                options.gate,
                options.check,
            )
        except LookupError as unknown:
            raise exits.Misuse(str(unknown.args[0])) from unknown
    show(options, view, gate_checks_lines, gate_checks_spoken)
    return exits.GO
