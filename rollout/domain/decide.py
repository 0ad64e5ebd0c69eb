"""What a person may do now: `decide(plan, machine, state, command, now) -> events | Refusal`.

Pure. A refusal always says what must change. Legality comes from the machine's table, the rules
that need words live here (stages), in `people.py` (checks, effects, findings) and in
`sign_off_rules.py`.
"""

from __future__ import annotations

from datetime import datetime

from rollout.domain import people, sign_off_rules
from rollout.domain.command import LEAD, Case, Command, Outcome, Refusal, Rule, lead_only
from rollout.domain.events import RolloutEnded
from rollout.domain.machine import PlanMachine
from rollout.domain.people import find_check
from rollout.domain.plan import Plan
from rollout.domain.state import EffectState, PhaseState, RolloutState
from rollout.domain.undo_order import may_begin_at

__all__ = ["LEAD", "Command", "Outcome", "Refusal", "decide", "find_check"]


def decide(
    plan: Plan, machine: PlanMachine, state: RolloutState, command: Command, now: datetime
) -> Outcome:
    """The events that `command` becomes, or a Refusal. Changes nothing."""
    rule = _RULES.get(command.name)
    if rule is None:
        return Refusal(f"{command.name!r} is not a decision; use one of {', '.join(_RULES)}")
    phase = standing_to_decide(plan, state, command)
    if isinstance(phase, Refusal):
        return phase
    return rule(Case(plan, machine, state, phase, command, now))


def standing_to_decide(plan: Plan, state: RolloutState, command: Command) -> PhaseState | Refusal:
    """The current phase, when somebody who may speak looked at the rollout as it is now."""
    phase = state.current_phase()
    if state.outcome or phase is None:
        ended = state.outcome or "every phase is passed"
        return Refusal(f"the rollout has ended ({ended}): nothing can be decided, start a new one")
    return _who(plan, command) or _fresh(state, phase, command) or phase


def _who(plan: Plan, command: Command) -> Refusal | None:
    if not command.reason.strip():
        return Refusal("a decision needs a reason: say why in one sentence")
    people_of_role = plan.roles.get(command.role)
    if people_of_role is None:
        return Refusal(f"the plan has no role {command.role!r}; it has {', '.join(plan.roles)}")
    if command.by not in {p.person for p in people_of_role}:
        names = ", ".join(p.person for p in people_of_role) or "nobody"
        return Refusal(f"{command.by!r} does not hold the role {command.role!r}: {names} may")
    return None


def _fresh(state: RolloutState, phase: PhaseState, command: Command) -> Refusal | None:
    if command.seen_seq < phase.since_seq:
        return Refusal(
            f"the phase {phase.id} moved to {phase.stage} at #{phase.since_seq}, after what you saw "
            f"(#{command.seen_seq}): look again, then decide"
        )
    adopted = state.plans[-1].seq if len(state.plans) > 1 else 0
    if command.seen_seq < adopted:
        return Refusal(
            f"the plan changed at #{adopted}, after what you saw (#{command.seen_seq}): look again, "
            "then decide"
        )
    ahead = command.seen_seq > state.seq
    if ahead or (command.seen_seq == state.seq and command.seen_head != state.head):
        return Refusal(
            f"what you saw (#{command.seen_seq}) is not in this log, which is at #{state.seq}: "
            "look again at the right rollout"
        )
    return None


def _staged(decision: str) -> Rule:
    """A rule that records a decision and makes one legal stage change."""

    def rule(case: Case) -> Outcome:
        refusal = lead_only(case)
        if refusal:
            return refusal
        moved = case.move(decision)
        return [case.decision(decision), moved] if moved else case.illegal(decision)

    return rule


def _resume(case: Case) -> Outcome:
    refusal = lead_only(case)
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


def _retry(case: Case) -> Outcome:
    """The phase again; after a rollback, from the earliest phase that was undone."""
    refusal = lead_only(case) or _unsettled(case)
    if refusal:
        return refusal
    first = _first_undone(case)
    trigger = "retry" if first == case.phase.id else f"restart_{first}"
    if case.move("retry") is None:
        return case.illegal("retry")
    moved = case.move(trigger)
    return [case.decision("retry", first), moved] if moved else case.illegal("retry")


