"""What one sync is doing, in one word: the newest step that runs it, its effects and its run."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import msgspec

from rollout.domain.events import RunObserved
from rollout.domain.state import EffectState, PhaseState, RolloutState, StepState
from rollout.view import marks
from rollout.view.marks import Mark
from rollout.view.plan_words import PlanWords, StepWords
from rollout.view.progress_text import span
from rollout.view.text import plain

RUN_SYNC = "run_sync"
_OVER = {"completed", "failed", "skipped", "canceled"}
_TOOK_PLACE = {"done", "adopted", "settled"}


class SyncStateView(msgspec.Struct, frozen=True, kw_only=True):
    """`state`: IDLE STARTING RUNNING PAUSED RETRYING FAILED VERIFYING DONE ROLLING-BACK ROLLED-BACK;
    `word` is its mark. `tries` and `next_s` only while RETRYING: how often it was sent, and when it
    is sent again."""

    state: str
    word: str
    note: str = ""
    since: datetime | None = None
    tries: int = 0
    next_s: float | None = None

    def said(self) -> str:
        """`RETRYING(2, next in 30s)`."""
        if self.state != "RETRYING":
            return self.state
        again = f", next in {span(self.next_s)}" if self.next_s else ""
        return f"{self.state}({self.tries}{again})"


def newest_step(
    state: RolloutState, words: PlanWords, sync: str
) -> tuple[StepState, StepWords] | None:
    """The step that ran the sync last, with what the plan says of it."""
    for step in reversed(state.steps.values()):
        said = words.step(step.phase, step.step)
        if said.step == RUN_SYNC and said.inputs.get("sync") == sync:
            return step, said
    return None


def run_of(state: RolloutState, step: StepState, sync: str) -> RunObserved | None:
    """The run that the step's newest trigger came to, else the newest of ours in its attempt."""
    for effect in reversed(list(_effects(state, step))):
        if effect.action == "trigger" and effect.how in _TOOK_PLACE:
            found = state.runs.get(f"{sync}/{effect.value}")
            if found is not None:
                return found
    ours = (
        r
        for r in reversed(state.runs.values())
        if r.ours and (r.sync, r.phase, r.attempt) == (sync, step.phase, step.attempt)
    )
    return next(ours, None)


def sync_state(state: RolloutState, words: PlanWords, sync: str, now: datetime) -> SyncStateView:
    """Its state at `now`."""
    found = newest_step(state, words, sync)
    view = _view("IDLE", marks.TODO) if found is None else _of_step(state, found[0], sync, now)
    if view.state in {"IDLE", "VERIFYING", "DONE"} and is_paused(state, sync):
        return _view("PAUSED", marks.WAIT, note="it runs only when somebody resumes it")
    return view


def is_paused(state: RolloutState, sync: str) -> bool:
    """By the newest pause or resume that took place."""
    newest = _newest_setting(state, sync, "set_paused")
    return newest is not None and newest.request.get("paused") is True


def schedule(state: RolloutState, sync: str) -> str:
    """How it runs by itself, as far as this rollout set it: `never`, `hourly`, a cron line."""
    newest = _newest_setting(state, sync, "set_schedule")
    wanted = newest.request.get("schedule") if newest else None
    if not isinstance(wanted, dict):
        return ""
    cron = wanted.get("cron")
    return plain(f"cron {cron}" if cron else str(wanted.get("frequency", "")).replace("_", " "))


def _newest_setting(state: RolloutState, sync: str, action: str) -> EffectState | None:
    found = (
        e
        for e in reversed(state.effects.values())
        if (e.action, e.target) == (action, sync) and e.how in _TOOK_PLACE
    )
    return next(found, None)


def _effects(state: RolloutState, step: StepState) -> Iterator[EffectState]:
    place = (step.phase, step.attempt, step.step)
    return (e for e in state.effects.values() if (e.phase, e.attempt, e.step) == place)


def _view(
    state: str, mark: Mark, *, note: str = "", since: datetime | None = None
) -> SyncStateView:
    return SyncStateView(state=state, word=mark.word, note=plain(note), since=since)


def _of_step(state: RolloutState, step: StepState, sync: str, now: datetime) -> SyncStateView:
    phase = state.phases[step.phase]
    if step.status == "running":
        return _under_way(state, step, sync, now)
    if step.status == "completed":
        return _completed(phase, step)
    if step.status == "undone":
        return _view("ROLLED-BACK", marks.SKIP, since=step.ended_at)
    if step.status == "undoing":
        return _view("ROLLING-BACK", marks.RUN, since=phase.since)
    return _view("FAILED", marks.FAIL, note=step.reason, since=step.ended_at)


def _under_way(state: RolloutState, step: StepState, sync: str, now: datetime) -> SyncStateView:
    unsettled = next((e for e in _effects(state, step) if e.how is None and e.answer), None)
    if unsettled is not None:
        return _retrying(unsettled, now)
    stuck = next((e for e in _effects(state, step) if e.how == "needs_human"), None)
    if stuck is not None:
        note = f"a person must settle {stuck.effect}: {stuck.detail}"
        return _view("STARTING", marks.WAIT, note=note, since=stuck.intended_at)
    run = run_of(state, step, sync)
    if run is None:
        return _view("STARTING", marks.RUN, note="not triggered yet", since=step.started_at)
    stopped = step.memory.get("stopped")
    note = f"is being stopped: {stopped}" if stopped else ""
    if run.status in _OVER:
        return _view("VERIFYING", marks.RUN, note=note or "the run is over", since=run.completed_at)
    name = "STARTING" if run.status == "queued" else "RUNNING"
    return _view(name, marks.RUN, note=note, since=run.created_at or step.started_at)


def _retrying(effect: EffectState, now: datetime) -> SyncStateView:
    left = (effect.retry_at - now).total_seconds() if effect.retry_at else None
    looked_up = effect.answer == "unknown" and not effect.idempotent
    what = "its answer was lost, it is looked up" if looked_up else f"{effect.action} again"
    return SyncStateView(
        state="RETRYING",
        word=marks.WARN.word,
        note=plain(f"{what}: {effect.detail}"),
        since=effect.intended_at,
        tries=effect.sends,
        next_s=max(left, 0.0) if left is not None else None,
    )


def _completed(phase: PhaseState, step: StepState) -> SyncStateView:
    if phase.attempt > step.attempt:
        note = f"attempt {phase.attempt} of {phase.id} has not come to it yet"
        return _view("IDLE", marks.TODO, note=note, since=phase.since)
    if phase.stage == "passed":
        return _view("DONE", marks.PASS, since=step.ended_at)
    # The first words of why: the whole of it stands on other screens.
    why = phase.reason.partition(":")[0]
    note = f"{phase.id} is held: {why}" if phase.stage == "held" else ""
    mark = marks.WAIT if phase.stage == "sign_off" else marks.OF_STAGE[phase.stage]
    return _view("VERIFYING", mark, note=note, since=step.ended_at)
