"""Evaluate a gate: open it, take the samples that are due side by side, conclude, decide.

Everything is appended as it becomes known, so a crash in the middle loses at most the samples
that were in the air; they are taken again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from rollout.domain.assess import SeriesCounts, aggregate, assess_series, next_sample_due
from rollout.domain.canonical import sha256_of
from rollout.domain.errors import KindMisused
from rollout.domain.events import (
    CheckConcluded,
    GateDecided,
    GateOpened,
    Measured,
    Payload,
    decode_payload,
    encode_payload,
)
from rollout.domain.evidence import Decision, Verdict
from rollout.domain.plan import CheckSpec, GateSpec, Plan
from rollout.domain.state import CheckState, GateState, PhaseState, RolloutState
from rollout.engine.asking import Question, ask_side_by_side
from rollout.engine.facts import LogFacts, lookup
from rollout.engine.findings import finding_events
from rollout.engine.measure import Sample, measure, resolver, unkept
from rollout.engine.record import RolloutRecord
from rollout.engine.wake import Need, Wake, earliest
from rollout.kinds import CheckContext, CheckKinds
from rollout.ports import Clock, Connections, EvidenceStore

ROLLBACK = "rollback"
"""The moment at which the gates of the way back are asked."""

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

    def advance(
        self,
        phase: PhaseState,
        moment: str,
        spec: GateSpec,
        *,
        until: datetime | None = None,
        give_up: bool = False,
    ) -> Outcome:
        """One step of one gate's evaluation at one moment of the phase's current attempt.

        A check without a `count` is sampled until the gate's end: `until`, or without it the
        moment when every other check is done. `give_up` closes all checks with what they have.
        Whoever sets an end comes back then by himself.
        """
        gate = self.record.state.gate(phase.id, phase.attempt, moment, spec.gate)
        if gate is None or gate.void_seq or _is_stale(gate, phase):
            self.record.append([_opening(phase, moment, spec, gate)])
            return None
        if gate.decision is not None:
            return gate.decision
        return self._sample(gate, spec, until, give_up=give_up)

    def _sample(
        self, gate: GateState, spec: GateSpec, until: datetime | None, *, give_up: bool
    ) -> Outcome:
        now = self.clock.now()
        still = [c for c in spec.checks if gate.checks[c.check].verdict is None]
        if not still:
            self.record.append(self._decided(gate, spec))
            return None
        over = [c for c in still if give_up or _is_over(c, gate, still, until, now)]
        concluded = _concluded(gate, over, stopping=True) or _concluded(gate, still, stopping=False)
        if concluded:
            self.record.append(concluded)
            return None
        waits = [(check, self._wait_of(gate, check, now)) for check in still]
        due = [check for check, wait in waits if wait is None]
        if not due:
            return earliest([wait for _, wait in waits if wait is not None])
        samples = self._ask_all(gate, due, now)
        self.record.append([self._measured(gate, sample) for sample in samples])
        return None

    def _wait_of(self, gate: GateState, check: CheckSpec, now: datetime) -> Wake | None:
        """None when a sample is due now."""
        kind = self.kinds[check.kind]
        if getattr(kind, "waits", False) and _is_unanswered(self.record.state, gate, check):
            need = Need("attest", gate.phase, check.check, check.title)
            return Wake(None, f"{check.owner} must confirm: {check.title}", (need,))
        state = gate.checks[check.check]
        due = next_sample_due(check.sampling, gate.opened_at, state.latest_at, _counts(state), now)
        return None if due <= now else Wake(due, f"next sample of {check.check}")

    def _ask_all(self, gate: GateState, due: Sequence[CheckSpec], now: datetime) -> list[Sample]:
        fill = resolver(lookup(self.record.state, gate.phase))
        questions = [
            Question(
                check,
                partial(
                    measure, check, self.kinds[check.kind], self._context(gate, check, now), fill
                ),
            )
            for check in due
        ]
        if self.workers == 0:
            return [question.ask() for question in questions]
        return ask_side_by_side(questions, self.workers, now)

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
        try:
            return self._event_of(gate, sample)
        except (TypeError, ValueError, OverflowError, KindMisused) as problem:
            return self._event_of(gate, unkept(sample, problem))

    def _event_of(self, gate: GateState, sample: Sample) -> Measured:
        measured = Measured(
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
        decode_payload(encode_payload(measured))
        return measured

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
    """A gate that was not go is asked afresh once the phase came back to its stage; the proof of
    a rollback even if it was go, since more was undone after it."""
    decided_before = gate.decided_at is not None and gate.decided_seq < phase.since_seq
    return decided_before and (gate.decision is not Decision.GO or gate.moment == ROLLBACK)


def _is_endless(check: CheckSpec) -> bool:
    return check.sampling.effective_count == 0


def _is_over(
    check: CheckSpec,
    gate: GateState,
    still: Sequence[CheckSpec],
    until: datetime | None,
    now: datetime,
) -> bool:
    """Whether a check without a `count` has been sampled to the gate's end, at least once."""
    t = gate.checks[check.check].tally
    if not _is_endless(check) or t.taken == t.errors:
        return False
    return now >= until if until is not None else all(_is_endless(c) for c in still)


def _is_unanswered(state: RolloutState, gate: GateState, check: CheckSpec) -> bool:
    """Nobody has said yes or no. A no is asked again in the next round, a waived or shadow check
    waits for nobody."""
    if check.shadow or state.waiver(gate.phase, gate.attempt, check.check) is not None:
        return False
    said = [
        c
        for c in state.confirmations
        if (c.check, c.phase, c.attempt) == (check.check, gate.phase, gate.attempt)
        and not c.void_seq
    ]
    if not said:
        return True
    return gate.round > 1 and not said[-1].answer and said[-1].seq < gate.opened_seq


def _concluded(gate: GateState, asked: Sequence[CheckSpec], *, stopping: bool) -> list[Payload]:
    events: list[Payload] = []
    for check in asked:
        state = gate.checks[check.check]
        verdict = assess_series(check.sampling, _counts(state), stopping=stopping)
        if verdict is not None:
            reason = state.latest_reason
            if stopping:
                reason = f"over after {state.tally.taken} samples: {reason or 'none was taken'}"
            events.append(
                CheckConcluded(
                    phase=gate.phase,
                    attempt=gate.attempt,
                    moment=gate.moment,
                    gate=gate.gate,
                    round=gate.round,
                    check=check.check,
                    verdict=verdict,
                    reason=reason,
                )
            )
    return events


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
