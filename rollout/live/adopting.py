"""Let a rollout follow a changed plan, beside a running controller: compare, decide, store, append."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from rollout.domain.adopting import Effects, Proposal, adopt, effects_of
from rollout.domain.adoption import Adoption, phases_of
from rollout.domain.adoption_signers import without_keys
from rollout.domain.command import LEAD, Outcome, Refusal
from rollout.domain.plan import Plan
from rollout.domain.plan_difference import Difference, difference
from rollout.domain.state import RolloutState
from rollout.engine.approved_plan import plan_of
from rollout.engine.outline import outline
from rollout.engine.record import RolloutRecord
from rollout.kinds import StepKinds
from rollout.live.deciding import (
    Recorded,
    Refused,
    Wish,
    append_decided,
    clock_of_the_log,
    command_of,
)
from rollout.live.opening import choose
from rollout.ports import Clock
from rollout.store.opening import Store


@dataclass(frozen=True)
class Comparison:
    """The plan in force beside the one proposed, at the moment of the look. `refusal`: why the lead
    could not adopt it now, empty when he or she could. `unsigned`: sign-offs that nobody could make."""

    state: RolloutState
    old: Plan
    new: Plan
    found: Difference
    effects: Effects
    refusal: str
    unsigned: list[str]


def proposal_of(plan: Plan, steps: StepKinds) -> Proposal:
    """Raises: KeyError for a kind of step that is not installed; the loader has refused it before."""
    undoable = frozenset(name for name, kind in steps.items() if kind.has_undo)
    return Proposal(plan, outline(plan, steps), undoable)


def compare(
    store: Store, rollout: str | None, proposal: Proposal, wish: Wish, clock: Clock | None
) -> Comparison:
    """What an adoption would change and do; nothing is written. A wish that names nobody is asked
    for the first lead of the plan.

    Raises: StoreUnavailable, LogDamaged, PlanProblems.
    """
    name = choose(store.log, store.where, rollout)
    at = clock or clock_of_the_log(store.log, name)
    state = RolloutRecord(store.log, name, at).state
    old = plan_of(store.evidence, state.plan_sha256)
    asked = wish if wish.by else replace(wish, by=_first_lead(old), reason="to look")
    outcome = adopt(old, state, proposal, command_of(store, state, asked), at.now())
    return Comparison(
        state=state,
        old=old,
        new=proposal.plan,
        found=difference(old, proposal.plan),
        effects=effects_of(old, proposal.plan, state),
        refusal=outcome.reason if isinstance(outcome, Refusal) else "",
        unsigned=_unsigned(old, proposal, state, at.now()),
    )


def _unsigned(old: Plan, proposal: Proposal, state: RolloutState, now: datetime) -> list[str]:
    phase = state.current_phase()
    if phase is None or phase.id not in phases_of(old):
        return []
    return without_keys(Adoption(old, proposal.plan, state, phase, proposal.undoable, now))


def _first_lead(plan: Plan) -> str:
    return next((p.person for p in plan.roles.get(LEAD, [])), "")


def adopt_plan(
    store: Store, rollout: str | None, proposal: Proposal, wish: Wish, clock: Clock | None
) -> Recorded | Refused:
    """Follow the proposed plan from here on, unless it is not legal or somebody was quicker.

    The document is stored before the event that names it. Raises: StoreUnavailable, LogDamaged,
    PlanProblems.
    """
    name = choose(store.log, store.where, rollout)
    at = clock or clock_of_the_log(store.log, name)
    record = RolloutRecord(store.log, name, at)
    command = command_of(store, record.state, wish)

    def rule(state: RolloutState) -> Outcome:
        old = plan_of(store.evidence, state.plan_sha256)
        outcome = adopt(old, state, proposal, command, at.now())
        if not isinstance(outcome, Refusal):
            store.evidence.put(proposal.plan.model_dump(mode="json", by_alias=True))
        return outcome

    return append_decided(store, record, command, rule)
