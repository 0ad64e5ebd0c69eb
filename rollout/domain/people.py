"""What people say about checks, gates, effects and findings: it opens doors but moves no stage."""

from __future__ import annotations

from collections.abc import Iterator

from rollout.domain.command import LEAD, Case, Outcome, Refusal, Rule, lead_only
from rollout.domain.events import Attested, EffectResolved, FindingResolved, Payload
from rollout.domain.plan import CheckSpec, GateSpec, Phase, Plan
from rollout.domain.state import SOAK_COVERAGE, EffectState


def find_check(plan: Plan, check_id: str) -> CheckSpec | None:
    """The check of that id in any gate of the plan."""
    return next(
        (c for g in plan.gates.values() for c in g.checks if c.check == check_id),
        None,
    )


def waive(case: Case) -> Outcome:
    name = case.command.subject
    owners = _owners(case, name)
    if not owners:
        return _not_asked_here(case, name)
    if case.command.role not in {LEAD, *owners}:
        return Refusal(f"{name} may be waived by {' or '.join(owners)} or the {LEAD} only")
    waived: list[Payload] = [case.decision("waive", name)]
    return waived + [
        FindingResolved(
            finding=f.finding, how="waived", by=case.command.by, reason=case.command.reason
        )
        for f in case.state.findings.values()
        if f.check == name and f.state == "open" and f.phase == case.phase.id
    ]


def attest(case: Case) -> Outcome:
    c = case.command
    check = next((k for k in _checks_here(case) if k.check == c.subject), None)
    if check is None:
        return _not_asked_here(case, c.subject)
    if check.kind != "attest":
        return Refusal(f"{c.subject!r} is measured; only an attest check is confirmed by a person")
    allowed = check.inputs.get("roles") or [check.owner, LEAD]
    if c.role not in allowed:
        return Refusal(f"{check.check} is confirmed by {' or '.join(allowed)}")
    if c.answer and check.inputs.get("file_required") and c.file_sha256 is None:
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


def settle(case: Case) -> Outcome:
    """A person says what became of an effect. It resumes nothing: a hold stays a hold."""
    refusal = lead_only(case)
    if refusal:
        return refusal
    effect = case.state.effects.get(case.command.subject)
    if effect is None or effect.how != "needs_human":
        waiting = [e.effect for e in case.state.effects.values() if e.how == "needs_human"]
        return Refusal(
            f"{case.command.subject!r} is not an effect that waits for a person; "
            f"waiting: {', '.join(waiting) or 'none'}"
        )
    run_id = case.command.run_id
    if run_id is not None and effect.action == "trigger":
        refusal = _not_our_run(case, effect, run_id)
        if refusal:
            return refusal
    return [
        case.decision("settle", effect.effect),
        EffectResolved(
            effect=effect.effect,
            how="settled" if run_id is not None else "never_sent",
            value=run_id,
            detail=f"{case.command.by}: {case.command.reason}",
        ),
    ]


def _not_our_run(case: Case, effect: EffectState, run_id: int) -> Refusal | None:
    if run_id <= (effect.watermark or 0):
        return Refusal(
            f"run {run_id} was there before {effect.effect} was sent; "
            f"name one above {effect.watermark}"
        )
    bound = {
        e.value: e.effect
        for e in case.state.effects.values()
        if e.action == "trigger" and e.how in {"done", "adopted", "settled"}
    }
    if run_id in bound:
        return Refusal(f"run {run_id} belongs to {bound[run_id]} already; name another one")
    return None


def close_finding(case: Case) -> Outcome:
    finding = case.state.findings.get(case.command.subject)
    if finding is None or finding.state != "open":
        still = [f.finding for f in case.state.findings.values() if f.state == "open"]
        return Refusal(
            f"no open finding {case.command.subject!r}; open: {', '.join(still) or 'none'}"
        )
    return [
        FindingResolved(
            finding=finding.finding,
            how="resolved",
            by=case.command.by,
            reason=case.command.reason,
        )
    ]


def _owners(case: Case, check_id: str) -> list[str]:
    """Roles that own the check in the gates of the current phase; empty when it is not asked here."""
    if check_id == SOAK_COVERAGE and case.plan.phase(case.phase.id).soak is not None:
        return [LEAD]
    return sorted({c.owner for c in _checks_here(case) if c.check == check_id})


def _checks_here(case: Case) -> Iterator[CheckSpec]:
    for gate in _gates_here(case.plan, case.plan.phase(case.phase.id)):
        yield from gate.checks


def _gates_here(plan: Plan, phase: Phase) -> Iterator[GateSpec]:
    """Gates that can be asked while the phase is current, those of the way back included."""
    names = [*phase.entry, *phase.exit]
    names += [str(s.inputs["gate"]) for s in phase.steps if s.step == "verify"]
    if phase.soak is not None:
        for gates in (*phase.soak.checkpoints.values(), *phase.soak.every.values()):
            names += gates
    if plan.rollback is not None:
        names += plan.rollback.gates
    return (plan.gates[name] for name in dict.fromkeys(names) if name in plan.gates)


def _not_asked_here(case: Case, check_id: str) -> Refusal:
    if find_check(case.plan, check_id) is None:
        return Refusal(f"no check {check_id!r} in this plan")
    return Refusal(
        f"{check_id} is not asked in {case.phase.id}: say it when the phase that asks it is current"
    )


RULES: dict[str, Rule] = {
    "waive": waive,
    "attest": attest,
    "settle": settle,
    "close_finding": close_finding,
}
