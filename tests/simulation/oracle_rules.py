"""Rules of the plan that hold between events: windows, the brake on a bad run, fresh decisions."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from rollout.domain.events import (
    DecisionMade,
    EffectAnswered,
    EffectIntended,
    Event,
    PlanAdopted,
    RunObserved,
)
from rollout.domain.plan import Plan
from rollout.domain.state import RolloutState

from .plan_changes import InForce
from .violation import require

WORST_SHARE = 0.3
BRAKE_FROM_ROWS = 2
LONGEST = timedelta(minutes=20)
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class RuleOracle:
    """`see` judges events, `rest` the state in which a tick has come to rest."""

    def __init__(self, plans: InForce) -> None:
        self.plans = plans
        self.reached: Counter[str] = Counter()

    @property
    def plan(self) -> Plan:
        return self.plans.now

    def see(self, before: RolloutState, event: Event) -> None:
        match event.payload:
            case EffectIntended(action="trigger") as p:
                self._in_window(p.phase, event.at, p.effect)
            case EffectAnswered(answer="resent") as p:
                effect = before.effects[p.effect]
                if effect.action == "trigger":
                    self._in_window(effect.phase, event.at, p.effect)
            case DecisionMade() | PlanAdopted() as p:
                phase = before.current_phase()
                assert phase is not None
                fresh = p.seen_seq >= phase.since_seq
                require(fresh, "9", f"{p} by what was seen before {phase.stage} began")

    def _in_window(self, phase: str, at: datetime, effect: str) -> None:
        window = self.plan.phase(phase).window
        if window is None or window.between is None:
            return
        local = at.astimezone(ZoneInfo(self.plan.timezone))
        start, end = window.between
        is_open = DAYS[local.weekday()] in window.days and start <= local.time() < end
        require(is_open, "9", f"{effect} is sent at {local:%a %H:%M}, outside its window")
        self.reached["in_window"] += 1

    def rest(self, state: RolloutState, now: datetime) -> None:
        """A run of ours that was seen to go wrong is being stopped."""
        phase = state.current_phase()
        if state.outcome or phase is None or phase.stage != "running":
            return
        for step in state.steps.values():
            run = _watched(state, phase.id, phase.attempt, step.step)
            if step.phase != phase.id or step.attempt != phase.attempt or run is None:
                continue
            if step.status == "running" and _is_bad(run, now):
                name = f"{phase.id}/{phase.attempt}/{step.step}/cancel"
                require(name in state.effects, "10", f"{step.step} watches run {run.run_id} fail")
                self.reached["braked"] += 1


def _watched(state: RolloutState, phase: str, attempt: int, step: str) -> RunObserved | None:
    prefix = f"{phase}/{attempt}/{step}/trigger-"
    ids = [e.value for n, e in state.effects.items() if n.startswith(prefix) and e.how != "refused"]
    runs = [r for r in state.runs.values() if r.run_id in ids and r.status in {"queued", "working"}]
    return runs[-1] if runs else None


def _is_bad(run: RunObserved, now: datetime) -> bool:
    processed, failed = run.processed or 0, run.failed or 0
    is_failing = processed >= BRAKE_FROM_ROWS and failed > WORST_SHARE * processed
    return is_failing or (run.created_at is not None and now - run.created_at > LONGEST)
