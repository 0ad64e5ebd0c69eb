"""Which check noticed a fault first, and how long after."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from rollout.domain.events import Event, Measured
from rollout.domain.evidence import Verdict
from rollout.rehearsal.faults import FiredFault
from rollout.rehearsal.harness import Rehearsal


@dataclass(frozen=True)
class Detection:
    """`after_s`: from the firing to the sample, on the world's true clock."""

    phase: str
    gate: str
    check: str
    seq: int
    after_s: float


@dataclass(frozen=True)
class _Sample:
    seq: int
    at: datetime
    measured: Measured


def detections(rehearsal: Rehearsal) -> dict[str, Detection]:
    """Fault id -> who noticed it; faults that did not fire or that nobody noticed are absent.

    A fault that names `noticed_by` was noticed by the first of those checks that did not pass.
    Otherwise by the first check that failed after it; if none failed, by the first one that was
    inconclusive or an error. Shadow checks do not count: they decide nothing.
    """
    if not rehearsal.fired:
        return {}
    samples = list(_samples(rehearsal))
    found: dict[str, Detection] = {}
    for name, fired in rehearsal.fired.items():
        if fired.fault.mends:
            continue
        noticed = _noticed(samples, fired)
        if noticed is not None:
            true_at = noticed.at - clock_off_by(rehearsal.fired, noticed.seq)
            found[name] = Detection(
                phase=noticed.measured.phase,
                gate=noticed.measured.gate,
                check=noticed.measured.check,
                seq=noticed.seq,
                after_s=max((true_at - fired.at).total_seconds(), 0.0),
            )
    return found


def _samples(rehearsal: Rehearsal) -> Iterable[_Sample]:
    """Samples that did not pass, of checks that decide, in the log's order."""
    shadows = {
        (gate.gate, check.check)
        for gate in rehearsal.plan.gates.values()
        for check in gate.checks
        if check.shadow
    }
    event: Event
    for event in rehearsal.log.read(rehearsal.state.rollout):
        payload = event.payload
        if not isinstance(payload, Measured) or payload.verdict is Verdict.PASS:
            continue
        if (payload.gate, payload.check) not in shadows:
            yield _Sample(event.seq, event.at, payload)


def _noticed(samples: Sequence[_Sample], fired: FiredFault) -> _Sample | None:
    later = [s for s in samples if s.seq > fired.after_seq]
    named = set(fired.fault.noticed_by)
    if named:
        return next((s for s in later if s.measured.check in named), None)
    failed = next((s for s in later if s.measured.verdict is Verdict.FAIL), None)
    return failed or next(iter(later), None)


def clock_off_by(fired: Mapping[str, FiredFault], seq: int) -> timedelta:
    """How far the controller's clock, which stamps the log, was off at event `seq`."""
    jumps = [f.fault.jump for f in fired.values() if f.fault.jump is not None and f.after_seq < seq]
    return sum(jumps, timedelta(0))
