"""Rehearse a plan: the real engine, store and adapters on a virtual clock, with a scripted lead.

The loop is the controller's own `tick` and nothing else; between ticks time passes on the stage
and the lead answers. A rehearsal that was killed goes on from its log and the world's journal.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rollout.domain.errors import PlanProblems
from rollout.domain.events import Event, Payload, RolloutCreated
from rollout.domain.plan import Plan
from rollout.domain.state import EffectState, RolloutState
from rollout.engine.approved_plan import plan_of
from rollout.engine.controller import Controller, Services
from rollout.engine.outbox import OutboxRunner
from rollout.engine.outline import outline
from rollout.engine.wake import Wake
from rollout.kinds import CheckKinds, StepKinds
from rollout.ports import EventLog, EvidenceStore, Head
from rollout.rehearsal.faults import FiredFault
from rollout.rehearsal.lead import ScriptedLead
from rollout.rehearsal.scenario import Scenario
from rollout.rehearsal.stage import Stage, build_stage

PROFILE = "rehearsal"

Watcher = Callable[[RolloutState, datetime], None]
"""Called after every tick, for a live view. Must not change the state."""


@dataclass(frozen=True)
class Rehearsal:
    """What a rehearsal came to: the folded state, the faults that fired, and the times.

    `log` and `evidence` can be read until the store is closed.
    """

    plan: Plan
    scenario: Scenario
    seed: int
    state: RolloutState
    outcome: str
    fired: Mapping[str, FiredFault]
    simulated_s: float
    log: EventLog
    evidence: EvidenceStore


class ObservedLog:
    """The log, with somebody told of every append: faults that begin with a phase or a step."""

    def __init__(self, inner: EventLog, tell: Callable[[list[Payload]], None]) -> None:
        self._inner, self._tell = inner, tell

    def append(
        self, rollout: str, expected_seq: int, at: datetime, actor: str, payloads: Sequence[Payload]
    ) -> list[Event]:
        events = self._inner.append(rollout, expected_seq, at, actor, payloads)
        self._tell(list(payloads))
        return events

    def read(self, rollout: str, after: int = 0, limit: int | None = None) -> Iterator[Event]:
        return self._inner.read(rollout, after, limit)

    def head(self, rollout: str) -> Head:
        return self._inner.head(rollout)

    def rollouts(self) -> list[str]:
        return self._inner.rollouts()

    def save_snapshot(self, rollout: str, head: Head, body: bytes) -> None:
        self._inner.save_snapshot(rollout, head, body)

    def latest_snapshot(self, rollout: str) -> tuple[Head, bytes] | None:
        return self._inner.latest_snapshot(rollout)


@dataclass(frozen=True)
class Setup:
    """Everything a rehearsal needs. `views` are the plan's view files by name; `journal` is where
    the world's changes are kept for a resume, None for a rehearsal in memory."""

    plan: Plan
    scenario: Scenario
    seed: int
    log: EventLog
    evidence: EvidenceStore
    checks: CheckKinds
    steps: StepKinds
    views: Mapping[str, str]
    journal: Path | None = None
    watch: Watcher | None = None


def rehearse(setup: Setup) -> Rehearsal:
    """Run to the end, or to where the scripted lead has no answer any more (outcome `held`)."""
    with prepared(setup) as ready:
        return play(ready)


def play(ready: Ready) -> Rehearsal:
    """With the scenario's scripted lead, to the end; the stage can still be looked at then."""
    plan, scenario = ready.setup.plan, ready.setup.scenario
    lead = ScriptedLead(
        plan, scenario.operator, ready.controller, lambda e: _look(ready.stage, plan, e)
    )
    return ready.came_to(_drive(ready, lead))


@dataclass(frozen=True)
class Ready:
    """A rehearsal that can be driven: the stage is built, the log has its first event."""

    setup: Setup
    stage: Stage
    controller: Controller
    outbox: OutboxRunner

    def tick(self) -> Wake:
        """One tick, by the plan that the log follows now."""
        wake = self.controller.tick()
        while wake.replanned:
            plan = plan_of(self.setup.evidence, self.controller.state.plan_sha256)
            self.controller.follow(plan)
            self.outbox.plan = plan
            wake = self.controller.tick()
        return wake

    def came_to(self, outcome: str) -> Rehearsal:
        """The rehearsal as it is now."""
        state, setup = self.controller.state, self.setup
        began = state.created_at or self.stage.clock.now()
        return Rehearsal(
            setup.plan,
            setup.scenario.model_copy(update={"faults": list(self.stage.faults.faults)}),
            setup.seed,
            state,
            outcome,
            self.stage.faults.fired,
            (self.stage.clock.now() - began).total_seconds(),
            setup.log,
            setup.evidence,
        )

    def world_time(self, at: datetime | None) -> datetime | None:
        """A wake-up on the controller's clock, in the world's time; never in the past."""
        if at is None:
            return None
        return max(at - self.stage.switches.clock_off_by, self.stage.clock.now())


