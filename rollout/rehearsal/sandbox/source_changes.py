"""When the source begins to change by itself, for people who take their own time.

A scenario counts hours, because its scripted lead answers after known times. Before a sandbox, or a
rehearsal by hand, sit people: the source begins to change some hours after the last sync of the plan was triggered, however
long that took, and goes on, so that whoever watches has something to see.
"""

from __future__ import annotations

from datetime import timedelta

from rollout.domain.plan import Plan
from rollout.rehearsal.sandbox.signs import Sign, signs_of
from rollout.rehearsal.scenario import Fault, Moment, Scenario

AFTER = timedelta(hours=4)
"""From the trigger: a long run and the look at what it did are over by then."""

SOURCE_CHANGES = "source_changes"


def at_peoples_pace(plan: Plan, scenario: Scenario, *, attempt: int = 1) -> Scenario:
    """The scenario with its hours of rest replaced by that moment; unchanged when its source never
    rests or never changes, or when the plan runs no sync."""
    world = dict(scenario.world)
    seen = signs_of(plan)
    if not world.pop("organic_after_hours", 0) or not world.get("organic", True) or not seen:
        return scenario
    world.pop("organic_until_hours", None)
    world["organic"] = False
    return scenario.model_copy(
        update={"world": world, "faults": [*scenario.faults, _begins(seen[-1], attempt)]}
    )


def _begins(sign: Sign, attempt: int) -> Fault:
    return Fault(
        id=SOURCE_CHANGES,
        kind="world",
        about="properties change by themselves from now on",
        at=Moment(phase=sign.phase, step=sign.step, attempt=attempt, after=AFTER),
        organic="on",
    )
