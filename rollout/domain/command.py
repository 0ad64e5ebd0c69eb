"""What a person asks for, and the case that the rules of `decide.py` and `people.py` look at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from rollout.domain.events import DecisionMade, Payload, StageChanged
from rollout.domain.machine import PlanMachine
from rollout.domain.plan import Plan
from rollout.domain.sign_off import Proof
from rollout.domain.state import PhaseState, RolloutState
from rollout.domain.undo_order import may_begin_at

LEAD = "project_lead"
"""The role that decides and may waive any check."""

BY_ITSELF = "it moves on by itself"
"""Ends the refusal of a stage in which nobody has anything to say."""

_BY_TRIGGER = {
    "proceed": "proceed",
    "hold": "hold",
    "retry": "retry",
    "roll_back": "roll_back",
    "retry_rollback": "roll_back",
    "abort": "abort",
    "end": "end",
}


@dataclass(frozen=True)
class Refusal:
    """Why not, and what would have to change."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class Command:
    """A person's wish. `seen_seq`/`seen_head`: the log position they were looking at.

    name: proceed, hold, resume, retry, restart, roll_back, abort, end, waive, attest, sign,
    ask_to_sign, settle, close_finding. `subject`: a phase (restart, roll_back), a check (waive, attest), a
    gate (sign, ask_to_sign), an effect (settle), a finding. `answer`: for attest and sign. `run_id`: for
    settle, what the effect came to (of a trigger: the run); None says "it was never sent". `proof`: for sign, the verified signature; `nonce`: for
    ask_to_sign, 32 hexadecimal digits nobody has used before.
    """

    name: str
    by: str
    role: str
    reason: str
    seen_seq: int
    seen_head: str
    subject: str = ""
    answer: bool = True
    run_id: int | None = None
    file_sha256: str | None = None
    proof: Proof | None = None
    nonce: str = ""
    rehearsed: bool = False


Outcome = list[Payload] | Refusal


@dataclass(frozen=True)
class Case:
    """One command held against the plan and the state, at one instant."""

    plan: Plan
    machine: PlanMachine
    state: RolloutState
    phase: PhaseState
    command: Command
    now: datetime

    def decision(self, name: str, subject: str = "") -> DecisionMade:
        """The event that says who chose what, and why."""
        c = self.command
        return DecisionMade(
            decision=name,
            phase=self.phase.id,
            attempt=self.phase.attempt,
            by=c.by,
            role=c.role,
            reason=c.reason,
            seen_seq=c.seen_seq,
            seen_head=c.seen_head,
            subject=subject,
            rehearsed=c.rehearsed,
        )

    def move(self, trigger: str) -> StageChanged | None:
        """The stage change that `trigger` makes in the current phase, None when it is not legal."""
        target = self.machine.target(self.phase.id, self.phase.stage, trigger)
        if target is None:
            return None
        phase, _, stage = target.partition(".")
        attempt = self.state.phases[phase].attempt + (1 if stage == "pending" else 0)
        return StageChanged(
            phase=phase,
            attempt=attempt,
            trigger=trigger,
            source=self.phase.stage,
            target=stage,
            reason=self.command.reason,
        )

    def illegal(self, what: str) -> Refusal:
        """Not in this stage; says what a person may do instead."""
        legal = ", ".join(self._legal()) or f"nothing; {BY_ITSELF}"
        return Refusal(
            f"cannot {what} while {self.phase.id} is {self.phase.stage}; legal now: {legal}"
        )

    def _legal(self) -> list[str]:
        """Names of commands, not the machine's own triggers."""
        found = [
            _command_of(trigger, self.phase.held_from)
            for trigger in self.machine.legal(self.phase.id, self.phase.stage)
        ]
        if not may_begin_at(self.state):
            found = [name for name in found if name != "roll_back"]
        return [name for name in dict.fromkeys(found) if name]


def _command_of(trigger: str, held_from: str) -> str:
    if trigger.startswith("restart_"):
        return f"restart {trigger.removeprefix('restart_')}"
    if trigger == f"resume_{held_from}":
        return "resume"
    return _BY_TRIGGER.get(trigger, "")


def lead_only(case: Case) -> Refusal | None:
    """A Refusal for everybody but the lead."""
    return not_the_lead(case.command)


def not_the_lead(command: Command) -> Refusal | None:
    if command.role != LEAD:
        return Refusal(f"only the {LEAD} decides this; {command.role} may attest and sign")
    return None


Rule = Callable[[Case], Outcome]
