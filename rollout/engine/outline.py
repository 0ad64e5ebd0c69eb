"""What the log's first event says of a plan."""

from __future__ import annotations

from rollout.domain.events import PhaseOutline
from rollout.domain.plan import Plan
from rollout.kinds import StepKinds


def outline(plan: Plan, steps: StepKinds) -> list[PhaseOutline]:
    """The phases and their steps, so that a reader of the log needs nothing else.

    Raises: KeyError for a kind of step that is not among `steps`.
    """
    return [
        PhaseOutline(
            id=p.phase,
            title=p.title,
            steps=[s.id for s in p.steps],
            writes=any(steps[s.step].writes for s in p.steps),
        )
        for p in plan.phases
    ]
