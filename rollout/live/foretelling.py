"""What a decision would become if it were made now: the same rules as at the commit, nothing written."""

from __future__ import annotations

from datetime import datetime

from rollout.domain.command import Command, Refusal
from rollout.domain.decide import decide
from rollout.domain.events import Payload
from rollout.domain.machine import PlanMachine
from rollout.domain.plan import Plan
from rollout.domain.state import RolloutState
from rollout.live.deciding import Refused, Wish


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
