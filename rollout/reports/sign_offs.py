"""Who must put a name to a gate, who did, until when, and whether each name counts."""

from __future__ import annotations

import base64
import shlex
from dataclasses import dataclass
from typing import Any

from rollout.domain.four_eyes import LEAD
from rollout.domain.instants import to_text
from rollout.domain.people_state import RequestState
from rollout.domain.plan import Phase, Plan
from rollout.domain.recorded_sign_off import objection
from rollout.domain.roster import Roster, must_be_signed
from rollout.domain.sign_off import (
    NAMESPACE,
    SignerOf,
    StatementUnfit,
    statement_bytes,
    statement_of,
)
from rollout.domain.sign_off_rules import not_theirs
from rollout.domain.standing import standing_signatures
from rollout.domain.state import GateState, RolloutState, SignatureState
from rollout.reports.standing import window_in_words


@dataclass(frozen=True)
class _Desk:
    state: RolloutState
    gate: GateState
    spec: Phase
    roster: Roster
    signer_of: SignerOf

    @property
    def is_asking(self) -> bool:
        """Whether the phase waits for signatures of this attempt now."""
        phase = self.state.phases.get(self.gate.phase)
        return phase is not None and (phase.stage, phase.attempt) == ("sign_off", self.gate.attempt)


def sign_off(
    state: RolloutState, plan: Plan, gate: GateState, signer_of: SignerOf
) -> dict[str, Any]:
    """Only an exit gate is signed; an entry gate waits for the lead's word.

    Every recorded signature is verified once more; one that does not count says why.
    """
    spec = plan.phase(gate.phase)
    desk = _Desk(state, gate, spec, plan.roster(), signer_of)
    rule = spec.sign_off if gate.moment == "exit" else None
    given = [_given(desk, s) for s in state.signatures if _is_of(s, gate)] if rule else []
    roles = list(rule.roles) if rule is not None else []
    signed = {s["role"] for s in given if s["approve"] and s["counts"]}
    missing = [role for role in roles if role not in signed]
    people = {role: _able(desk, role, missing, plan.author) for role in roles}
    return {
        "roles": roles,
        "people": people,
        "given": given,
        "missing": missing,
        "asked": [
            _asked(r) for r in state.requests.values() if _is_of(r, gate) and not r.signed_seq
        ],
        "by": _deadline(desk) if missing else None,
        "with_a_key": must_be_signed(state.profile, has_key=False) if roles else False,
        "commands": _commands(desk, missing, people) if desk.is_asking else [],
        "proceed": LEAD if gate.moment == "entry" else None,
        "window": window_in_words(spec.window, plan.timezone) if gate.moment == "entry" else None,
    }


def _is_of(said: SignatureState | RequestState, gate: GateState) -> bool:
    return (said.phase, said.attempt, said.gate) == (gate.phase, gate.attempt, gate.gate)


def _given(desk: _Desk, s: SignatureState) -> dict[str, Any]:
    why_not = _why_not(desk, s)
    return {
        "role": s.role,
        "by": s.by,
        "approve": s.approve,
        "reason": s.reason,
        "at": to_text(s.at),
        "seq": s.seq,
        "counts": why_not is None,
        "why_not": why_not,
        "evidence_sha256": s.evidence_sha256,
        "seen_seq": s.seen_seq or None,
        "seen_head": s.seen_head or None,
        "fingerprint": s.fingerprint or None,
        "expires": s.expires or None,
        "rehearsed": s.rehearsed,
        "proof": _proof(desk, s) if s.signature and why_not is None else None,
    }


def _why_not(desk: _Desk, s: SignatureState) -> str | None:
    """Why it does not count for this evaluation; None: it does."""
    if s.evidence_sha256 != desk.gate.evidence_sha256:
        return "was given for other evidence"
    rule = desk.spec.sign_off
    four_eyes = rule is not None and rule.four_eyes
    if desk.is_asking and s not in standing_signatures(
        desk.state, desk.gate.phase, four_eyes=four_eyes
    ):
        return "no longer stands: the plan was changed, or its signer decided in this attempt since"
    return objection(desk.state.rollout, desk.state.profile, s, desk.roster, s.at, desk.signer_of)


def _proof(desk: _Desk, s: SignatureState) -> dict[str, Any] | None:
    """What anybody can verify without this program: the statement, the signature, the key."""
    key = next(
        (k.line for k in desk.roster.keys.get(s.by, ()) if k.fingerprint == s.fingerprint), None
    )
    try:
        statement = statement_bytes(statement_of(desk.state.rollout, s))
    except StatementUnfit:
        return None
    if key is None or s.signature is None:
        return None
    kind_and_key = " ".join(key.split()[:2])
    script = [
        f"echo {base64.b64encode(statement).decode()} | base64 -d > statement.json",
        f"cat > statement.json.sig <<'END'\n{s.signature.strip()}\nEND",
        f"echo 'signer {kind_and_key}' > allowed_signers",
        f"ssh-keygen -Y verify -f allowed_signers -I signer -n {NAMESPACE}"
        " -s statement.json.sig < statement.json",
    ]
    return {
        "statement": statement.decode(),
        "signature": s.signature,
        "key": kind_and_key,
        "commands": "\n".join(script),
    }


def _asked(request: RequestState) -> dict[str, Any]:
    return {
        "by": request.by,
        "role": request.role,
        "approve": request.approve,
        "expires": request.expires,
        "seq": request.seq,
    }


def _able(desk: _Desk, role: str, missing: list[str], author: str | None) -> list[str]:
    """Those of the roster; of a role that is waited for in this attempt only who may sign it now, by
    the very rule that `rollout sign` asks, and holds a key where one is needed."""
    people = desk.roster.people.get(role, [])
    phase, rule = desk.state.phases.get(desk.gate.phase), desk.spec.sign_off
    is_past = phase is None or phase.attempt != desk.gate.attempt
    if role not in missing or rule is None or is_past:
        return people
    may = [
        p for p in people if not_theirs(desk.state, desk.gate.phase, rule, author, p, role) is None
    ]
    at = desk.state.latest_at
    if at is None or not must_be_signed(desk.state.profile, has_key=False):
        return may
    keyed = desk.roster.with_key(may, at)
    return [p for p in may if p in keyed]


def _commands(desk: _Desk, missing: list[str], able: dict[str, list[str]]) -> list[dict[str, str]]:
    """How each missing signature is given: here, or on the signer's own machine."""
    found = []
    for role in missing:
        people = able[role]
        by = people[0] if len(people) == 1 else "NAME"
        sign = ["rollout", "sign", desk.gate.gate, "--approve", "--by", by, "--role", role]
        line = f'{shlex.join(sign)} --reason "…"'
        found.append({"role": role, "here": line, "elsewhere": f"{line} --request request.json"})
    return found


def _deadline(desk: _Desk) -> str | None:
    """Known once the phase asks for signatures."""
    phase = desk.state.phases.get(desk.gate.phase)
    if not desk.is_asking or phase is None or phase.since is None or desk.spec.sign_off is None:
        return None
    return to_text(phase.since + desk.spec.sign_off.expires)
