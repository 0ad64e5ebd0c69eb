"""Evaluate a gate: open it, take the samples that are due side by side, conclude, decide.

Everything is appended as it becomes known, so a crash in the middle loses at most the samples
that were in the air; they are taken again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NoAnswer
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from rollout.domain.assess import SeriesCounts, aggregate, assess_series, next_sample_due
from rollout.domain.canonical import sha256_of
from rollout.domain.events import CheckConcluded, GateDecided, GateOpened, Measured, Payload
from rollout.domain.evidence import Decision, Verdict
from rollout.domain.plan import CheckSpec, GateSpec, Plan
from rollout.domain.state import CheckState, GateState, PhaseState, RolloutState
from rollout.engine.facts import LogFacts, lookup
from rollout.engine.findings import finding_events
from rollout.engine.measure import Sample, measure, resolver, timed_out
from rollout.engine.record import RolloutRecord
from rollout.engine.wake import Need, Wake, earliest
from rollout.kinds import CheckContext, CheckKinds
from rollout.ports import Clock, Connections, EvidenceStore

Outcome = Decision | Wake | None
"""Decided, come back later, or something was appended: look again."""


@dataclass(frozen=True)
class GateRunner:
    """`workers` 0 asks one check after the other in this thread (rehearsals: same bytes twice)."""

    plan: Plan
    record: RolloutRecord
    evidence: EvidenceStore
    connections: Connections
    kinds: CheckKinds
    clock: Clock
    workers: int = 8

    def advance(self, phase: PhaseState, moment: str, spec: GateSpec) -> Outcome:
        """One step of one gate's evaluation at one moment of the phase's current attempt."""
        gate = self.record.state.gate(phase.id, phase.attempt, moment, spec.gate)
        if gate is None or _is_stale(gate, phase):
            self.record.append([_opening(phase, moment, spec, gate)])
            return None
        if gate.decision is not None:
            return gate.decision
        return self._sample(gate, spec)

    def _sample(self, gate: GateState, spec: GateSpec) -> Outcome:
        now = self.clock.now()
        open_checks = [c for c in spec.checks if gate.checks[c.check].verdict is None]
        if not open_checks:
            self.record.append(self._decided(gate, spec))
            return None
        waits: list[Wake] = []
        due: list[CheckSpec] = []
        for check in open_checks:
            wait = self._wait_of(gate, check, now)
            if wait is None:
                due.append(check)
            else:
                waits.append(wait)
        if not due:
            return earliest(waits)
        samples = self._ask_all(gate, due, now)
        self.record.append([self._measured(gate, sample) for sample in samples])
        concluded = self._concluded(gate, [c for c in spec.checks if c in due])
        if concluded:
            self.record.append(concluded)
        return None

    def _wait_of(self, gate: GateState, check: CheckSpec, now: datetime) -> Wake | None:
        """None when a sample is due now."""
        kind = self.kinds[check.kind]
        if getattr(kind, "waits", False):
            facts = LogFacts(self.record.state, self.evidence, gate.phase, gate.attempt)
            if facts.confirmation(check.check) is None:
                need = Need("attest", gate.phase, check.check, check.title)
                return Wake(None, f"{check.owner} must confirm: {check.title}", (need,))
        state = gate.checks[check.check]
        due = next_sample_due(check.sampling, gate.opened_at, state.latest_at, _counts(state), now)
        return None if due <= now else Wake(due, f"next sample of {check.check}")

    def _ask_all(self, gate: GateState, due: Sequence[CheckSpec], now: datetime) -> list[Sample]:
        fill = resolver(lookup(self.record.state, gate.phase))
        contexts = [self._context(gate, check, now) for check in due]
        if self.workers == 0:
            return [
                measure(check, self.kinds[check.kind], context, fill)
                for check, context in zip(due, contexts, strict=True)
            ]
        with _pool(min(self.workers, len(due))) as pool:
            asked: list[tuple[CheckSpec, Future[Sample]]] = [
                (check, pool.submit(measure, check, self.kinds[check.kind], context, fill))
                for check, context in zip(due, contexts, strict=True)
            ]
            return [_answer(check, future, now) for check, future in asked]

    def _context(self, gate: GateState, check: CheckSpec, now: datetime) -> CheckContext:
        phase = self.record.state.phases[gate.phase]
        return CheckContext(
            check=check.check,
            phase=gate.phase,
            attempt=gate.attempt,
            now=now,
            phase_started_at=phase.running_at or phase.started_at or now,
            plan=self.plan,
            connections=self.connections,
            facts=LogFacts(self.record.state, self.evidence, gate.phase, gate.attempt),
            timeout_s=check.timeout.total_seconds(),
        )

    def _measured(self, gate: GateState, sample: Sample) -> Measured:
        return Measured(
            phase=gate.phase,
            attempt=gate.attempt,
            moment=gate.moment,
            gate=gate.gate,
            round=gate.round,
            check=sample.check,
            verdict=sample.judgement.verdict,
            reason=sample.judgement.reason,
            observed=sample.observed(),
            evidence=self.evidence.put(sample.document()),
        )

    def _concluded(self, gate: GateState, asked: Sequence[CheckSpec]) -> list[Payload]:
        events: list[Payload] = []
        for check in asked:
            state = gate.checks[check.check]
            verdict = assess_series(check.sampling, _counts(state), stopping=False)
            if verdict is not None:
                events.append(
                    CheckConcluded(
                        phase=gate.phase,
                        attempt=gate.attempt,
                        moment=gate.moment,
                        gate=gate.gate,
                        round=gate.round,
                        check=check.check,
                        verdict=verdict,
                        reason=state.latest_reason,
                    )
                )
        return events

    def _decided(self, gate: GateState, spec: GateSpec) -> list[Payload]:
        decision, reasons = _decision(self.record.state, gate, spec)
        decided = GateDecided(
            phase=gate.phase,
            attempt=gate.attempt,
            moment=gate.moment,
            gate=gate.gate,
            round=gate.round,
            decision=decision,
            reasons=reasons,
            evidence_sha256=_evidence_sha256(self.record.state, gate),
        )
        return [decided, *finding_events(self.record.state, gate, spec, self.clock.now())]


def _is_stale(gate: GateState, phase: PhaseState) -> bool:
    """A gate that was not go is asked afresh once the phase came back to its stage."""
    decided_before = gate.decided_at is not None and gate.decided_seq < phase.since_seq
    return decided_before and gate.decision is not Decision.GO


def _opening(
    phase: PhaseState, moment: str, spec: GateSpec, before: GateState | None
) -> GateOpened:
    return GateOpened(
        phase=phase.id,
        attempt=phase.attempt,
        moment=moment,
        gate=spec.gate,
        round=before.round + 1 if before else 1,
        checks=[c.check for c in spec.checks],
    )


def _counts(state: CheckState) -> SeriesCounts:
    t = state.tally
    return SeriesCounts(
        taken=t.taken,
        passed=t.passed,
        failed=t.failed,
        inconclusive=t.inconclusive,
        errors=t.errors,
        consecutive_errors=t.consecutive_errors,
        consecutive_passes=t.consecutive_passes,
    )


def _decision(state: RolloutState, gate: GateState, spec: GateSpec) -> tuple[Decision, list[str]]:
    """The gate's decision, and why it is not go; a waived check counts as passed and is named."""
    verdicts: list[Verdict] = []
    reasons: list[str] = []
    deciding = [c for c in spec.checks if not c.shadow]
    for check in deciding:
        found = gate.checks[check.check]
        verdict = found.verdict or Verdict.INCONCLUSIVE
        waiver = state.waiver(gate.phase, gate.attempt, check.check)
        if verdict is not Verdict.PASS and waiver is not None:
            reasons.append(f"{check.check} waived by {waiver.by} ({waiver.role}): {waiver.reason}")
            verdict = Verdict.PASS
        elif verdict is not Verdict.PASS:
            reasons.append(f"{check.check} {verdict.value}: {found.reason}")
        verdicts.append(verdict)
    return aggregate(verdicts, expected=len(deciding)), reasons


def _evidence_sha256(state: RolloutState, gate: GateState) -> str:
    """What a sign-off is bound to: the plan and every check's verdict and newest evidence."""
    checks = {name: [c.verdict, c.evidence] for name, c in gate.checks.items()}
    return sha256_of({"plan": state.plan_sha256, "gate": gate.gate, "checks": checks})


def _answer(check: CheckSpec, future: Future[Sample], at: datetime) -> Sample:
    try:
        return future.result(timeout=check.timeout.total_seconds())
    except NoAnswer:
        return timed_out(check, at)


@contextmanager
def _pool(workers: int) -> Iterator[ThreadPoolExecutor]:
    """Threads that nobody waits for: a check past its time-out must not hold up the gate."""
    pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="check")
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
