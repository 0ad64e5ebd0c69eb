"""A changed plan beside the one in force: what differs, in the plan's words, and what following it does."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from rollout.domain.adopting import Effects
from rollout.domain.plan import Phase, Plan
from rollout.domain.plan_difference import Change, Difference
from rollout.domain.state import PhaseState, RolloutState
from rollout.domain.undo_order import undone_phases
from rollout.view.adoption_words import subject, values
from rollout.view.text import plain

CURRENT, TO_COME, PASSED, BACK, WHOLE = "current", "to_come", "passed", "way_back", "plan"

_TITLES = {
    TO_COME: "Phases to come",
    PASSED: "Phases passed; what happened there stays as it was decided",
    BACK: "The way back",
    WHOLE: "The plan as a whole",
}


class ChangeView(msgspec.Struct, frozen=True, kw_only=True):
    """One change. `subject` says of what, `said` what became of it; `path` is for machines."""

    path: str
    what: str
    how: str
    subject: str
    said: str


class GroupView(msgspec.Struct, frozen=True, kw_only=True):
    """Changes that touch the same part of the rollout: `part` is current, to_come, passed, way_back
    or plan."""

    part: str
    title: str
    changes: list[ChangeView]


class AdoptionView(msgspec.Struct, frozen=True, kw_only=True):
    """`effects`: what an adoption does to the current attempt, a sentence each. `refusal`: why it is
    not possible now; empty when it is. `unsigned`: sign-offs that nobody could make under the new
    plan, where that is no reason against it."""

    rollout: str
    phase: str
    stage: str
    attempt: int
    old_sha256: str
    new_sha256: str
    identical: bool
    changes: int
    groups: list[GroupView]
    effects: list[str]
    refusal: str
    unsigned: list[str] = []


def adoption_view(
    state: RolloutState,
    old: Plan,
    new: Plan,
    found: Difference,
    effects: Effects,
    refusal: str,
    unsigned: Sequence[str] = (),
) -> AdoptionView:
    """`effects`, `refusal` and `unsigned` are the domain's; nothing is decided here."""
    phase = state.current_phase()
    parts = {part: [c for c in found.changes if _part(c, state, old, new) == part] for part in _ALL}
    return AdoptionView(
        rollout=plain(state.rollout),
        phase=phase.id if phase is not None else "",
        stage=phase.stage if phase is not None else state.outcome,
        attempt=phase.attempt if phase is not None else 0,
        old_sha256=found.old_sha256,
        new_sha256=found.new_sha256,
        identical=found.is_empty,
        changes=len(found.changes),
        groups=[
            GroupView(part=part, title=_title(part, phase), changes=[_change(c) for c in changes])
            for part, changes in parts.items()
            if changes
        ],
        effects=[] if found.is_empty or phase is None else _effects(phase, effects),
        refusal="" if found.is_empty else plain(refusal),
        unsigned=[] if found.is_empty or refusal else [plain(line) for line in unsigned],
    )


_ALL = (CURRENT, TO_COME, PASSED, BACK, WHOLE)


def _title(part: str, phase: PhaseState | None) -> str:
    if part == CURRENT and phase is not None:
        return f"The current phase, {phase.id} ({phase.stage.replace('_', ' ')})"
    return _TITLES.get(part, part)


def _change(change: Change) -> ChangeView:
    return ChangeView(
        path=change.path,
        what=change.what,
        how=change.how,
        subject=subject(change),
        said=values(change),
    )


def _part(change: Change, state: RolloutState, old: Plan, new: Plan) -> str:
    """The part of the rollout that a change touches; of several, the one that acts soonest."""
    if change.what == "way back":
        return BACK
    if change.phase:
        return _part_of_phase(state, change.phase)
    if not change.gate:
        return WHOLE
    users = {p.phase for plan in (old, new) for p in plan.phases if change.gate in _gates_of(p)}
    parts = {_part_of_phase(state, phase) for phase in users}
    return next((part for part in (CURRENT, TO_COME, PASSED) if part in parts), BACK)


def _part_of_phase(state: RolloutState, phase_id: str) -> str:
    current, known = state.current_phase(), state.phases.get(phase_id)
    if current is not None and phase_id == current.id:
        return CURRENT
    is_over = known is not None and known.stage == "passed" and phase_id not in undone_phases(state)
    return PASSED if is_over else TO_COME


def _gates_of(phase: Phase) -> set[str]:
    asked = {*phase.entry, *phase.exit}
    asked |= {str(s.inputs.get("gate")) for s in phase.steps if s.step == "verify"}
    if phase.soak is not None:
        for gates in (*phase.soak.checkpoints.values(), *phase.soak.every.values()):
            asked |= set(gates)
    return asked


def _effects(phase: PhaseState, effects: Effects) -> list[str]:
    said = []
    if effects.again:
        said.append(f"asked anew: {', '.join(effects.again)}")
    if effects.checks:
        said.append(f"what people said of these checks is void: {', '.join(effects.checks)}")
    if effects.signatures:
        said.append(f"sign-offs of this attempt are void: {', '.join(effects.signatures)}")
    for stage in effects.stages:
        if stage == "held":
            names = ", ".join(effects.passed_by)
            said.append(
                f"{phase.id} is held: it has passed through {names}, which asks otherwise now"
            )
        else:
            said.append(f"{phase.id} goes back to its {stage.replace('_', ' ')}")
    if effects.resumes:
        said.append(f"{phase.id} stays held and resumes in its {effects.resumes.replace('_', ' ')}")
    elif effects.passed_by and not effects.stages:
        names = ", ".join(effects.passed_by)
        said.append(f"{phase.id} has passed through {names}, which asks otherwise now")
    return [plain(line) for line in said] or ["nothing that was decided or said so far is touched"]
