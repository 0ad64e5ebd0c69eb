"""Requests held against the log: none without its intent, none twice, none bound to a wrong run."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from rollout.domain.events import (
    EffectAnswered,
    EffectIntended,
    EffectResolved,
    Event,
    StepStarted,
)
from rollout.domain.state import EffectState, RolloutState
from rollout.engine.rollback import RUNS, SCOPE

from .census import Census, Run
from .clocks import Wall
from .dice import Dice
from .oracle_log import LogOracle
from .violation import Violated, require

MOST_SENDS = 12
BY_PEOPLE = {"settled", "never_sent"}
ROW_ACTIONS = {"restore", "delete"}
_API_TAGS = {"API", "Manual"}
_STRANGERS = ("foreign_api", "foreign_ui")


@dataclass
class Sends:
    """What the far side and the wire know of one intent."""

    sent: int = 0
    effects: int = 0
    answer: str | None = None
    not_before: datetime | None = None
    was_told: bool = False
    """The log holds the refusal: a process that died before it could not know."""
    skew: timedelta = timedelta(0)


class EffectOracle:
    """network.Witness, and a watcher of the log."""

    def __init__(self, log: LogOracle, census: Census, wall: Wall, dice: Dice) -> None:
        self.log, self.census, self.wall, self.dice = log, census, wall, dice
        self.of: defaultdict[str, Sends] = defaultdict(Sends)
        self.triggers: Counter[tuple[str, int, str]] = Counter()
        self.allowed: Counter[tuple[str, int, str]] = Counter()
        self.resolutions: defaultdict[str, list[str]] = defaultdict(list)
        self.reached: Counter[str] = Counter()
        self.epoch = 0
        self.has_looked = False
        """Whether the target was read since a request was last announced in the log."""

    # what leaves ---------------------------------------------------------------------

    def sent(self, action: str, target: str) -> str:
        self.log.catch_up()
        found = [
            e
            for e in self.log.state.effects.values()
            if (e.action, e.target) == (action, target) and e.how is None
        ]
        require(bool(found), "2", f"{action} of {target} was sent without an open intent")
        effect = found[-1]
        known = self.of[effect.effect]
        is_announced = effect.answer in {None, "resent"}
        require(is_announced, "2", f"{effect.effect} was sent again, which the log does not say")
        if known.sent and not effect.idempotent:
            require(
                known.answer == "no",
                "1",
                f"{effect.effect} was sent again although the answer was {known.answer}",
            )
        self._in_time(effect, known)
        if action in ROW_ACTIONS:
            going = self._going(self.log.state)
            require(not going, "12", f"{effect.effect} is sent while our runs {going} write")
        known.sent += 1
        known.answer = None
        require(known.sent <= MOST_SENDS, "L2", f"{effect.effect} was sent {known.sent} times")
        return effect.effect

    def _in_time(self, effect: EffectState, known: Sends) -> None:
        """Not before the service wants to be asked again, by the controller's own clock."""
        if known.was_told and known.not_before is not None and known.skew == self.wall.skew:
            early = known.not_before - self.wall.now()
            require(early <= timedelta(0), "L2", f"{effect.effect} was sent {early} too early")

    def looked(self) -> None:
        """The target's rows were shown."""
        self.has_looked = True

    def _going(self, state: RolloutState) -> list[int]:
        """Runs that the log knows as ours and that Census has not ended."""
        ours = [e.value for e in state.effects.values() if e.action == "trigger"]
        runs = [self.census.runs.get(value) for value in ours if isinstance(value, int)]
        return [run.id for run in runs if run is not None and run.is_active]

    def took_effect(self, intent: str, action: str) -> None:
        self.of[intent].effects += 1
        if action != "trigger":
            return
        effect = self.log.state.effects[intent]
        step = (effect.phase, effect.attempt, effect.step)
        self.triggers[step] += 1
        most = 1 + self.allowed[step]
        require(self.of[intent].effects == 1, "1", f"{intent} took effect twice")
        require(self.triggers[step] <= most, "1", f"{step} has {self.triggers[step]} runs")

    def seemed(self, intent: str, answer: str, wait_s: float) -> None:
        known = self.of[intent]
        known.answer, known.skew, known.not_before = answer, self.wall.skew, None
        known.was_told = False
        if answer == "no" and wait_s:
            known.not_before = self.wall.now() + timedelta(seconds=wait_s)

    # what is written -----------------------------------------------------------------

    def see(self, before: RolloutState, event: Event) -> None:
        match event.payload:
            case EffectIntended() as intended:
                self._intended(before, intended)
            case EffectAnswered() as answered:
                self._answered(before, answered)
            case EffectResolved() as resolved:
                self._resolved(before, resolved)
            case StepStarted(step=step) if step in {RUNS, SCOPE}:
                self._counted(before, step)

    def _intended(self, before: RolloutState, p: EffectIntended) -> None:
        require(p.effect not in before.effects, "1", f"{p.effect} is intended twice")
        require(p.epoch >= self.epoch, "13", f"{p.effect} has epoch {p.epoch} after {self.epoch}")
        self.epoch = p.epoch
        self.has_looked = False
        phase = before.current_phase()
        where = "" if phase is None else f"{phase.id}.{phase.stage}"
        is_back = "/undo/" in p.effect or p.action == "set_paused"
        legal = {f"{p.phase}.running", f"{p.phase}.rolling_back"}
        require(
            where in legal or (is_back and where.endswith(".rolling_back")),
            "8",
            f"{p.effect} is intended while the rollout is at {where}",
        )
        if p.action == "trigger":
            require(where == f"{p.phase}.running", "12", f"{p.effect} is intended in {where}")

    def _counted(self, before: RolloutState, step: str) -> None:
        """A rollback counts what is there once nothing more can land."""
        triggers = [e for e in before.effects.values() if e.action == "trigger"]
        may_land = [e.effect for e in triggers if e.how in {None, "needs_human"}]
        require(not may_land, "12", f"the scope is looked at while {may_land} may still land")
        going = self._going(before)
        is_over = step == RUNS or not going
        require(is_over, "12", f"the scope is looked at while our runs {going} go on")

    def _answered(self, before: RolloutState, p: EffectAnswered) -> None:
        effect = before.effects[p.effect]
        phase = before.current_phase()
        if p.answer == "resent" and effect.action == "trigger":
            is_on = phase is not None and phase.stage == "running"
            require(is_on, "12", f"{p.effect} is sent again, and nothing runs")
        require(effect.how is None, "5", f"{p.effect} is answered after it was {effect.how}")
        self.reached[f"answer_{p.answer}"] += 1
        known = self.of[p.effect]
        self.has_looked = self.has_looked and p.answer != "resent"
        if p.answer != "resent":
            known.was_told = True
        elif not known.was_told:
            known.not_before = (
                None  # whoever sends now never heard it: that refusal is not in the log
            )
        if p.answer == "resent" and not effect.idempotent:
            require(effect.answer == "no", "1", f"{p.effect} is sent again after {effect.answer}")

    def _resolved(self, before: RolloutState, p: EffectResolved) -> None:
        hows = self.resolutions[p.effect]
        if p.how in BY_PEOPLE:
            require(hows == ["needs_human"], "5", f"{p.effect} is {p.how} after {hows}")
        else:
            require(not hows, "5", f"{p.effect} is {p.how} after {hows}")
        hows.append(p.how)
        self.reached[p.how] += 1
        effect = before.effects[p.effect]
        if effect.action != "trigger":
            return
        if p.how == "never_sent":
            self.allowed[(effect.phase, effect.attempt, effect.step)] += 1
        if p.how in {"done", "adopted"}:
            self._bound(before, effect, p.how, p.value)
        if p.how == "settled":
            taken = {e.value for e in before.effects.values() if e.action == "trigger"}
            require(p.value not in taken, "6", f"{p.effect} is settled with {p.value}, taken")
            is_new = p.value > (effect.watermark or 0)
            require(is_new, "6", f"{p.effect} is settled with {p.value}, there before")

    def _bound(self, before: RolloutState, effect: EffectState, how: str, value: Any) -> None:
        """A run is bound to the intent that made it."""
        run = self.census.runs.get(value)
        if run is None:
            raise Violated("6", f"{effect.effect} is {how} with run {value}, which is none")
        watermark = effect.watermark or 0
        require(f"sync {run.sync}" == effect.target, "6", f"{run.id} is another sync's")
        require(run.id > watermark, "6", f"{run.id} was there before {effect.effect} ({watermark})")
        require(run.tag in _API_TAGS, "6", f"{effect.effect} is {how} with a run by {run.tag}")
        others = [
            e.effect
            for e in before.effects.values()
            if e.action == "trigger" and e.value == run.id and e.how in {"done", "adopted"}
        ]
        require(not others, "6", f"run {run.id} belongs to {others} already")
        if how == "adopted":
            self._only_one(before, effect, run)
        if run.intent != effect.effect:
            self._mistaken(effect, how, run)

    def _only_one(self, before: RolloutState, effect: EffectState, run: Run) -> None:
        """By the list that was shown: an adoption is no guess."""
        taken = {e.value for e in before.effects.values() if e.action == "trigger"}
        shown = self.census.listing.get(run.sync, {})
        could_be = [
            number
            for number, tag in shown.items()
            if number > (effect.watermark or 0) and tag in _API_TAGS and number not in taken
        ]
        require(could_be == [run.id], "6", f"{effect.effect} adopts {run.id} out of {could_be}")

    def _mistaken(self, effect: EffectState, how: str, run: Run) -> None:
        """Nobody can tell another API client's run from ours, and a person's word can be wrong."""
        is_stranger = run.intent is None and any(self.dice.fired[f] for f in _STRANGERS)
        was_denied = run.intent is not None and "never_sent" in self.resolutions[run.intent]
        excused = how == "adopted" and (is_stranger or was_denied)
        require(excused, "6", f"{effect.effect} is {how} with run {run.id} of {run.intent}")
        self.reached["mistaken_for_ours"] += 1
