"""Let a running rollout follow a changed plan: `adopt(plan, state, proposal, command, now)`, pure like `decide`.

What happened stays; what the new plan asks differently and still guards something is asked anew. The
doors of the current phase decide where it goes on:

| the phase is | a gate that is asked otherwise | then |
|---|---|---|
| entry_gate, exit_gate | of that stage | is asked anew, in a new round |
| ready | entry | back to `entry_gate` |
| running | a step's gate to come, a checkpoint of the watch | is asked anew when it is due |
| running or later | one it has passed through | `held`: a person resumes, or retries |
| sign_off | exit | back to `exit_gate` |
| held | of the stage it resumes in | is asked anew after the resume |
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from rollout.domain.adoption import Adoption, phases_of
from rollout.domain.adoption_rules import objections
from rollout.domain.command import Command, Outcome, Refusal, not_the_lead
from rollout.domain.decide import standing_to_decide
from rollout.domain.events import Payload, PhaseOutline, PlanAdopted, StageChanged
from rollout.domain.evidence import Decision
from rollout.domain.machine import PlanMachine
from rollout.domain.plan import Plan
from rollout.domain.plan_difference import Difference, difference
from rollout.domain.plan_meaning import changed_checks, changed_gates
from rollout.domain.state import SOAK_COVERAGE, GateState, PhaseState, RolloutState

MOST_PATHS = 100
"""Changed paths that the event itself names; the plans' documents hold all."""

ADOPT = "adopt_plan"


@dataclass(frozen=True)
class Proposal:
    """A plan that the loader took, its outline, and the kinds of step that have an undo."""

    plan: Plan
    outline: list[PhaseOutline]
    undoable: frozenset[str]


@dataclass(frozen=True)
class Effects:
    """What following the new plan does to the current attempt. `again`: gates asked anew; `passed_by`:
    gates that were go, are asked otherwise now, and are behind the phase; `checks`: those whose waivers
    and confirmations are void; `signatures`: roles that must sign once more; `stages`: those the phase
    moves to, one after the other; `resumes`: where a held phase resumes, empty when that is as before.
    """

    again: list[str]
    passed_by: list[str]
    checks: list[str]
    signatures: list[str]
    stages: list[str]
    resumes: str


def adopt(
    plan: Plan, state: RolloutState, proposal: Proposal, command: Command, now: datetime
) -> Outcome:
    """The events that the adoption becomes, or a Refusal. Changes nothing."""
    phase = standing_to_decide(plan, state, command)
    if isinstance(phase, Refusal):
        return phase
    found = difference(plan, proposal.plan)
    case = Adoption(plan, proposal.plan, state, phase, proposal.undoable, now)
    refusal = not_the_lead(command) or _nothing_new(found) or _objected(case)
    if refusal:
        return refusal
    effects = effects_of(plan, proposal.plan, state)
    adopted = _adopted(phase, proposal, command, found, effects)
    return [adopted, *_moves(phase, proposal.plan, effects)]


def _nothing_new(found: Difference) -> Refusal | None:
    if not found.is_empty:
        return None
    return Refusal(f"this is the plan in force ({found.old_sha256[:12]}): nothing to adopt")


def _objected(case: Adoption) -> Refusal | None:
    against = objections(case)
    return Refusal("; also: ".join(against)) if against else None


def _adopted(
    phase: PhaseState,
    proposal: Proposal,
    command: Command,
    found: Difference,
    effects: Effects,
) -> PlanAdopted:
    return PlanAdopted(
        phase=phase.id,
        attempt=phase.attempt,
        by=command.by,
        role=command.role,
        reason=command.reason,
        before_sha256=found.old_sha256,
        plan_sha256=found.new_sha256,
        title=proposal.plan.title,
        phases=proposal.outline,
        params=proposal.plan.params,
        changed=found.paths()[:MOST_PATHS],
        changes=len(found.changes),
        gates=effects.again,
        checks=effects.checks,
        seen_seq=command.seen_seq,
        seen_head=command.seen_head,
        resumes=effects.resumes,
        rehearsed=command.rehearsed,
    )


def _moves(phase: PhaseState, new: Plan, effects: Effects) -> list[Payload]:
    machine = PlanMachine([p.phase for p in new.phases])
    moves: list[Payload] = []
    source = phase.stage
    for target in effects.stages:
        trigger = "plan_changed" if target == "held" else "ask_again"
        assert machine.target(phase.id, source, trigger) == f"{phase.id}.{target}"
        moves.append(
            StageChanged(
                phase=phase.id,
                attempt=phase.attempt,
                trigger=trigger,
                source=source,
                target=target,
                reason=_why_moved(phase, effects, target),
            )
        )
        source = target
    return moves


