"""What the log says is done, held against the world: runs, settings, rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from fakes import CENSUS_USER, TOOL_USER

from rollout.domain.events import (
    Event,
    RolledBack,
    RunObserved,
    StepCompleted,
    StepStarted,
    StepUndone,
)
from rollout.domain.plan import Plan, StepSpec
from rollout.domain.state import PhaseState, RolloutState
from rollout.engine.rollback import RUNS, SCOPE
from rollout.ports import Row

from .census import Census, Sync
from .dice import Dice
from .target import COLUMNS, Target
from .violation import Violated, require
from .warehouse import NARROWED, VIEWS, Warehouse

OVER = {"completed", "failed", "skipped", "canceled"}
OURS = {CENSUS_USER, TOOL_USER}
_NOT_UNDONE = {"running", "completed", "failed", "undoing", "undo_failed"}
_HAVE_AN_UNDO = {"run_sync", "restrict_source", "restore_source", "set_schedule", "resume_sync"}
Place = tuple[str, int, str]
"""Phase, attempt, step."""
Rows = Mapping[str, Row]


class WorldOracle:
    """Fail closed: what is told as done was done, what is told as undone is undone."""

    def __init__(
        self, plan: Plan, census: Census, target: Target, warehouse: Warehouse, dice: Dice
    ) -> None:
        self.plan, self.census, self.dice = plan, census, dice
        self.target, self.warehouse = target, warehouse
        self.specs: dict[str, StepSpec] = {s.id: s for p in plan.phases for s in p.steps}
        assert plan.rollback is not None
        self.specs |= {s.id: s for s in plan.rollback.steps}
        self.specs |= {s: StepSpec(step=s, id=s) for s in (RUNS, SCOPE)}
        self.seen: dict[int, str] = {}
        self.baselines: list[tuple[str, Rows]] = []
        self.schedules: dict[Place, tuple[str, int | None]] = {}
        """Of a sync, before a step of ours changed it."""
        self.reached: Counter[str] = Counter()

    def see(self, before: RolloutState, event: Event) -> None:
        match event.payload:
            case RunObserved() as p:
                self._observed(p)
            case StepStarted() as p if self.specs[p.step].step == "set_schedule":
                sync = self._sync(self.specs[p.step])
                self.schedules[p.phase, p.attempt, p.step] = sync.frequency, sync.minute
            case StepCompleted() as p:
                self._done(before, p)
            case StepUndone() as p:
                self._undone(before, p)
            case RolledBack() as p:
                self._rolled_back(before, p)

    def _observed(self, p: RunObserved) -> None:
        known = self.seen.get(p.run_id, "")
        if known in OVER:
            require(p.status == known, "11", f"run {p.run_id} was {known} and is {p.status}")
        self.seen[p.run_id] = p.status
        self.reached[f"run_{p.status}"] += 1

    # steps ---------------------------------------------------------------------------

    def _done(self, before: RolloutState, p: StepCompleted) -> None:
        spec = self.specs[p.step]
        match spec.step:
            case "run_sync":
                self._ran(before, spec, p)
            case "capture_baseline":
                kept = {name: dict(row) for name, row in self.target.last_read.items()}
                self.baselines.append((p.phase, kept))
            case "restrict_source":
                narrowed = NARROWED in self.warehouse.views[str(spec.inputs["view"])]
                require(narrowed, "10", f"{p.step} is done and the view is as it was")
            case "restore_source":
                require(self.warehouse.views == VIEWS, "10", f"{p.step} is done, the view narrow")
            case "pause_sync" | "resume_sync":
                self._set(spec, paused=spec.step == "pause_sync")
            case "set_schedule":
                wanted = {n: spec.inputs.get(n) for n in ("frequency", "minute")}
                self._set(spec, **{n: v for n, v in wanted.items() if v is not None})

    def _ran(self, before: RolloutState, spec: StepSpec, p: StepCompleted) -> None:
        run_id = p.outputs["run_id"]
        assert isinstance(run_id, int)
        run = self.census.runs.get(run_id)
        if run is None:
            raise Violated("10", f"{p.step} is done by run {run_id}, which is none")
        is_good = run.status == "completed" and not run.canceled and not run.rejected
        require(is_good, "10", f"{p.step} is done by a run that is {run.status}, {run.rejected}")
        mine = [
            e
            for e in before.effects.values()
            if (e.phase, e.attempt, e.step) == (p.phase, p.attempt, p.step) and e.value == run.id
        ]
        require(bool(mine), "6", f"{p.step} is done by run {run.id}, which it did not start")

    def _set(self, spec: StepSpec, **wanted: Any) -> None:
        """Read back: it was so when the log says so, unless others changed it meanwhile."""
        if self.dice.fired["sync_touched"] or self.dice.fired["late_request"]:
            return
        sync = self._sync(spec)
        for setting, value in wanted.items():
            found = getattr(sync, setting)
            require(found == value, "12", f"{spec.id} is done and {sync.name}.{setting} is {found}")

    def _sync(self, spec: StepSpec) -> Sync:
        name = str(spec.inputs["sync"])
        return next(s for s in self.census.syncs.values() if s.name == name)

    # the way back --------------------------------------------------------------------

    def _undone(self, before: RolloutState, p: StepUndone) -> None:
        spec = self.specs[p.step]
        self.reached[f"undone_{spec.step}"] += 1
        self._in_its_turn(before, p)
        if spec.step == "set_schedule" and not self.dice.fired["late_request"]:
            sync, was = self._sync(spec), self.schedules[p.phase, p.attempt, p.step]
            now = (sync.frequency, sync.minute)
            require(now == was, "12", f"{p.step} is undone: {sync.name} runs {now}, it was {was}")
        if spec.step == "run_sync":
            self._created_rows_are_gone(before, p)
        if spec.step == "restrict_source" and "evidence" in p.outputs:
            view = str(spec.inputs["view"])
            require(self.warehouse.views[view] == VIEWS[view], "12", f"{view} is still narrow")

    def _in_its_turn(self, before: RolloutState, p: StepUndone) -> None:
        """Only what the lead named is undone, and what came later first."""
        current = before.current_phase()
        assert current is not None
        scope = self._scope(before, current)
        require(p.phase in scope, "12", f"{p.step} of {p.phase} is undone, asked was {scope}")
        begun = list(before.steps.values())
        places = [(s.phase, s.attempt, s.step) for s in begun]
        later = [
            s.step
            for s in begun[places.index((p.phase, p.attempt, p.step)) + 1 :]
            if s.phase in scope
            and s.status in _NOT_UNDONE
            and self.specs[s.step].step in _HAVE_AN_UNDO
        ]
        require(not later, "12", f"{p.step} is undone before {later}")

    def _created_rows_are_gone(self, before: RolloutState, p: StepUndone) -> None:
        """Those that only the runs of this step wrote, and nobody since."""
        place = (p.phase, p.attempt, p.step)
        triggers = [e for e in before.effects.values() if e.action == "trigger"]
        ids = {e.value for e in triggers if (e.phase, e.attempt, e.step) == place}
        mine: set[str] = set()
        theirs: set[str] = set()
        for run in self.census.runs.values():
            (mine if run.id in ids else theirs).update(run.landed)
        left = [
            row["Key__c"]
            for record, row in self.target.rows.items()
            if record not in self.target.first
            and row["Key__c"] in mine - theirs
            and {row["CreatedById"], row["LastModifiedById"]} <= OURS
        ]
        require(not left, "12", f"{p.step} is told as undone, and {left} are still there")

    def _rolled_back(self, before: RolloutState, p: RolledBack) -> None:
        self.reached["verified" if p.verified else "not_verified"] += 1
        if not p.verified:
            require(bool(p.remaining), "12", "the rollback is not proven, and nobody says why")
            return
        require(
            p.assessment is not None, "12", "it is rolled back and nobody looked what there was"
        )
        phase = before.phases[p.phase]
        self._nothing_goes(before)
        baselines = self._in_scope(before, phase)
        if baselines:
            self._as_before(*baselines)
        scope = self._scope(before, phase)
        self.baselines = [b for b in self.baselines if b[0] not in scope]

    def _nothing_goes(self, before: RolloutState) -> None:
        excused = self.dice.fired["sync_touched"] or self.dice.fired["late_request"]
        for sync in self.census.syncs.values():
            require(sync.paused or bool(excused), "12", f"it is rolled back and {sync.name} runs")
            active = sync.active()
            ours = active is not None and active.intent is not None
            require(not ours or bool(excused), "12", f"it is rolled back, {active} is ours")

    def _scope(self, before: RolloutState, phase: PhaseState) -> set[str]:
        order = list(before.phases)
        return set(order[order.index(phase.undo_from) if phase.undo_from else 0 :])

    def _in_scope(self, before: RolloutState, phase: PhaseState) -> list[Rows]:
        scope = self._scope(before, phase)
        return [rows for name, rows in self.baselines if name in scope]

    def _as_before(self, baseline: Rows, *later: Rows) -> None:
        """By what was last read: what lands later is not this rollback's fault. What others had made of
        a row by a later baseline is theirs."""
        now = self.target.last_read
        for record, row in baseline.items():
            there = now.get(record)
            require(there is not None, "12", f"{row['Key__c']} is gone after the rollback")
            if there is not None and there["LastModifiedById"] in OURS:
                left = [
                    seen[record]
                    for seen in later
                    if record in seen and seen[record]["LastModifiedById"] not in OURS
                ]
                was = left[-1] if left else row
                same = all(there.get(c) == was.get(c) for c in COLUMNS)
                require(same, "12", f"{row['Key__c']} is {there}, was {was}")
        for record in now.keys() - baseline.keys():
            row = now[record]
            theirs = row["CreatedById"] not in OURS or row["LastModifiedById"] not in OURS
            theirs = theirs or any(
                record in seen and seen[record]["LastModifiedById"] not in OURS for seen in later
            )
            require(theirs, "12", f"{row['Key__c']} was created and is left after the rollback")
