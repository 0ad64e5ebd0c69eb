"""How far each run of a sync had come, look by look: the state keeps the newest look only."""

from __future__ import annotations

from collections.abc import Iterable

from rollout.domain.events import Event, RunObserved
from rollout.view.progress import Sample

KIND = "run_observed"
"""The kind of event that this reads."""

MOST = 400
"""Looks kept of one run; of more, every second one goes, the newest stays."""

RunSamples = dict[str, list[Sample]]
"""`sync/run id` -> looks, oldest first."""


def run_samples(events: Iterable[Event], known: RunSamples | None = None) -> RunSamples:
    """What the events add to what is known already; other kinds of event say nothing."""
    found = known if known is not None else {}
    for event in events:
        if isinstance(event.payload, RunObserved):
            _add(found, event, event.payload)
    return found


def _add(found: RunSamples, event: Event, run: RunObserved) -> None:
    samples = found.setdefault(f"{run.sync}/{run.run_id}", [])
    # Rows that were dropped before they were sent are done with too.
    samples.append(Sample(event.at, (run.processed or 0) + (run.invalid or 0)))
    if len(samples) > MOST:
        del samples[1:-1:2]
