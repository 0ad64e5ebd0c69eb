"""A check that blocks becomes a finding with an owner and a due time; a check that passes closes its own."""

from __future__ import annotations

from datetime import datetime, timedelta

from rollout.domain.events import FindingRaised, FindingResolved, Payload
from rollout.domain.evidence import Verdict
from rollout.domain.plan import CheckSpec, GateSpec
from rollout.domain.state import CheckState, GateState, RolloutState

DUE = {
    "P0": timedelta(0),
    "P1": timedelta(hours=2),
    "P2": timedelta(days=1),
    "P3": timedelta(days=7),
}
"""Time to respond by severity. Source: domain note, section 4."""


def finding_events(
    state: RolloutState, gate: GateState, spec: GateSpec, now: datetime
) -> list[Payload]:
    """Findings raised and resolved by a gate that is being decided."""
    events: list[Payload] = []
    for check in spec.checks:
        found = gate.checks[check.check]
        if found.verdict is Verdict.PASS:
            events += [_resolved(name, gate) for name in _open_of(state, gate, check)]
        elif not check.shadow and _is_news(state, gate, check):
            name = f"{gate.phase}-{gate.attempt}-{check.check}"
            events.append(_raised(name, gate, check, found, now))
    return events


def _open_of(state: RolloutState, gate: GateState, check: CheckSpec) -> list[str]:
    """Open findings of this check in this phase, those of earlier attempts included."""
    return [
        f.finding
        for f in state.findings.values()
        if (f.phase, f.check, f.state) == (gate.phase, check.check, "open")
    ]


def _is_news(state: RolloutState, gate: GateState, check: CheckSpec) -> bool:
    known = state.findings.get(f"{gate.phase}-{gate.attempt}-{check.check}")
    waived = state.waiver(gate.phase, gate.attempt, check.check) is not None
    return not waived and (known is None or known.state != "open")


def _resolved(name: str, gate: GateState) -> FindingResolved:
    return FindingResolved(
        finding=name, how="resolved", by="rollout", reason=f"passed in round {gate.round}"
    )


def _raised(
    name: str, gate: GateState, check: CheckSpec, found: CheckState, now: datetime
) -> FindingRaised:
    return FindingRaised(
        finding=name,
        check=check.check,
        phase=gate.phase,
        attempt=gate.attempt,
        severity=check.severity,
        title=check.title,
        owner=check.owner,
        due_at=now + DUE[check.severity],
        evidence=found.evidence,
        detail=f"{found.reason}. {check.if_it_fails}",
    )
