"""One sync and its runs: how far, how fast, what was refused, and how near the brake is."""

from __future__ import annotations

from datetime import datetime

import msgspec

from rollout.domain.events import RunObserved
from rollout.domain.state import RolloutState, StepState
from rollout.view.gates import Documents
from rollout.view.model import RunView
from rollout.view.plan_words import PlanWords, StepWords
from rollout.view.progress import Progress, progress_of
from rollout.view.rejects import RejectsView, rejects_view
from rollout.view.run_samples import RunSamples
from rollout.view.status import run_view
from rollout.view.sync_limits import (
    BreakerView,
    ExpectedView,
    breaker_views,
    counted_of,
    expected_views,
)
from rollout.view.sync_state import (
    RUN_SYNC,
    SyncStateView,
    is_paused,
    newest_step,
    run_of,
    schedule,
    sync_state,
)
from rollout.view.text import plain


class CurrentRunView(msgspec.Struct, frozen=True, kw_only=True):
    """The newest step that runs the sync, and its run once there is one."""

    phase: str
    attempt: int
    step: str
    title: str
    run: RunView | None
    started_at: datetime | None
    ended_at: datetime | None
    progress: Progress
    error_rate: float | None
    expected: list[ExpectedView]
    breakers: list[BreakerView]
    rejects: RejectsView
    window: str


class PastRunView(msgspec.Struct, frozen=True, kw_only=True):
    """`took_s` is None while it goes on or when its times are not known."""

    run: RunView
    started_at: datetime | None
    took_s: float | None


class SyncRunView(msgspec.Struct, frozen=True, kw_only=True):
    """`runs` are newest first, the ones of others included; `other_syncs` are name and state."""

    sync: str
    title: str
    number: int
    operation: str
    source: str
    target: str
    state: SyncStateView
    is_paused: bool
    schedule: str
    current: CurrentRunView | None
    runs: list[PastRunView]
    other_syncs: list[tuple[str, str]]
    at: datetime


def sync_names(state: RolloutState, words: PlanWords) -> list[str]:
    """Those of the plan, then those that only the log knows."""
    return list(dict.fromkeys([*words.syncs, *(r.sync for r in state.runs.values())]))


def newest_sync(state: RolloutState, words: PlanWords) -> str | None:
    """The sync that a step ran last, else the first of the plan."""
    for step in reversed(state.steps.values()):
        said = words.step(step.phase, step.step)
        if said.step == RUN_SYNC and isinstance(said.inputs.get("sync"), str):
            return str(said.inputs["sync"])
    return next(iter(sync_names(state, words)), None)


def sync_run_view(
    state: RolloutState,
    words: PlanWords,
    sync: str,
    samples: RunSamples,
    now: datetime,
    documents: Documents | None = None,
) -> SyncRunView:
    """The sync at `now`. Without `documents` nothing is said of why rows were refused."""
    said = words.syncs.get(sync)
    found = newest_step(state, words, sync)
    others = [n for n in sync_names(state, words) if n != sync]
    runs = [_past(r) for r in state.runs.values() if r.sync == sync]
    return SyncRunView(
        sync=plain(sync),
        title=plain(said.title if said and said.title else sync),
        number=said.id if said else 0,
        operation=plain(said.operation) if said else "",
        source=plain(said.source) if said else "",
        target=plain(said.target) if said else "",
        state=sync_state(state, words, sync, now),
        is_paused=is_paused(state, sync),
        schedule=schedule(state, sync),
        current=_current(state, words, *found, sync, samples, now, documents) if found else None,
        runs=sorted(runs, key=lambda r: r.run.run_id, reverse=True),
        other_syncs=[(plain(n), sync_state(state, words, n, now).said()) for n in others],
        at=now,
    )


def _past(run: RunObserved) -> PastRunView:
    took = run.completed_at - run.created_at if run.completed_at and run.created_at else None
    return PastRunView(
        run=run_view(run),
        started_at=run.created_at,
        took_s=took.total_seconds() if took is not None else None,
    )


def _current(
    state: RolloutState,
    words: PlanWords,
    step: StepState,
    said: StepWords,
    sync: str,
    samples: RunSamples,
    now: datetime,
    documents: Documents | None,
) -> CurrentRunView:
    run = run_of(state, step, sync)
    is_over = step.status != "running" or (run is not None and run.completed_at is not None)
    counted = counted_of(run, now)
    window = words.phase(step.phase).window
    return CurrentRunView(
        phase=step.phase,
        attempt=step.attempt,
        step=step.step,
        title=plain(said.name()),
        run=run_view(run) if run else None,
        started_at=run.created_at if run else step.started_at,
        ended_at=run.completed_at if run else step.ended_at,
        progress=_progress(run, samples, now, is_over=is_over),
        error_rate=_rate(counted.get("error_rate")),
        expected=expected_views(state, said, counted, is_over=is_over),
        breakers=breaker_views(state, step, said, counted),
        rejects=rejects_view(step, run, documents),
        window=plain(window.said()) if window is not None and run is None else "",
    )


def _progress(
    run: RunObserved | None, samples: RunSamples, now: datetime, *, is_over: bool
) -> Progress:
    if run is None:
        return progress_of([], None, now, is_over=is_over)
    seen = samples.get(f"{run.sync}/{run.run_id}", [])
    return progress_of(seen, run.source_rows, run.completed_at or now, is_over=is_over)


def _rate(value: object) -> float | None:
    return value if isinstance(value, float) else None
