"""`rollout sync`: how one sync's runs go."""

from __future__ import annotations

import argparse

from rollout.cli import exits
from rollout.cli.picture import present, show
from rollout.domain.state import RolloutState
from rollout.store.reading import open_readonly
from rollout.view.plan_words import PlanWords
from rollout.view.run_samples import KIND, run_samples
from rollout.view.stored import choose, folded, words_of
from rollout.view.sync_run import newest_sync, sync_names, sync_run_view
from rollout.view.sync_run_text import sync_run_lines, sync_run_spoken


def run(options: argparse.Namespace) -> int:
    """Raises: StoreUnavailable, LogDamaged, Misuse."""
    with open_readonly(options.state) as reader:
        name = choose(reader, options.rollout)
        state = folded(reader, name)
        words = words_of(reader, state)
        sync = _chosen(options.name, state, words)
        seen = run_samples(reader.events(name, kinds=[KIND]))
        view = sync_run_view(state, words, sync, seen, present(state), reader.evidence)
    show(options, view, sync_run_lines, sync_run_spoken)
    return exits.GO


def _chosen(asked: str | None, state: RolloutState, words: PlanWords) -> str:
    names = sync_names(state, words)
    if not names:
        raise exits.Misuse(f"{state.rollout}: its plan has no sync, and none was run")
    if asked is not None and asked not in names:
        raise exits.Misuse(f"there is no sync {asked!r}; there is {', '.join(names)}")
    return asked or newest_sync(state, words) or names[0]
