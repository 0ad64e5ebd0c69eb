"""What people say from any terminal, beside a running controller: fold, decide, append, or say why not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rollout.domain.adopting import ADOPT
from rollout.domain.command import Command, Outcome, Refusal
from rollout.domain.decide import decide
from rollout.domain.errors import LogConflict
from rollout.domain.events import (
    Attested,
    DecisionMade,
    Event,
    FindingResolved,
    Payload,
    PlanAdopted,
    SignedOff,
)
from rollout.domain.machine import PlanMachine
from rollout.domain.state import RolloutState
from rollout.engine.approved_plan import plan_of
from rollout.engine.record import RolloutRecord
from rollout.live.attachments import attached
from rollout.live.clocks import StandingClock, SystemClock
from rollout.live.opening import choose
from rollout.live.profiles import REHEARSAL
from rollout.ports import Clock, EventLog
from rollout.store.opening import Store

TRIES = 20
"""Somebody else commits between two of them, and nothing of it concerns us."""


Rule = Callable[[RolloutState], Outcome]
"""What a command comes to in a state; asked again when the log moved on."""


@dataclass(frozen=True)
class Wish:
    """A decision as a person asked for it. `seen`: the newest event they had looked at, `seen_head`
    its hash, where they know it: then it must be that very event."""

    name: str
    by: str
    role: str
    reason: str
    subject: str = ""
    answer: bool = True
    run_id: int | None = None
    seen: int | None = None
    file: Path | None = None
    seen_head: str = ""


@dataclass(frozen=True)
class Recorded:
    """The events that a decision became."""

    events: Sequence[Event]


@dataclass(frozen=True)
class Refused:
    """Why not, and what people decided since the asker looked or the phase came to its stage."""

    reason: str
    meanwhile: Sequence[Event] = ()


def submit(
    store: Store, rollout: str | None, wish: Wish, clock: Clock | None
) -> Recorded | Refused:
    """Append what a person decided, unless it is not legal or somebody was quicker.

    `clock` None takes the instant of the newest event: a sandbox's time is not the machine's.
    Raises: StoreUnavailable, LogDamaged, PlanProblems.
    """
    name = choose(store.log, store.where, rollout)
    at = clock or clock_of_the_log(store.log, name)
    record = RolloutRecord(store.log, name, at)
    command = command_of(store, record.state, wish)
    if wish.seen_head not in {"", command.seen_head}:
        return Refused(another_log(wish.seen, wish.seen_head))

    def rule(state: RolloutState) -> Outcome:
        plan = plan_of(store.evidence, state.plan_sha256)
        return decide(plan, PlanMachine([p.phase for p in plan.phases]), state, command, at.now())

    return append_decided(store, record, command, rule)


def another_log(seen: int | None, head: str) -> str:
    """What is said to who looked at an event that is not in this log."""
    return f"what you saw (#{seen} {head[:12]}) is not in this log: look again at the right rollout"


def clock_of_the_log(log: EventLog, rollout: str) -> Clock:
    """Stands at the instant of the newest event."""
    return StandingClock(folded(log, rollout).latest_at or SystemClock().now())


def append_decided(
    store: Store, record: RolloutRecord, command: Command, rule: Rule
) -> Recorded | Refused:
    """Append what `rule` makes of the newest state, unless somebody else said the same meanwhile."""
    for _ in range(TRIES):
        decided = _decide(store.log, record.state, command, rule)
        if isinstance(decided, Refused):
            return decided
        before = record.state.seq
        try:
            record.append(decided, actor=command.by)
        except LogConflict:
            record.refresh()  # decided again, with what we had seen before
            continue
        name = record.state.rollout
        return Recorded(list(store.log.read(name, after=before, limit=len(decided))))
    return Refused("the log moves on faster than anybody can decide: try again")


def folded(log: EventLog, rollout: str) -> RolloutState:
    """The state after the newest event. Raises: StoreUnavailable, LogDamaged."""
    return RolloutRecord(log, rollout, SystemClock()).state


def _decide(
    log: EventLog, state: RolloutState, command: Command, rule: Rule
) -> list[Payload] | Refused:
    meanwhile = [
        event
        for event in log.read(state.rollout, after=min(command.seen_seq, _moved_after(state)))
        if isinstance(event.payload, _BY_PEOPLE)
    ]
    overtaken = [e for e in meanwhile if e.seq > command.seen_seq]
    same = next((e for e in overtaken if _is_about(e.payload, command)), None)
    if same is not None:
        return Refused(
            f"somebody was quicker: #{same.seq} by {same.actor} says it already; look again",
            meanwhile,
        )
    outcome = rule(state)
    if isinstance(outcome, Refusal):
        return Refused(outcome.reason, meanwhile)
    return outcome


def _moved_after(state: RolloutState) -> int:
    """The event before the word that moved the current phase to its stage."""
    phase = state.current_phase()
    return max(phase.since_seq - 2, 0) if phase is not None else max(state.seq - 2, 0)


_BY_PEOPLE = (Attested, DecisionMade, PlanAdopted, SignedOff, FindingResolved)


def _is_about(payload: object, command: Command) -> bool:
    """Whether somebody else's word answers the very question that the command answers."""
    match payload:
        case Attested(check=check):
            return command.name == "attest" and check == command.subject
        case SignedOff(gate=gate, role=role):
            return (command.name, command.subject, command.role) == ("sign", gate, role)
        case FindingResolved(finding=finding):
            return command.name == "close_finding" and finding == command.subject
        case PlanAdopted():
            return command.name == ADOPT
        case DecisionMade(decision=decision, subject=subject):
            named = subject == command.subject or not subject or not command.subject
            return decision == command.name and named
    return False


def command_of(store: Store, state: RolloutState, wish: Wish) -> Command:
    """The wish as a command, bound to the log position that was looked at."""
    seen = state.seq if wish.seen is None else wish.seen
    return Command(
        name=wish.name,
        by=wish.by,
        role=wish.role,
        reason=wish.reason,
        seen_seq=seen,
        seen_head=head_at(store.log, state, seen),
        subject=wish.subject,
        answer=wish.answer,
        run_id=wish.run_id,
        file_sha256=None if wish.file is None else attached(store.evidence, wish.file),
        rehearsed=store.info.profile == REHEARSAL,
    )


def head_at(log: EventLog, state: RolloutState, seen: int) -> str:
    """The hash of the event that was seen; of none for a number that is not in the log yet."""
    if seen == state.seq:
        return state.head
    found = next(iter(log.read(state.rollout, after=seen - 1, limit=1)), None) if seen > 0 else None
    return found.hash if found is not None else ""
