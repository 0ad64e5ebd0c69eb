"""The stage while real time passes: one thing at a time, each at its virtual instant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event, RLock

from rollout.domain.canonical import sha256_of
from rollout.domain.instants import to_text
from rollout.domain.plan import Plan
from rollout.rehearsal.sandbox.clock import ScaledClock
from rollout.rehearsal.sandbox.source_changes import at_peoples_pace
from rollout.rehearsal.sandbox.state_files import clock_was_at, cut_torn_line
from rollout.rehearsal.scenario import Scenario
from rollout.rehearsal.stage import Stage, build_stage

AHEAD_S = 2.0
"""Real seconds for which the clock's future is promised in the state: a restart goes on there."""


class LivingStage:
    """A stage whose clock follows real time, `speed` times as fast.

    Everything that reads or changes the world does so inside `moment()`: the world is brought up to
    the clock, then stands still until the block ends. So the world has a definite time for each
    request, and replaying the journal gives the same world again.
    """

    def __init__(self, stage: Stage, clock: ScaledClock, stopping: Event) -> None:
        self.stage, self.clock, self.stopping = stage, clock, stopping
        self._lock = RLock()
        self._promised: datetime | None = None

    def now(self) -> datetime:
        """What a controller's clock shows: the scaled time, put off by a `clock` fault."""
        return self.clock.now() + self.stage.switches.clock_off_by

    @contextmanager
    def moment(self) -> Iterator[datetime]:
        """Hold the world at one instant, which is given."""
        with self._lock:
            self.promise()
            self.stage.advance_to(self.clock.now())
            yield self.stage.clock.now()

    def pass_over(self, *, speed: float | None, skip: timedelta) -> None:
        """Change the clock's speed, move it forward, and bring the world there.

        Raises: ValueError for a speed that is none, or a skip back.
        """
        with self._lock:
            self.clock.adjust(speed=speed, skip=skip)
            with self.moment():
                pass

    def promise(self) -> None:
        """Write down how far the clock may be read, before it is."""
        now = self.clock.now()
        ahead = timedelta(seconds=AHEAD_S * self.clock.speed)
        with self._lock:
            if self._promised is None or now + ahead / 2 > self._promised:
                self._promised = now + ahead
                self.stage.journal.write(
                    {
                        "kind": "clock",
                        "at": to_text(self.stage.clock.now()),
                        "until": to_text(self._promised),
                    }
                )

    def pause(self, real_seconds: float) -> None:
        """Let real time pass, unless the sandbox ends."""
        self.stopping.wait(real_seconds)

    def close(self) -> None:
        with self._lock:
            self.stage.close()


def open_stage(
    plan: Plan,
    scenario: Scenario,
    seed: int,
    views: Mapping[str, str],
    *,
    speed: float,
    token: str,
    salesforce_token: str,
    state: Path | None,
    stopping: Event,
) -> LivingStage:
    """A new world, or the one that `state` holds; its clock starts when this returns.

    Raises: PlanProblems when the state belongs to another plan, scenario or seed.
    """
    scenario = at_peoples_pace(plan, scenario)
    belongs_to = {
        "plan": plan.plan,
        "scenario": scenario.scenario,
        "seed": seed,
        "world": _world_digest(plan, scenario, views),
    }
    latest = None
    if state is not None:
        cut_torn_line(state)
        latest = clock_was_at(state, belongs_to)
    stage = build_stage(
        plan, scenario, seed, views, state, token=token, salesforce_token=salesforce_token
    )
    if latest is None:
        stage.journal.write({"kind": "sandbox", "at": to_text(stage.clock.now()), **belongs_to})
    else:
        stage.advance_to(latest)
    return LivingStage(stage, ScaledClock(stage.clock.now(), speed), stopping)


def _world_digest(plan: Plan, scenario: Scenario, views: Mapping[str, str]) -> str:
    """What a world grows from, beside its seed: a changed gate does not make it another one."""
    syncs = {name: sync.model_dump(mode="json") for name, sync in plan.syncs.items()}
    parts = (syncs, dict(views), scenario.world, to_text(scenario.start))
    return sha256_of(parts)
