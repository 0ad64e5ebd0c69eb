"""What goes on right now, and how long still: steps, sync runs, waits, a watch; or what is waited for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import msgspec

from rollout.domain.durations import parse_duration
from rollout.domain.events import RunObserved
from rollout.domain.evidence import Decision
from rollout.domain.state import PhaseState, RolloutState, StepState
from rollout.view import marks
from rollout.view.gates import newest_rounds
from rollout.view.plan_words import LEAD, PlanWords, StepWords
from rollout.view.progress import Progress, progress_of
from rollout.view.run_samples import RunSamples
from rollout.view.text import plain

_OVER = {"completed", "failed", "skipped", "canceled"}


class WorkView(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that goes on, or is waited for. `share` is 0..1 of it, where that is known; `until`
    when a wait ends; `progress` that of a sync run."""

    word: str
    title: str
    detail: str = ""
    since: datetime | None = None
    for_s: float | None = None
    until: datetime | None = None
    left_s: float | None = None
    share: float | None = None
    progress: Progress | None = None


def under_way(
    state: RolloutState, words: PlanWords, now: datetime | None, samples: RunSamples
) -> list[WorkView]:
    """Never empty: when nothing runs, it says what is waited for, and for whom."""
    phase = state.current_phase()
    if not state.phases:
        return [WorkView(word=marks.TODO.word, title="no rollout was read yet")]
    if phase is None or state.outcome:
        word = marks.of_rollout(state.outcome).word
        ended = (state.outcome or "every phase is passed").replace("_", " ")
        title = f"the rollout has ended: {ended}"
        return [WorkView(word=word, title=title, detail=plain(state.outcome_reason))]
    at = now or state.latest_at or phase.since
    found = list(_steps(state, words, at, samples)) if at else []
    if at and not found:
        found = list(_watch(state, phase, words, at))
    standing = _standing(state, phase, words, at)
    return [standing, *found] if phase.stage in _SAID_FIRST else found or [standing]


_SAID_FIRST = {"held", "rollback_failed"}
"""Stages whose reason comes before a step that was under way."""


def share_of(work: list[WorkView]) -> float | None:
    """How far the first thing is whose share is known."""
    return next((w.share for w in work if w.share is not None), None)


def _steps(
    state: RolloutState, words: PlanWords, now: datetime, samples: RunSamples
) -> Iterator[WorkView]:
    for step in state.steps.values():
        is_current = state.phases[step.phase].attempt == step.attempt
        if not is_current or step.status in {"completed", "undone"} or step.taken_back:
            continue
        said = words.step(step.phase, step.step)
        if step.status == "running" and said.step == "wait":
            yield _wait(step, said, now)
        elif step.status == "running" and said.step == "run_sync":
            yield _run(state, step, said, now, samples)
        else:
            yield _plain_step(step, said, now)


def _plain_step(step: StepState, said: StepWords, now: datetime) -> WorkView:
    undoing = {"undoing": "undoing: ", "undo_failed": "could not be undone: ", "failed": "failed: "}
    return WorkView(
        word=marks.OF_STEP[step.status].word,
        title=plain(undoing.get(step.status, "") + said.name()),
        detail=plain(step.reason),
        since=step.started_at,
        for_s=_since(step.started_at, now),
    )


def _wait(step: StepState, said: StepWords, now: datetime) -> WorkView:
    lasts = _duration(said.inputs.get("for"))
    until = step.started_at + lasts if lasts is not None else None
    return WorkView(
        word=marks.RUN.word,
        title=plain(said.name()),
        since=step.started_at,
        for_s=_since(step.started_at, now),
        until=until,
        left_s=max((until - now).total_seconds(), 0.0) if until else None,
        share=_share(step.started_at, lasts, now),
    )


def _run(
    state: RolloutState, step: StepState, said: StepWords, now: datetime, samples: RunSamples
) -> WorkView:
    run = _run_of(state, step, str(said.inputs.get("sync", "")))
    if run is None:
        return _plain_step(step, said, now)
    progress = progress_of(
        samples.get(f"{run.sync}/{run.run_id}", []),
        run.source_rows,
        now,
        is_over=run.status in _OVER,
    )
    bad = [f"{n:,} {what}" for n, what in ((run.failed, "failed"), (run.invalid, "invalid")) if n]
    return WorkView(
        word=marks.of_run(run.status).word if run.status not in _OVER else marks.RUN.word,
        title=plain(said.name()),
        detail=", ".join([f"run {run.run_id} {plain(run.status)}", *bad]),
        since=step.started_at,
        for_s=_since(step.started_at, now),
        share=progress.share,
        progress=progress,
    )


def _run_of(state: RolloutState, step: StepState, sync: str) -> RunObserved | None:
    ours = [
        run
        for run in state.runs.values()
        if run.ours and run.sync == sync and (run.phase, run.attempt) == (step.phase, step.attempt)
    ]
    return ours[-1] if ours else None


