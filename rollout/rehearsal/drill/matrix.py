"""Faults against checks: who notices what, who alone, and who never. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rollout.domain.plan import Plan
from rollout.domain.state import SOAK_COVERAGE
from rollout.rehearsal.drill.results import CheckResult, Drill, Drilled, FaultResult, Undisturbed

ATTEST = "attest"
"""The kind of check that a person answers."""


def matrix(
    plan: Plan, drilled: Sequence[Drilled], undisturbed: Sequence[Undisturbed], wall_s: float
) -> Drill:
    """The drill of a plan from its faults' results, in their order. Units: `wall_s` in seconds."""
    faults = [d.fault for d in drilled]
    return Drill(
        faults=faults,
        checks=check_results(plan, drilled),
        detected=sum(f.detected for f in faults),
        total=len(faults),
        wall_s=round(wall_s, 3),
        to_notice=sum(f.must_be_noticed for f in faults),
        missed=[f.id for f in faults if f.must_be_noticed and not f.detected and not _broke(f)],
        failed=[f.id for f in faults if _broke(f)],
        undisturbed=list(undisturbed),
    )


def _broke(fault: FaultResult) -> bool:
    """The rehearsal broke; or the rollout had to live with the fault and did not, though nobody
    noticed anything."""
    is_stuck = fault.came == "unnoticed" and not fault.must_be_noticed
    return fault.came == "failed" or is_stuck


def check_results(plan: Plan, drilled: Sequence[Drilled]) -> list[CheckResult]:
    """Every check of the plan, in its order, whether it noticed anything or not."""
    notices: dict[str, list[str]] = {}
    alone: dict[str, list[str]] = {}
    asked: dict[str, int] = {}
    for one in drilled:
        against = noticed_by(one.fault)
        for check in against:
            notices.setdefault(check, []).append(one.fault.id)
        if len(against) == 1:
            alone.setdefault(against[0], []).append(one.fault.id)
        for check in {*one.asked, *against}:
            asked[check] = asked.get(check, 0) + 1
    return [
        CheckResult(
            id=check,
            gate=gate,
            kind=kind,
            notices=notices.get(check, []),
            sole_guard_of=alone.get(check, []),
            asked=asked.get(check, 0),
            shadow=shadow,
        )
        for check, (gate, kind, shadow) in _checks_of(plan).items()
    ]


def noticed_by(fault: FaultResult) -> list[str]:
    """Every check that did not pass in the gate that stopped the rollout, the first one first."""
    return [] if not fault.check else [fault.check, *fault.also]


def never_noticing(checks: Iterable[CheckResult]) -> list[CheckResult]:
    """Checks that could have noticed something and did not. Shadows decide nothing; one that was never
    measured after a fault had no chance; what people confirm depends on the scripted people."""
    return [c for c in checks if c.asked and not c.notices and not c.shadow and c.kind != ATTEST]


def confirmed(checks: Iterable[CheckResult]) -> list[CheckResult]:
    """What the scripted people always said yes to."""
    return [c for c in checks if c.asked and not c.notices and not c.shadow and c.kind == ATTEST]


def never_asked(checks: Iterable[CheckResult]) -> list[CheckResult]:
    """Checks that were not measured between any fault and its end."""
    return [c for c in checks if not c.asked and not c.shadow]


def _checks_of(plan: Plan) -> Mapping[str, tuple[str, str, bool]]:
    """Check -> its gate, its kind, and whether it is a shadow; with the one that the engine itself asks
    of a soak."""
    found = {
        check.check: (gate.gate, check.kind, check.shadow)
        for gate in plan.gates.values()
        for check in gate.checks
    }
    if any(phase.soak is not None for phase in plan.phases):
        found.setdefault(SOAK_COVERAGE, (SOAK_COVERAGE, SOAK_COVERAGE, False))
    return found