def _why_moved(phase: PhaseState, effects: Effects, target: str) -> str:
    if target != "held":
        return "the plan changed: its gates are asked again"
    return (
        f"the plan changed what {', '.join(effects.passed_by)} asks, and {phase.id} has passed through "
        "it: resume goes on under the new plan, retry asks again"
    )


def effects_of(old: Plan, new: Plan, state: RolloutState) -> Effects:
    """What an adoption would do to the current attempt, legal or not; nothing once all is passed."""
    phase = state.current_phase()
    if phase is None:
        return Effects([], [], [], [], [], "")
    asked = _asked(state, phase)
    meant_otherwise = set(changed_gates(old, new))
    if phases_of(old)[phase.id].soak != _soak(new, phase.id):
        meant_otherwise.add(SOAK_COVERAGE)
    ahead = {id(g) for g in asked if _is_ahead(g, phase, state, new)}
    touched = [g for g in asked if g.gate in meant_otherwise]
    behind = [g for g in touched if id(g) not in ahead and g.decision is Decision.GO]
    behind = [g for g in behind if not g.moment.startswith("every:")]
    back = _back_to(old, new, phase, meant_otherwise)
    is_held = phase.stage == "held"
    stopped = behind and phase.stage in {"running", "exit_gate", "sign_off"}
    return Effects(
        again=_names([g for g in touched if id(g) in ahead]),
        passed_by=_names(behind),
        checks=_voided_checks(old, new, state, phase, meant_otherwise),
        signatures=sorted(
            {s.role for s in state.signatures if (s.phase, s.attempt) == (phase.id, phase.attempt)}
        ),
        stages=[] if is_held else [*([back] if back else []), *(["held"] if stopped else [])],
        resumes=back if is_held else "",
    )


def _asked(state: RolloutState, phase: PhaseState) -> list[GateState]:
    """The newest round of every gate of the current attempt that a stage reads."""
    place = f"{phase.id}/{phase.attempt}/"
    found = [state.gates[n] for key, n in state.gate_index.items() if key.startswith(place)]
    return [gate for gate in found if not gate.moment.startswith("asked:")]


def _soak(plan: Plan, phase_id: str) -> object:
    phase = phases_of(plan).get(phase_id)
    return phase.soak if phase is not None else None


def _stands_in(phase: PhaseState) -> str:
    """The stage, or of a held phase the one it resumes in."""
    return phase.held_from if phase.stage == "held" else phase.stage


def _is_ahead(gate: GateState, phase: PhaseState, state: RolloutState, new: Plan) -> bool:
    """Whether the phase has yet to pass through it; what is not decided is ahead in any case."""
    if gate.decision is None:
        return True
    stage, (kind, _, of) = _stands_in(phase), gate.moment.partition(":")
    if kind == "entry":
        return stage in {"entry_gate", "ready"}
    if kind == "exit":
        return stage in {"exit_gate", "sign_off"}
    if kind == "step":
        step = state.step(phase.id, phase.attempt, of)
        return step is None or step.status != "completed"
    if kind in {"after", "soak"}:
        return stage == "running"
    return False


def _back_to(old: Plan, new: Plan, phase: PhaseState, meant_otherwise: set[str]) -> str:
    """The gate's stage that a phase which had left it goes back to; empty when it stays."""
    before, after = phases_of(old)[phase.id], phases_of(new).get(phase.id)
    if after is None:
        return ""
    stage = _stands_in(phase)
    if stage == "ready" and _is_other(before.entry, after.entry, meant_otherwise):
        return "entry_gate"
    if stage == "sign_off" and _is_other(before.exit, after.exit, meant_otherwise):
        return "exit_gate"
    return ""


def _is_other(before: list[str], after: list[str], meant_otherwise: set[str]) -> bool:
    """Whether a door asks something that it did not ask before."""
    return any(gate not in before or gate in meant_otherwise for gate in after)


def _voided_checks(
    old: Plan, new: Plan, state: RolloutState, phase: PhaseState, meant_otherwise: set[str]
) -> list[str]:
    """Checks that somebody waived or confirmed in this attempt and that are others now."""
    here = (phase.id, phase.attempt)
    waived = {d.subject for d in state.decisions if (d.phase, d.attempt) == here}
    confirmed = {c.check for c in state.confirmations if (c.phase, c.attempt) == here}
    others = {check for gate in meant_otherwise for check in changed_checks(old, new, gate)}
    others |= {SOAK_COVERAGE} & meant_otherwise
    return sorted(others & (waived | confirmed))


def _names(gates: list[GateState]) -> list[str]:
    return list(dict.fromkeys(gate.gate for gate in gates))