def _watch(
    state: RolloutState, phase: PhaseState, words: PlanWords, now: datetime
) -> Iterator[WorkView]:
    said, started = words.phase(phase.id).soak, phase.soak_started_at
    if said is None or started is None or phase.stage != "running":
        return
    lasts = _duration(said.lasts)
    until = started + lasts if lasts is not None else None
    yield WorkView(
        word=marks.RUN.word,
        title=f"watching for {said.lasts}",
        since=started,
        for_s=_since(started, now),
        until=until,
        left_s=max((until - now).total_seconds(), 0.0) if until else None,
        share=_share(started, lasts, now),
    )


def _standing(
    state: RolloutState, phase: PhaseState, words: PlanWords, now: datetime | None
) -> WorkView:
    """What the stage itself is about, when no step speaks for it."""
    title, detail = _STAGES[phase.stage](state, phase, words)
    return WorkView(
        word=marks.OF_STAGE[phase.stage].word,
        title=plain(title),
        detail=plain(detail),
        since=phase.since,
        for_s=_since(phase.since, now) if phase.since and now else None,
    )


def _asking(state: RolloutState, phase: PhaseState, words: PlanWords) -> tuple[str, str]:
    open_gates = [g for g in newest_rounds(state, phase.id, phase.attempt) if g.decision is None]
    if not open_gates:
        return f"the gates of {phase.id} are asked", ""
    done = sum(c.verdict is not None for g in open_gates for c in g.checks.values())
    total = sum(len(g.checks) for g in open_gates)
    names = ", ".join(words.gate(g.gate).title or g.gate for g in open_gates)
    return f"asking: {names}", f"{done} of {total} checks answered"


def _signing(state: RolloutState, phase: PhaseState, words: PlanWords) -> tuple[str, str]:
    rule = words.phase(phase.id).sign_off
    given = {s.role: s.by for s in state.signatures if _is_now(s.phase, s.attempt, phase)}
    wanted = rule.roles if rule is not None else []
    left = [role for role in wanted if role not in given]
    said = [f"{role} signed ({by})" for role, by in given.items()]
    return f"waits for signatures: {', '.join(left) or 'none'}", ", ".join(said)


def _is_now(phase_id: str, attempt: int, phase: PhaseState) -> bool:
    return (phase_id, attempt) == (phase.id, phase.attempt)


def _held(state: RolloutState, phase: PhaseState, words: PlanWords) -> tuple[str, str]:
    """By a gate: only which, as the gate itself is told in full beside it."""
    blocking = [
        words.gate(gate.gate).title or gate.gate
        for gate in newest_rounds(state, phase.id, phase.attempt)
        if gate.decision not in {None, Decision.GO}
    ]
    by_gate = blocking and phase.held_from in {"entry_gate", "exit_gate", "running"}
    failed = any(
        s.status == "failed" and _is_now(s.phase, s.attempt, phase) for s in state.steps.values()
    )
    if by_gate and not failed:
        return f"{phase.id} is held", f"not so: {'; '.join(blocking)}"
    return f"{phase.id} is held", phase.reason


def _ready(_state: RolloutState, phase: PhaseState, words: PlanWords) -> tuple[str, str]:
    who = ", ".join(words.people(LEAD)) or LEAD
    window = words.phase(phase.id).window
    when = f"writes only {window.said()} ({words.timezone})" if window is not None else ""
    return f"waits for {who} to say go", when


_STAGES: dict[str, Callable[[RolloutState, PhaseState, PlanWords], tuple[str, str]]] = {
    "pending": lambda _s, phase, _w: (f"{phase.id} is about to begin", ""),
    "entry_gate": _asking,
    "ready": _ready,
    "running": lambda _s, phase, _w: (f"{phase.id} is running", ""),
    "exit_gate": _asking,
    "sign_off": _signing,
    "held": _held,
    "rolling_back": lambda _s, phase, _w: (f"{phase.id} is being rolled back", phase.reason),
    "passed": lambda _s, phase, _w: (f"{phase.id} is passed", ""),
    "rolled_back": lambda _s, phase, _w: (f"{phase.id} is rolled back", "waits for the lead"),
    "rollback_failed": lambda _s, phase, _w: ("the rollback failed", phase.reason),
}


def _since(at: datetime, now: datetime | None) -> float | None:
    return max((now - at).total_seconds(), 0.0) if now is not None else None


def _share(started: datetime, lasts: timedelta | None, now: datetime) -> float | None:
    if not lasts:
        return None
    return min(max((now - started) / lasts, 0.0), 1.0)


def _duration(written: object) -> timedelta | None:
    try:
        return parse_duration(str(written)) if written else None
    except ValueError:
        return None
