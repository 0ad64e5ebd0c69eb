"""A gate's evaluation as a document to read and to sign: what is decided, on which evidence, by whom.

The same store gives the same bytes: nothing is read but the state, the plan and the evidence.
"""

from __future__ import annotations

import shlex
from datetime import datetime
from typing import Any, NamedTuple

from rollout.domain.evidence import Decision, Verdict
from rollout.domain.instants import to_text
from rollout.domain.plan import CheckSpec, Plan
from rollout.domain.sign_off import SignerOf, nobody_verifies
from rollout.domain.standing import plan_sha256_at
from rollout.domain.state import DecisionState, GateState, RolloutState
from rollout.ports import EvidenceSource
from rollout.reports.check_report import check_report
from rollout.reports.pictures import pictures_of
from rollout.reports.series import NOTHING_SEEN, Seen
from rollout.reports.sign_offs import sign_off
from rollout.reports.standing import question, standing
from rollout.reports.wording import moment_in_words

FORMAT = "rollout gate report 1"

Report = dict[str, Any]
"""JSON types only; see `gate_report` for its keys."""


def gate_report(
    state: RolloutState,
    plan: Plan,
    evidence: EvidenceSource,
    gate: GateState,
    *,
    seen: Seen = NOTHING_SEEN,
    signer_of: SignerOf = nobody_verifies,
    show_keys: bool = False,
) -> Report:
    """Everything about one evaluation; instants are texts, shares 0..1, durations seconds.

    First what is decided, the decision, what blocks it and who must sign; then every check; then
    waivers, findings, decisions; then how to hold it against the log. Keys of sample rows are
    hashed unless `show_keys`; `seen` is what pictures are made of,
    `signer_of` verifies signatures.
    """
    spec = plan.gates.get(gate.gate)
    checks = {c.check: c for c in spec.checks} if spec is not None else {}
    waivers = {name: _waiver(state, gate, name) for name in gate.checks}
    about = _About(plan, gate, checks, seen)
    return {
        "format": FORMAT,
        "question": question(plan, gate),
        "title": gate_title(plan, gate),
        "decision": gate.decision.value if gate.decision is not None else None,
        "blocking": list(gate.reasons) if gate.decision is not Decision.GO else [],
        "sign_off": sign_off(state, plan, gate, signer_of),
        "standing": standing(state, gate),
        "gate": gate.gate,
        "number": spec.number if spec is not None else None,
        **_place(plan, gate),
        "rollout": _rollout(state, gate),
        "checks": [
            _check(check_report(gate, name, checks.get(name), waiver, evidence, show_keys), about)
            for name, waiver in waivers.items()
        ],
        "confirmations": _confirmations(state, gate),
        "waivers": [_decision(waiver) for waiver in waivers.values() if waiver is not None],
        "findings": _findings(state, gate),
        "decisions": _decisions(state, gate),
        "verify": _verify(state, gate, show_keys=show_keys),
        "keys_hashed": not (show_keys or any(c.show_keys for c in checks.values())),
        "timezone": plan.timezone,
    }


class _About(NamedTuple):
    plan: Plan
    gate: GateState
    specs: dict[str, CheckSpec]
    seen: Seen


def _check(check: Report, about: _About) -> Report:
    spec = about.specs.get(check["id"])
    return {**check, "pictures": pictures_of(check, spec, about.plan, about.gate, about.seen)}


def gate_title(plan: Plan, gate: GateState) -> str:
    """The plan's title of a gate; its name for the engine's own."""
    spec = plan.gates.get(gate.gate)
    return spec.title if spec is not None else gate.gate.replace("_", " ")


def _verify(state: RolloutState, gate: GateState, *, show_keys: bool) -> Report:
    return {
        "decided_seq": gate.decided_seq or None,
        "evidence_sha256": gate.evidence_sha256 or None,
        "log_seq": state.seq,
        "log_head": state.head,
        "log_at": _text(state.latest_at),
        "command": _command(state, gate, show_keys=show_keys),
    }


def _command(state: RolloutState, gate: GateState, *, show_keys: bool) -> str:
    """What gives the same report again; the store and the format are the reader's to name."""
    said = ["--rollout", state.rollout, "--gate", gate.gate, "--phase", gate.phase]
    said += ["--attempt", str(gate.attempt), "--moment", gate.moment]
    said += ["--round", str(gate.round), "--at", str(state.seq)]
    said += ["--show-keys"] if show_keys else []
    return f"rollout report --state STORE {shlex.join(said)}"


def _place(plan: Plan, gate: GateState) -> Report:
    return {
        "phase": {"id": gate.phase, "title": plan.phase(gate.phase).title},
        "attempt": gate.attempt,
        "moment": gate.moment,
        "moment_in_words": moment_in_words(gate.moment),
        "round": gate.round,
        "opened_at": to_text(gate.opened_at),
        "decided_at": _text(gate.decided_at),
    }


def _rollout(state: RolloutState, gate: GateState) -> Report:
    return {
        "name": state.rollout,
        "title": state.title,
        "plan_sha256": plan_sha256_at(state, gate.decided_seq or state.seq),
        "profile": state.profile,
        "scenario": state.scenario,
        "seed": state.seed,
    }


def _confirmations(state: RolloutState, gate: GateState) -> list[Report]:
    return [
        {
            "check": c.check,
            "by": c.by,
            "role": c.role,
            "answer": c.answer,
            "note": c.note,
            "at": to_text(c.at),
            "seq": c.seq,
            "file_sha256": c.file_sha256,
        }
        for c in state.confirmations
        if (c.phase, c.attempt) == (gate.phase, gate.attempt) and c.check in gate.checks
    ]


def _findings(state: RolloutState, gate: GateState) -> list[Report]:
    return [
        {
            "id": f.finding,
            "check": f.check,
            "severity": f.severity,
            "state": f.state,
            "owner": f.owner,
            "title": f.title,
            "detail": f.detail,
            "raised_at": to_text(f.raised_at),
            "due_at": _text(f.due_at),
            "closed_by": f.closed_by,
            "closed_reason": f.closed_reason,
        }
        for f in state.findings.values()
        if (f.phase, f.attempt) == (gate.phase, gate.attempt) and f.check in gate.checks
    ]


def _decisions(state: RolloutState, gate: GateState) -> list[Report]:
    return [
        _decision(d)
        for d in state.decisions
        if (d.phase, d.attempt) == (gate.phase, gate.attempt) and d.decision != "waive"
    ]


def _decision(decision: DecisionState) -> Report:
    return {
        "decision": decision.decision,
        "subject": decision.subject,
        "by": decision.by,
        "role": decision.role,
        "reason": decision.reason,
        "at": to_text(decision.at),
        "seq": decision.seq,
    }


def _waiver(state: RolloutState, gate: GateState, check: str) -> DecisionState | None:
    """A waiver that this round counted: given before it was decided, for a check that did not pass."""
    if gate.checks[check].verdict is Verdict.PASS:
        return None
    return state.waiver(gate.phase, gate.attempt, check, at=gate.decided_seq)


def _text(instant: datetime | None) -> str | None:
    return to_text(instant) if instant is not None else None
