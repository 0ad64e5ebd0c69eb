"""What stands against a changed plan: it may not rewrite what happened, nor cut the way back.

Each rule gives the reasons why not, in words that say what a person can do instead. All are asked, so
that one look tells everything. Rules about what lies outside the log are in `adoption_bonds.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rollout.domain.adoption import Adoption, phases_of, written, written_for_the_way_back
from rollout.domain.adoption_bonds import INSTEAD, connections, syncs, way_back
from rollout.domain.adoption_signers import RETRY, keys, sign_off
from rollout.domain.command import LEAD
from rollout.domain.durations import parse_duration
from rollout.domain.plan import StepSpec
from rollout.domain.plan_meaning import meaning_of_step
from rollout.domain.state import PhaseState, StepState

Reasons = Iterator[str]


def objections(adoption: Adoption) -> list[str]:
    """Every reason why the new plan may not be followed from here on; empty when it may."""
    if adoption.new.plan != adoption.old.plan:
        return [
            f"this rollout follows the plan {adoption.old.plan}, and {adoption.new.plan} is another "
            "one: start it as a rollout of its own"
        ]
    if adoption.phase.stage == "rolling_back":
        return [f"{adoption.phase.id} is rolling back: wait until that is done or has failed"]
    found = (reason for rule in _RULES for reason in rule(adoption))
    return list(dict.fromkeys(found))


def _lead(a: Adoption) -> Reasons:
    if not a.new.roles.get(LEAD):
        yield f"the new plan has nobody as {LEAD}: nobody could decide any more"


def _phases(a: Adoption) -> Reasons:
    order, planned = list(a.state.phases), [p.phase for p in a.new.phases]
    begun = [p for p in order if _has_begun(a, p)]
    kept = order[: order.index(begun[-1]) + 1] if begun else []
    gone = [p for p in kept if p not in planned]
    if gone:
        yield f"{gone[0]} has begun and is not in the new plan: leave it in; {INSTEAD}"
    elif planned[: len(kept)] != kept:
        yield f"{', '.join(kept)} begun in this order, come first: put other phases after them"


def _has_begun(a: Adoption, phase_id: str) -> bool:
    phase = a.state.phases[phase_id]
    if phase.stage != "pending" or phase.attempt > 1:
        return True
    return any(s.phase == phase_id for s in a.state.steps.values())


def _passed(a: Adoption) -> Reasons:
    """What a passed phase was asked, watched and signed by is history."""
    for known in a.state.phases.values():
        before, after = phases_of(a.old).get(known.id), phases_of(a.new).get(known.id)
        if known.stage != "passed" or before is None or after is None or a.begins_again(known.id):
            continue
        for part in ("entry", "exit", "soak", "sign_off"):
            if getattr(before, part) != getattr(after, part):
                yield (
                    f"{known.id} is passed, so its `{part}` is what it was: leave it, or restart "
                    "from that phase first"
                )


def _steps(a: Adoption) -> Reasons:
    """A step that was begun stays as it was written: in this attempt, and while it can be undone."""
    for step in a.state.steps.values():
        if a.needs_undo(step):
            why = f"what it did is undone by its own words, so leave them; {INSTEAD}"
            yield from _same(a, step, written(a.old, step), written(a.new, step), why)
        elif a.is_current(step):
            why = f"it is part of what happened, so leave it as it was, or {RETRY}"
            yield from _same(a, step, written(a.old, step), written(a.new, step), why)
        if a.phase.stage == "rollback_failed" and a.is_current(step):
            first = [written_for_the_way_back(plan, step) for plan in (a.old, a.new)]
            yield from _same(a, step, first[0], first[1], "the rollback goes on from there")


def _same(
    a: Adoption, step: StepState, before: StepSpec | None, after: StepSpec | None, why: str
) -> Reasons:
    if before is None:
        return
    if after is None:
        yield f"step {step.step} of {step.phase} ({step.status}) is not in the new plan: {why}"
    elif meaning_of_step(a.old, before) != meaning_of_step(a.new, after):
        is_written_alike = (before.step, before.inputs) == (after.step, after.inputs)
        if is_written_alike and step.status == "completed" and not a.needs_undo(step):
            return  # another value of a parameter, which the step has taken already
        yield f"step {step.step} of {step.phase} ({step.status}) is another one now: {why}"


def _order_of_steps(a: Adoption) -> Reasons:
    """What was done stays in front, and nothing is added where nothing is done any more."""
    for known in a.state.phases.values():
        before, after = phases_of(a.old).get(known.id), phases_of(a.new).get(known.id)
        if before is None or after is None or a.begins_again(known.id):
            continue
        planned = [s.id for s in after.steps]
        begun = [s.id for s in before.steps if _was_begun(a, known, s.id)]
        if not set(begun) <= set(planned):
            continue  # said already, of the step itself
        if planned[: len(begun)] != begun:
            yield (
                f"steps {', '.join(begun)} of {known.id} were begun in this order: "
                "put other steps after them"
            )
        elif a.is_after_its_steps(known) and len(planned) > len(begun):
            yield (
                f"the steps of {known.id} are done, so {planned[len(begun)]} would never be: plan it "
                f"in a later phase, or {RETRY}"
            )


def _was_begun(a: Adoption, phase: PhaseState, step_id: str) -> bool:
    step = a.state.step(phase.id, phase.attempt, step_id)
    return step is not None and not step.taken_back


def _ids(a: Adoption) -> Reasons:
    """The log knows a step by its id: no other step may take it."""
    owner = {s.step: s.phase for s in a.state.steps.values()}
    for phase in a.new.phases:
        for step in phase.steps:
            if owner.get(step.id, phase.phase) != phase.phase:
                yield (
                    f"step {step.id} was begun in {owner[step.id]} and cannot be one of "
                    f"{phase.phase}: give the new step an id of its own"
                )


def _watch(a: Adoption) -> Reasons:
    """A watch that is under way, or over, is what it was; it may be made longer."""
    started, after = a.phase.soak_started_at, phases_of(a.new).get(a.phase.id)
    before = phases_of(a.old)[a.phase.id].soak
    if started is None or before is None or after is None or a.begins_again(a.phase.id):
        return
    soak = after.soak
    if soak is None or soak.lasts < before.lasts:
        yield f"the watch of {a.phase.id} is under way and can be made longer, not shorter: {RETRY}"
        return
    if soak.every != before.every:
        yield f"the watch of {a.phase.id} has looked by its `every` so far, leave it: {RETRY}"
    if a.is_after_its_steps(a.phase) and soak.lasts != before.lasts:
        yield f"the watch of {a.phase.id} is over: {RETRY}"
    ages = {*before.checkpoints, *soak.checkpoints}
    due = [age for age in ages if started + parse_duration(age) <= a.now]
    if any(before.checkpoints.get(age) != soak.checkpoints.get(age) for age in due):
        yield f"checkpoints of {a.phase.id} that were due already stay as they were: {RETRY}"


def _entry(a: Adoption) -> Reasons:
    """The door of a phase that has begun is behind it."""
    before, after = phases_of(a.old)[a.phase.id], phases_of(a.new).get(a.phase.id)
    if after is None or a.phase.running_at is None or a.begins_again(a.phase.id):
        return
    for gate in after.entry:
        if gate not in before.entry:
            yield f"{a.phase.id} has begun, so its `entry` would never ask {gate}: {RETRY}"


_RULES: tuple[Callable[[Adoption], Reasons], ...] = (
    _lead,
    _phases,
    _passed,
    _steps,
    _order_of_steps,
    _ids,
    _watch,
    _entry,
    sign_off,
    keys,
    way_back,
    syncs,
    connections,
)