@contextmanager
def prepared(setup: Setup, epoch: int = 0) -> Iterator[Ready]:
    """Build the stage, begin the log or go on with it. `epoch` is the ownership of a shared store.

    Raises: PlanProblems when the log is of another scenario or seed: its world would be another one.
    """
    _hold_to_its_world(setup)
    with _patient_collector():
        stage = build_stage(setup.plan, setup.scenario, setup.seed, setup.views, setup.journal)
        try:
            yield _ready(setup, stage, epoch)
        finally:
            stage.close()


@contextmanager
def _patient_collector() -> Iterator[None]:
    """Look for garbage less often: whole tables pass through as short-lived rows, and a tenth of a
    rehearsal's time went into looking at them (bench/rehearsal.py)."""
    usual = gc.get_threshold()
    gc.set_threshold(100_000, 50, 100)
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def _ready(setup: Setup, stage: Stage, epoch: int) -> Ready:
    name = setup.plan.plan
    log = ObservedLog(setup.log, stage.faults.on_events)
    stage.faults.position = lambda: setup.log.head(name).seq
    if setup.log.head(name).seq == 0:
        digest = setup.evidence.put(setup.plan.model_dump(mode="json", by_alias=True))
        log.append(name, 0, stage.clock.now(), "rollout", [_created(setup, digest)])
    services = Services(
        log=log,
        evidence=setup.evidence,
        connections=stage.connections,
        clock=stage.controller_clock,
        checks=setup.checks,
        steps=setup.steps,
        workers=0,
        epoch=epoch,
    )
    controller = Controller(setup.plan, name, services)
    if controller.state.latest_at is not None:
        stage.advance_to(controller.state.latest_at)
    outbox = OutboxRunner(
        setup.plan, controller.record, stage.connections, stage.controller_clock, workers=0
    )
    return Ready(setup, stage, controller, outbox)


def _drive(ready: Ready, lead: ScriptedLead) -> str:
    """Tick, tell people, answer, let time pass; the outcome. Beyond the rollout's end, and once
    nobody answers any more, time passes only for notices that are still to be told."""
    stage, controller = ready.stage, ready.controller
    while True:
        wake = ready.tick()
        notices = ready.outbox.deliver_due()
        if ready.setup.watch is not None:
            ready.setup.watch(controller.state, stage.clock.now())
        answer_at = None if wake.ended else lead.act(wake, stage.clock.now())
        if answer_at is not None and answer_at <= stage.clock.now():
            continue
        told_at = ready.world_time(notices.at if notices is not None else None)
        if wake.ended and told_at is None:
            return controller.state.outcome
        waits = [
            at
            for at in (ready.world_time(wake.at), answer_at, stage.faults.next_at())
            if at is not None and not wake.ended
        ]
        if not waits and (told_at is None or not wake.ended):
            return "held"
        until = min([*waits, *([told_at] if told_at else [])])
        if stage.switches.asleep_until is not None:
            until, stage.switches.asleep_until = max(until, stage.switches.asleep_until), None
        stage.advance_to(until)


def _hold_to_its_world(setup: Setup) -> None:
    """What was journalled can be replayed in no world but its own."""
    first = next(iter(setup.log.read(setup.plan.plan, limit=1)), None)
    if first is None or not isinstance(first.payload, RolloutCreated):
        return
    for option, began, asked in (
        ("scenario", first.payload.scenario, setup.scenario.scenario),
        ("seed", first.payload.seed, setup.seed),
    ):
        if began is not None and began != asked:
            raise PlanProblems(
                [
                    f"this rehearsal began with the {option} {began} and cannot go on with {asked}: "
                    f"add --{option} {began}"
                ]
            )


def _created(setup: Setup, digest: str) -> RolloutCreated:
    plan = setup.plan
    return RolloutCreated(
        plan=plan.plan,
        title=plan.title,
        plan_sha256=digest,
        profile=PROFILE,
        phases=outline(plan, setup.steps),
        params=plan.params,
        scenario=setup.scenario.scenario,
        seed=setup.seed,
    )


def _look(stage: Stage, plan: Plan, effect: EffectState) -> int | None:
    """What a person sees in Census: the newest API run above the watermark, if there is one."""
    if effect.action != "trigger":
        return None
    sync_id = int(effect.request["sync"])
    spec = next(s for s in plan.syncs.values() if s.id == sync_id)
    runs = stage.connections.sync_service(spec.on).runs(sync_id, above=effect.watermark or 0)
    ours = [r.id for r in runs if (r.trigger or "").lower() == "api"]
    return ours[0] if ours else None