def _restart(case: Case) -> Outcome:
    refusal = lead_only(case)
    if refusal:
        return refusal
    wanted, order = case.command.subject, list(case.state.phases)
    if wanted not in order:
        return Refusal(f"no phase {wanted!r}; name an earlier phase to restart from")
    moved = case.move(f"restart_{wanted}")
    if moved is None:
        return case.illegal(f"restart from {wanted}")
    first = _first_undone(case)
    if order.index(wanted) > order.index(first):
        return Refusal(
            f"the rollback undid everything since {first}: restart from {first}, not {wanted}"
        )
    return _unsettled(case) or [case.decision("restart", moved.phase), moved]


def _first_undone(case: Case) -> str:
    """The earliest phase whose work the finished rollback took back; the current one when held."""
    if case.phase.stage != "rolled_back":
        return case.phase.id
    return case.phase.undo_from or next(iter(case.state.phases))


def _unsettled(case: Case) -> Refusal | None:
    """A request whose outcome nobody knows may still land: a new attempt would send a second one."""
    unknown = next((e for e in case.state.effects.values() if _may_still_land(e)), None)
    if unknown is None:
        return None
    if unknown.how == "needs_human":
        return Refusal(f"nobody knows yet what became of {unknown.effect}: settle it first")
    return Refusal(
        f"the answer to {unknown.effect} is not known yet: resume, so that it is looked up, "
        "or roll back"
    )


def _may_still_land(effect: EffectState) -> bool:
    if effect.idempotent:
        return False
    return effect.how == "needs_human" or (effect.how is None and effect.answer != "no")


def _roll_back(case: Case) -> Outcome:
    """Everything, or from a phase on; after a rollback only further back than it went."""
    refusal = lead_only(case)
    if refusal:
        return refusal
    order, phase = list(case.state.phases), case.phase
    again = phase.stage == "rollback_failed"
    scope = case.command.subject or (phase.undo_from if again else "")
    if scope and scope not in order:
        return Refusal(f"no phase {scope!r} to roll back to; leave it out to roll back everything")
    if scope and order.index(scope) > order.index(phase.id):
        return Refusal(f"{scope} has not begun: name {phase.id} or an earlier phase")
    went, wanted = phase.undo_from or order[0], scope or order[0]
    if wanted not in may_begin_at(case.state):
        return Refusal(_went_already(phase, went, order[0]))
    trigger = "retry_rollback" if again and wanted == went else "roll_back"
    moved = case.move(trigger)
    return [case.decision("roll_back", scope), moved] if moved else case.illegal("roll back")


def _went_already(phase: PhaseState, since: str, first: str) -> str:
    everything = since == first
    further = "" if everything else "name an earlier phase to undo more"
    if phase.stage == "rollback_failed":
        what = "everything" if everything else f"{since} and what came after it"
        more = f", or {further}" if further else ""
        return f"this rollback undoes {what}: leave the phase out to try it again{more}"
    if everything:
        return "everything is undone already: retry, or end the rollout"
    return f"{since} and what came after it is undone already: {further}"


def _end(name: str, outcome: str) -> Rule:
    def rule(case: Case) -> Outcome:
        refusal = lead_only(case)
        if refusal:
            return refusal
        if case.machine.target(case.phase.id, case.phase.stage, name) is None:
            return case.illegal(name)
        return [
            case.decision(name),
            RolloutEnded(outcome=outcome, reason=case.command.reason),
        ]

    return rule


_RULES: dict[str, Rule] = {
    "proceed": _staged("proceed"),
    "hold": _staged("hold"),
    "resume": _resume,
    "retry": _retry,
    "restart": _restart,
    "roll_back": _roll_back,
    "abort": _end("abort", "aborted"),
    "end": _end("end", "rolled_back"),
    **people.RULES,
    **sign_off_rules.RULES,
}
