"""A rehearsal in one document: what `rollout rehearse --json` prints.

Its keys are a contract (the design, section 10); nothing is added without a place there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rollout.domain.events import RunObserved
from rollout.domain.plan import CheckSpec
from rollout.domain.state import CheckState, GateState, RolloutState
from rollout.engine.soak import COVERAGE
from rollout.rehearsal.detection import detections
from rollout.rehearsal.harness import Rehearsal
from rollout.reports.wording import required, sample_document


def summary(rehearsal: Rehearsal, wall_s: float) -> dict[str, Any]:
    """Plan, phases, gates, findings, runs, faults and who noticed them; times in seconds.

    `gates` holds every evaluation that was decided, in the order of their opening. Reads the
    rehearsal's log and evidence, so the store must still be open.
    """
    state = rehearsal.state
    return {
        "plan": {"name": state.plan, "sha256": state.plan_sha256},
        "scenario": rehearsal.scenario.scenario,
        "seed": rehearsal.seed,
        "outcome": rehearsal.outcome,
        "phases": [
            {"id": p.id, "state": p.stage, "attempts": p.attempts_begun}
            for p in state.phases.values()
        ],
        "gates": [_gate(rehearsal, gate) for gate in state.gates if gate.decision is not None],
        "findings": _findings(state),
        "runs": [_run(run) for run in state.runs.values()],
        "faults": _faults(rehearsal),
        "rollback": state.rollback,
        "events": state.seq,
        "log_head": state.head,
        "simulated_s": rehearsal.simulated_s,
        "wall_s": round(wall_s, 3),
    }


def _gate(rehearsal: Rehearsal, gate: GateState) -> dict[str, Any]:
    assert gate.decision is not None
    return {
        "phase": gate.phase,
        "gate": gate.gate,
        "attempt": gate.attempt,
        "decision": gate.decision.value,
        "checks": list(_checks(rehearsal, gate)),
    }


def _checks(rehearsal: Rehearsal, gate: GateState) -> Iterator[dict[str, Any]]:
    spec = rehearsal.plan.gates.get(gate.gate)
    known = {c.check: c for c in spec.checks} if spec is not None else {}
    for name, check in gate.checks.items():
        said = known.get(name)
        yield {
            "id": name,
            "kind": said.kind if said is not None else COVERAGE,
            "verdict": check.verdict.value if check.verdict is not None else None,
            "observed": check.observed,
            "condition": _condition(rehearsal, check, said),
            "reason": check.reason or check.latest_reason,
            "shadow": said is not None and said.shadow,
            "samples": check.tally.taken,
            "evidence": check.evidence,
        }


def _condition(rehearsal: Rehearsal, check: CheckState, said: CheckSpec | None) -> str:
    go, no_go = (said.go, said.no_go) if said is not None else (None, None)
    sample = None
    if check.evidence is not None:
        sample = sample_document(rehearsal.evidence.get(check.evidence))
    return required(sample.judgement.rulings if sample is not None else [], go, no_go)


def _findings(state: RolloutState) -> list[dict[str, Any]]:
    return [
        {
            "id": f.finding,
            "check": f.check,
            "phase": f.phase,
            "severity": f.severity,
            "state": f.state,
        }
        for f in state.findings.values()
    ]


def _run(run: RunObserved) -> dict[str, Any]:
    return {
        "sync": run.sync,
        "run_id": run.run_id,
        "phase": run.phase,
        "attempt": run.attempt,
        "ours": run.ours,
        "status": run.status,
        "processed": run.processed,
        "updated": run.accepted,
        "failed": run.failed,
        "invalid": run.invalid,
    }


def _faults(rehearsal: Rehearsal) -> list[dict[str, Any]]:
    found = detections(rehearsal)
    rows = []
    for fault in rehearsal.scenario.faults:
        noticed = found.get(fault.id)
        rows.append(
            {
                "id": fault.id,
                "kind": fault.kind,
                "fired": fault.id in rehearsal.fired,
                "detected_by": None
                if noticed is None
                else {"phase": noticed.phase, "gate": noticed.gate, "check": noticed.check},
                "after_s": None if noticed is None else noticed.after_s,
            }
        )
    return rows
