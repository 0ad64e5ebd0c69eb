"""What a decision would become if it were made now: the same rules as at the commit, nothing written."""

from __future__ import annotations

from datetime import datetime

from rollout.domain.command import Command, Refusal
from rollout.domain.decide import decide
from rollout.domain.events import Payload, SignedOff, SignOffRequested
from rollout.domain.machine import PlanMachine
from rollout.domain.plan import Plan
from rollout.domain.state import RolloutState
from rollout.live.deciding import Refused, Wish
from rollout.live.signing import Ask


def foretell(
    plan: Plan,
    machine: PlanMachine,
    state: RolloutState,
    wish: Wish,
    now: datetime,
    *,
    file_sha256: str | None = None,
) -> list[Payload] | Refused:
    """The payloads that `submit` would append to `state`, or why it would refuse. Pure.

    `file_sha256`: of the wish's file, which is kept only at the commit. Somebody else's word since
    `wish.seen` refuses at the commit too, and cannot be told from a state alone.
    """
    seen = state.seq if wish.seen is None else wish.seen
    command = Command(
        name=wish.name,
        by=wish.by,
        role=wish.role,
        reason=wish.reason,
        seen_seq=seen,
        seen_head=state.head if seen == state.seq else "",
        subject=wish.subject,
        answer=wish.answer,
        run_id=wish.run_id,
        file_sha256=file_sha256,
    )
    outcome = decide(plan, machine, state, command, now)
    return Refused(outcome.reason) if isinstance(outcome, Refusal) else outcome


def foretell_signature(
    plan: Plan, machine: PlanMachine, state: RolloutState, ask: Ask, now: datetime
) -> list[Payload] | Refused:
    """The request and the sign-off that a signature by one of the person's keys would become. Pure:
    the nonce and the signature only stand for those that are not made yet."""
    terms = plan.roster().keys.get(ask.by, ())
    prints = [key.fingerprint for key in terms if key.counts(now)]
    if not prints:
        return Refused(
            f"the plan has no key of {ask.by} that counts now: adopt a plan that has one"
        )
    seen = state.seq if ask.seen is None else ask.seen
    command = Command(
        name="ask_to_sign",
        by=ask.by,
        role=ask.role,
        reason=ask.reason,
        seen_seq=seen,
        seen_head=state.head if seen == state.seq else ask.seen_head,
        subject=ask.gate,
        answer=ask.approve,
        nonce="0" * 32,
    )
    outcome = decide(plan, machine, state, command, now)
    if isinstance(outcome, Refusal):
        return Refused(outcome.reason)
    [asked] = outcome
    assert isinstance(asked, SignOffRequested)
    signed = {name: getattr(asked, name) for name in asked.__struct_fields__}
    return [asked, SignedOff(**signed, signature="to come", fingerprint=" or ".join(prints))]
