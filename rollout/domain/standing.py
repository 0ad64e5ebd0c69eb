"""What still holds: the plan in force at an event, and the signatures that speak now. No plan is read."""

from __future__ import annotations

from rollout.domain.four_eyes import LEAD, drivers
from rollout.domain.state import RolloutState, SignatureState


def plan_sha256_at(state: RolloutState, seq: int) -> str:
    """The digest of the plan in force when event `seq` was appended; empty before the first event.

    >>> from rollout.domain.state import PlanInForce
    >>> state = RolloutState(plans=[PlanInForce(1, "first"), PlanInForce(40, "second")])
    >>> plan_sha256_at(state, 39), plan_sha256_at(state, 40)
    ('first', 'second')
    """
    return next((p.plan_sha256 for p in reversed(state.plans) if p.seq <= seq), "")


def standing_signatures(
    state: RolloutState, phase_id: str, *, four_eyes: bool = False
) -> list[SignatureState]:
    """Signatures of the phase's current attempt that still speak: given under the plan and over the
    evidence that hold now. A refusal ends with the request it refused, so that the same person can
    be asked again after a resume. With `four_eyes`, whoever decided afterwards has taken back what
    they approved in another role than the lead's."""
    phase = state.phases[phase_id]
    drove = drivers(state, phase_id) if four_eyes else {}
    return [
        s
        for s in state.signatures
        if (s.phase, s.attempt) == (phase.id, phase.attempt)
        and (s.approve or s.seq > phase.since_seq)
        and s.plan_sha256 == state.plan_sha256
        and _is_of_the_newest_round(state, s)
        and (s.role == LEAD or s.by not in drove or not s.approve)
    ]


def _is_of_the_newest_round(state: RolloutState, signature: SignatureState) -> bool:
    gate = state.gate(signature.phase, signature.attempt, "exit", signature.gate)
    return gate is not None and gate.evidence_sha256 == signature.evidence_sha256
