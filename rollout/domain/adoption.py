"""The case of a changed plan: the plan in force, the one proposed, and what the log says was done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from rollout.domain.plan import Phase, Plan, StepSpec
from rollout.domain.state import EffectState, PhaseState, RolloutState, StepState
from rollout.domain.undo_order import UNDOABLE, phases_in_scope

AFTER_THE_STEPS = {"exit_gate", "sign_off", "passed"}
"""Stages in which no step of the phase is begun any more."""

_DID_NOTHING = {"refused", "never_sent", "abandoned"}


@dataclass(frozen=True)
class Adoption:
    """`phase` is the current one; `undoable`: kinds of step that have an undo."""

    old: Plan
    new: Plan
    state: RolloutState
    phase: PhaseState
    undoable: frozenset[str]
    now: datetime

    def is_after_its_steps(self, phase: PhaseState) -> bool:
        return phase.stage in AFTER_THE_STEPS or (
            phase.stage == "held" and phase.held_from in AFTER_THE_STEPS
        )

    def begins_again(self, phase_id: str) -> bool:
        """Whether the finished rollback took the phase back: it is only ever begun anew."""
        undone = self.phase.stage == "rolled_back"
        return undone and phase_id in phases_in_scope(self.state, self.phase.undo_from)

    def is_current(self, step: StepState) -> bool:
        """Of its phase's attempt, and not taken back."""
        attempt = self.state.phases[step.phase].attempt
        return step.attempt == attempt and step.status != "undone" and not step.taken_back

    def needs_undo(self, step: StepState) -> bool:
        """Whether a rollback would undo it, and there may be something to undo."""
        spec = written(self.old, step)
        if spec is None or spec.step not in self.undoable or spec.irreversible is not None:
            return False
        if step.taken_back or step.status not in UNDOABLE:
            return False
        return step.status != "failed" or any(
            e.how not in _DID_NOTHING for e in self.effects_of(step)
        )

    def effects_of(self, step: StepState) -> list[EffectState]:
        place = (step.phase, step.attempt, step.step)
        return [e for e in self.state.effects.values() if (e.phase, e.attempt, e.step) == place]

    def is_unsettled(self, effect: EffectState) -> bool:
        """Whether it may still land. An idempotent one of an attempt that is over is sent no more:
        its undo settles it."""
        if effect.how not in {None, "needs_human"}:
            return False
        return not effect.idempotent or effect.attempt == self.state.phases[effect.phase].attempt


def phases_of(plan: Plan) -> dict[str, Phase]:
    return {p.phase: p for p in plan.phases}


def written(plan: Plan, step: StepState) -> StepSpec | None:
    """The step as a plan has it in the step's own phase."""
    phase = phases_of(plan).get(step.phase)
    return next((s for s in phase.steps if s.id == step.step), None) if phase else None


def written_for_the_way_back(plan: Plan, step: StepState) -> StepSpec | None:
    """The same among the steps that a rollback begins with."""
    steps = plan.rollback.steps if plan.rollback is not None else []
    return next((s for s in steps if s.id == step.step), None)
