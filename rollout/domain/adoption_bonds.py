"""What binds a running rollout to the world: while something may still land, or may have to be undone,
the syncs, connections and the way back that it needs stay what they are.
"""

from __future__ import annotations

from collections.abc import Iterator

from rollout.domain.adoption import Adoption, written, written_for_the_way_back
from rollout.domain.plan_meaning import places, sync_meaning, texts
from rollout.domain.state import StepState

INSTEAD = "to change it all the same, roll back first, or end this rollout and start another one"


def way_back(a: Adoption) -> Iterator[str]:
    before, after = a.old.rollback, a.new.rollback
    to_undo = next((s.step for s in a.state.steps.values() if a.needs_undo(s)), "")
    if after is None and to_undo:
        yield f"{to_undo} may have to be undone: the new plan needs a `rollback:` section"
    if a.phase.stage != "rollback_failed" or before is None or after is None:
        return
    if before.user != after.user:
        yield "the rollback goes on as the user that began it: leave `rollback.user`"


def syncs(a: Adoption) -> Iterator[str]:
    """A sync that was written through, or may be just now, is the one that would be undone."""
    bound = {
        name: step
        for step in a.state.steps.values()
        if a.needs_undo(step) or any(a.is_unsettled(e) for e in a.effects_of(step))
        for name in _syncs_of(a, step)
    }
    for name, step in bound.items():
        after = a.new.syncs.get(name)
        if after is None or sync_meaning(after) != sync_meaning(a.old.syncs[name]):
            yield (
                f"sync {name} was used by {step.step} of {step.phase}, which may still land or have "
                f"to be undone: leave it as it is; {INSTEAD}"
            )


def _syncs_of(a: Adoption, step: StepState) -> list[str]:
    spec = written(a.old, step) or written_for_the_way_back(a.old, step)
    named = set(texts(spec.inputs)) if spec is not None else set()
    return [name for name in a.old.syncs if name in named]


def connections(a: Adoption) -> Iterator[str]:
    """While something may still land, what it was sent through stays; while something may have to be
    undone, that leads to the same place."""
    unsettled = next((e for e in a.state.effects.values() if a.is_unsettled(e)), None)
    if unsettled is not None:
        for name, said in a.old.connections.items():
            if a.new.connections.get(name) != said:
                yield (
                    f"connection {name} is another one in the new plan, and nobody knows yet what "
                    f"became of {unsettled.effect}: wait until it is settled, or settle it"
                )
    elif any(a.needs_undo(step) for step in a.state.steps.values()):
        there = places(a.new)
        for name, place in places(a.old).items():
            if there.get(name) != place:
                yield (
                    f"connection {name} leads elsewhere in the new plan, where nothing that was done "
                    f"could be undone: leave it; {INSTEAD}"
                )
