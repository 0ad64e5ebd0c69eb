"""What a person may do now: `decide(plan, machine, state, command, now) -> events | Refusal`.

Pure. A refusal always says what must change. Legality comes from the machine's table, the rules
that need words live here, one small function per command.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from rollout.domain.events import (
    Attested,
    DecisionMade,
    EffectResolved,
    FindingResolved,
    Payload,
    RolloutEnded,
    SignedOff,
    StageChanged,
)
from rollout.domain.machine import PlanMachine
from rollout.domain.plan import CheckSpec, Plan
from rollout.domain.state import PhaseState, RolloutState

LEAD = "project_lead"
"""The role that decides and may waive any check."""


@dataclass(frozen=True)
class Refusal:
    """Why not, and what would have to change."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class Command:
    """A person's wish. `seen_seq`/`seen_head`: the log position they were looking at.

    name: proceed, hold, resume, retry, restart, roll_back, abort, end, waive, attest, sign,
    settle, close_finding. `subject`: a phase (restart, roll_back), a check (waive, attest), a
    gate (sign), an effect (settle), a finding. `answer`: for attest and sign. `run_id`: for
    settle; None says "it was never sent".
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
    signature: str | None = None
    rehearsed: bool = False


Outcome = list[Payload] | Refusal


def decide(
    plan: Plan, machine: PlanMachine, state: RolloutState, command: Command, now: datetime
) -> Outcome:
    """The events that `command` becomes, or a Refusal. Changes nothing."""
    rule = _RULES.get(command.name)
    if rule is None:
        return Refusal(f"{command.name!r} is not a decision; use one of {', '.join(_RULES)}")
    phase = state.current_phase()
    if state.outcome or phase is None:
        return Refusal(f"the rollout has ended: {state.outcome or 'every phase is passed'}")
    refusal = _who(plan, command) or _fresh(phase, command)
    return refusal or rule(_Case(plan, machine, state, phase, command, now))


def _who(plan: Plan, command: Command) -> Refusal | None:
    if not command.reason.strip():
        return Refusal("a decision needs a reason: say why in one sentence")
    people = plan.roles.get(command.role)
    if people is None:
        return Refusal(f"the plan has no role {command.role!r}; it has {', '.join(plan.roles)}")
    if command.by not in {p.person for p in people}:
        names = ", ".join(p.person for p in people)
        return Refusal(f"{command.by!r} does not hold the role {command.role!r} ({names} do)")
    return None


def _fresh(phase: PhaseState, command: Command) -> Refusal | None:
    if command.seen_seq < phase.since_seq:
        return Refusal(
            f"the phase {phase.id} moved to {phase.stage} at #{phase.since_seq}, after what you saw "
            f"(#{command.seen_seq}): look again, then decide"
        )
    return None


@dataclass(frozen=True)
class _Case:
    plan: Plan
    machine: PlanMachine
    state: RolloutState
    phase: PhaseState
    command: Command
    now: datetime

    def decision(self, name: str, subject: str = "") -> DecisionMade:
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

    def move(self, trigger: str, reason: str = "") -> StageChanged | None:
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
            reason=reason or self.command.reason,
        )

    def illegal(self, what: str) -> Refusal:
        legal = ", ".join(self.machine.legal(self.phase.id, self.phase.stage)) or "nothing"
        return Refusal(
            f"cannot {what} while {self.phase.id} is {self.phase.stage}; legal now: {legal}"
        )


def _lead_only(case: _Case) -> Refusal | None:
    if case.command.role != LEAD:
        return Refusal(f"only the {LEAD} decides this; {case.command.role} may attest and sign")
    return None


def _staged(decision: str, trigger: str | None = None) -> Callable[[_Case], Outcome]:
    """A rule that records a decision and makes one legal stage change."""

    def rule(case: _Case) -> Outcome:
        refusal = _lead_only(case)
        if refusal:
            return refusal
        moved = case.move(trigger or decision)
        return [case.decision(decision), moved] if moved else case.illegal(decision)

    return rule


def _resume(case: _Case) -> Outcome:
    refusal = _lead_only(case)
    if refusal:
        return refusal
    moved = case.move(f"resume_{case.phase.held_from}")
    if moved is None:
        return case.illegal("resume")
    failed = [
        s.step
        for s in case.state.steps.values()
        if (s.phase, s.attempt, s.status) == (case.phase.id, case.phase.attempt, "failed")
    ]
    if failed:
        return Refusal(
            f"step {failed[0]} failed; it is tried again as a new attempt: use retry, or roll back"
        )
    return [case.decision("resume"), moved]


def _restart(case: _Case) -> Outcome:
    refusal = _lead_only(case)
    if refusal:
        return refusal
    if case.command.subject not in case.state.phases:
        return Refusal(f"no phase {case.command.subject!r}; name an earlier phase to restart from")
    moved = case.move(f"restart_{case.command.subject}")
    return [case.decision("restart", moved.phase), moved] if moved else case.illegal("restart")


def _roll_back(case: _Case) -> Outcome:
    refusal = _lead_only(case)
    if refusal:
        return refusal
    scope = case.command.subject
    if scope and scope not in case.state.phases:
        return Refusal(f"no phase {scope!r} to roll back to; leave it out to roll back everything")
    trigger = "retry_rollback" if case.phase.stage == "rollback_failed" else "roll_back"
    moved = case.move(trigger)
    return [case.decision("roll_back", scope), moved] if moved else case.illegal("roll back")


def _end(name: str, outcome: str) -> Callable[[_Case], Outcome]:
    def rule(case: _Case) -> Outcome:
        refusal = _lead_only(case)
        if refusal:
            return refusal
        if case.machine.target(case.phase.id, case.phase.stage, name) is None:
            return case.illegal(name)
        return [
            case.decision(name),
            RolloutEnded(outcome=outcome, reason=case.command.reason),
        ]

    return rule


def find_check(plan: Plan, check_id: str) -> CheckSpec | None:
    """The check of that id in any gate of the plan."""
    return next(
        (c for g in plan.gates.values() for c in g.checks if c.check == check_id),
        None,
    )


def _waive(case: _Case) -> Outcome:
    check = find_check(case.plan, case.command.subject)
    if check is None:
        return Refusal(f"no check {case.command.subject!r} in this plan")
    if case.command.role not in {LEAD, check.owner}:
        return Refusal(f"{check.check} may be waived by {check.owner} or the {LEAD} only")
    waived: list[Payload] = [case.decision("waive", check.check)]
    return waived + [
        FindingResolved(
            finding=f.finding, how="waived", by=case.command.by, reason=case.command.reason
        )
        for f in case.state.findings.values()
        if f.check == check.check and f.state == "open" and f.phase == case.phase.id
    ]


def _attest(case: _Case) -> Outcome:
    c = case.command
    check = find_check(case.plan, c.subject)
    if check is None or check.kind != "attest":
        return Refusal(f"{c.subject!r} is not a check that a person confirms")
    allowed = check.inputs.get("roles") or [check.owner, LEAD]
    if c.role not in allowed:
        return Refusal(f"{check.check} is confirmed by {' or '.join(allowed)}")
    if check.inputs.get("file_required") and c.file_sha256 is None:
        return Refusal(f"{check.check} needs a file: attach the one that shows it")
    return [
        Attested(
            phase=case.phase.id,
            attempt=case.phase.attempt,
            check=check.check,
            by=c.by,
            role=c.role,
            answer=c.answer,
            note=c.reason,
            file_sha256=c.file_sha256,
            rehearsed=c.rehearsed,
        )
    ]


def _sign(case: _Case) -> Outcome:
    c, phase = case.command, case.phase
    rule = case.plan.phase(phase.id).sign_off
    if phase.stage != "sign_off" or rule is None:
        return case.illegal("sign")
    if c.role not in rule.roles:
        return Refusal(f"this sign-off needs {', '.join(rule.roles)}, not {c.role}")
    given = [s for s in case.state.signatures if (s.phase, s.attempt) == (phase.id, phase.attempt)]
    if any(s.by == c.by for s in given):
        return Refusal(f"{c.by} has signed already; a second role needs a second person")
    if any(s.role == c.role for s in given):
        return Refusal(f"{c.role} has signed already")
    gate = case.state.gate(phase.id, phase.attempt, "exit", c.subject)
    if gate is None or not gate.evidence_sha256:
        return Refusal(f"there is no decided exit gate {c.subject!r} to sign")
    return [
        SignedOff(
            phase=phase.id,
            attempt=phase.attempt,
            gate=c.subject,
            by=c.by,
            role=c.role,
            approve=c.answer,
            reason=c.reason,
            plan_sha256=case.state.plan_sha256,
            evidence_sha256=gate.evidence_sha256,
            seen_seq=c.seen_seq,
            seen_head=c.seen_head,
            signature=c.signature,
            rehearsed=c.rehearsed,
        )
    ]


def _settle(case: _Case) -> Outcome:
    refusal = _lead_only(case)
    if refusal:
        return refusal
    effect = case.state.effects.get(case.command.subject)
    if effect is None or effect.how != "needs_human":
        return Refusal(f"{case.command.subject!r} is not an effect that waits for a person")
    run_id = case.command.run_id
    moved = case.move(f"resume_{case.phase.held_from}") if case.phase.stage == "held" else None
    settled: list[Payload] = [
        case.decision("settle", effect.effect),
        EffectResolved(
            effect=effect.effect,
            how="settled" if run_id is not None else "never_sent",
            value=run_id,
            detail=f"{case.command.by}: {case.command.reason}",
        ),
    ]
    return settled + ([moved] if moved else [])


def _close_finding(case: _Case) -> Outcome:
    finding = case.state.findings.get(case.command.subject)
    if finding is None or finding.state != "open":
        return Refusal(f"no open finding {case.command.subject!r}")
    return [
        FindingResolved(
            finding=finding.finding,
            how="resolved",
            by=case.command.by,
            reason=case.command.reason,
        )
    ]


_RULES: dict[str, Callable[[_Case], Outcome]] = {
    "proceed": _staged("proceed"),
    "hold": _staged("hold"),
    "resume": _resume,
    "retry": _staged("retry"),
    "restart": _restart,
    "roll_back": _roll_back,
    "abort": _end("abort", "aborted"),
    "end": _end("end", "rolled_back"),
    "waive": _waive,
    "attest": _attest,
    "sign": _sign,
    "settle": _settle,
    "close_finding": _close_finding,
}
