"""What a screen shows of a watch, frozen."""

from __future__ import annotations

from datetime import datetime

import msgspec

from rollout.view.monitor_metrics import MetricView


class CheckpointView(msgspec.Struct, frozen=True, kw_only=True):
    """A gate that is asked once, `age` into the watch. `due_in_s` is negative when it is past."""

    age: str
    gate: str
    title: str
    word: str
    due_at: datetime | None
    due_in_s: float | None
    decided_at: datetime | None
    reason: str


class SeriesView(msgspec.Struct, frozen=True, kw_only=True):
    """A gate that is asked again and again. `looks`: one character a look, in order of time: `g` go,
    `x` no-go, `d` inconclusive, `-` never taken, `r` under way, `l` due, `t` still to come."""

    every: str
    gate: str
    title: str
    word: str
    looks: str
    go: int
    no_go: int
    inconclusive: int
    missed: int
    next_at: datetime | None
    next_in_s: float | None


class CoverageView(msgspec.Struct, frozen=True, kw_only=True):
    """`answered` looks of those `settled` so far and of all `expected`; `best` is the share that can
    still be reached, `minimum` what must be."""

    answered: int
    settled: int
    expected: int
    share: float | None
    best: float | None
    minimum: float | None
    minimum_text: str
    word: str


class BreachView(msgspec.Struct, frozen=True, kw_only=True):
    """A gate of the watch that holds it, and a line for each check that blocks."""

    gate: str
    title: str
    moment: str
    word: str
    decided_at: datetime | None
    checks: list[tuple[str, str, str]]
    """Title, why, and what to do."""
    meaning: str


class MonitorView(msgspec.Struct, frozen=True, kw_only=True):
    """`reason`: why it is held where no breach says it. `watch`: NO-WATCH, NOT-BEGUN, COUNTING, BREACHED, HELD, CLOSING or COMPLETE."""

    phase: str
    title: str
    attempt: int
    watch: str
    word: str
    reason: str
    lasts_s: float
    started_at: datetime | None
    ends_at: datetime | None
    left_s: float | None
    share: float | None
    checkpoints: list[CheckpointView]
    repeated: list[SeriesView]
    coverage: CoverageView | None
    metrics: list[MetricView]
    breaches: list[BreachView]
    at: datetime
