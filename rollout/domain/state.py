"""What is so now: a fold of the log, and nothing else. No clock, no plan, no pydantic.

`fold.py` fills it; `snapshot.py` gives its bytes.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from rollout.domain.events import PhaseOutline, RunObserved
from rollout.domain.evidence import Decision, Scalar, Verdict
from rollout.domain.notices import DeliveryState, OccasionState
from rollout.domain.people_state import (
    ConfirmationState,
    DecisionState,
    FindingState,
    RequestState,
    SignatureState,
)

__all__ = [
    "FOLD_VERSION",
    "HISTORY_KEPT",
    "SOAK_COVERAGE",
    "STAGES",
    "CheckState",
    "ConfirmationState",
    "DecisionState",
    "EffectState",
    "FindingState",
    "GateState",
    "PastSample",
    "PhaseState",
    "PlanInForce",
    "RequestState",
    "RolloutState",
    "SignatureState",
    "StepState",
    "Tally",
]

FOLD_VERSION = 6
"""Raised when the fold changes meaning; snapshots of another version are ignored."""

SOAK_COVERAGE = "soak_coverage"
"""The check (and its gate) by which the engine itself asks how much of a soak was watched."""

STAGES = (
    "pending",
    "entry_gate",
    "ready",
    "running",
    "exit_gate",
    "sign_off",
    "passed",
    "held",
    "rolling_back",
    "rolled_back",
    "rollback_failed",
)


class Tally(msgspec.Struct):
    """Samples of one check in one round, by verdict; `taken` counts errors too."""

    taken: int = 0
    passed: int = 0
    failed: int = 0
    inconclusive: int = 0
    errors: int = 0
    consecutive_errors: int = 0
    consecutive_passes: int = 0

    def add(self, verdict: Verdict) -> None:
        self.taken += 1
        self.passed += verdict is Verdict.PASS
        self.failed += verdict is Verdict.FAIL
        self.inconclusive += verdict is Verdict.INCONCLUSIVE
        self.errors += verdict is Verdict.ERROR
        self.consecutive_errors = self.consecutive_errors + 1 if verdict is Verdict.ERROR else 0
        if verdict is not Verdict.ERROR:
            self.consecutive_passes = self.consecutive_passes + 1 if verdict is Verdict.PASS else 0


class CheckState(msgspec.Struct):
    """One check of one gate evaluation: its tally, its newest sample, its verdict once concluded."""

    tally: Tally
    observed: dict[str, Scalar] = {}
    latest: Verdict | None = None
    latest_reason: str = ""
    latest_at: datetime | None = None
    evidence: str | None = None
    verdict: Verdict | None = None
    reason: str = ""


class GateState(msgspec.Struct):
    """One evaluation (round) of one gate at one moment of one attempt."""

    phase: str
    attempt: int
    moment: str
    gate: str
    round: int
    opened_at: datetime
    checks: dict[str, CheckState]
    opened_seq: int = 0
    decision: Decision | None = None
    decided_at: datetime | None = None
    decided_seq: int = 0
    reasons: list[str] = []
    evidence_sha256: str = ""
    void_seq: int = 0
    """Where a changed plan took its word away: it is asked anew. 0: it stands."""


class StepState(msgspec.Struct):
    """status: running, completed, failed, undoing, undone, undo_failed."""

    phase: str
    attempt: int
    step: str
    status: str
    started_at: datetime
    memory: dict[str, Any] = {}
    undo_memory: dict[str, Any] = {}
    outputs: dict[str, Scalar] = {}
    undo_outputs: dict[str, Scalar] = {}
    ended_at: datetime | None = None
    ended_seq: int = 0
    reason: str = ""
    trouble: str = ""
    trouble_at: datetime | None = None
    """Why it asks again and again, and since when."""
    tries: int = 1
    """Steps of the way back alone are begun again after they failed; any other needs a new attempt."""
    undo_tries: int = 1
    remaining: list[str] = []
    remaining_rows: int = 0
    """Of an undo that failed: what is left to do."""
    taken_back: bool = False
    """A proven rollback undid the step's phase: what the step saw before counts no more."""


class EffectState(msgspec.Struct):
    """An intent and what became of it; `how` is None until its one resolution."""

    effect: str
    phase: str
    attempt: int
    step: str
    action: str
    target: str
    request: dict[str, Any]
    idempotent: bool
    watermark: int | None
    intended_at: datetime
    sends: int = 0
    answer: str | None = None
    answered_at: datetime | None = None
    retry_at: datetime | None = None
    needs_window: bool = False
    how: str | None = None
    value: Any = None
    detail: str = ""


class PhaseState(msgspec.Struct):
    id: str
    title: str
    stage: str = "pending"
    attempt: int = 1
    since: datetime | None = None
    since_seq: int = 0
    started_at: datetime | None = None
    running_at: datetime | None = None
    soak_started_at: datetime | None = None
    held_from: str = ""
    reason: str = ""
    undo_from: str = ""
    """First phase that the rollback of this one undoes; empty: everything."""
    undo_seq: int = 0
    """Where that rollback began; a repeated one began there too."""

    @property
    def attempts_begun(self) -> int:
        """`attempt` is the one under way or the next one; a phase that waits for it has not begun it.

        >>> PhaseState("pilot", "").attempts_begun, PhaseState("pilot", "", "held").attempts_begun
        (0, 1)
        """
        return self.attempt - (self.stage == "pending")


class PastSample(msgspec.Struct):
    """A sample kept for `trend` and for reports, oldest first; bounded per check."""

    at: datetime
    observed: dict[str, Scalar]


HISTORY_KEPT = 200
"""Samples of one check kept in state; the log keeps all."""


class PlanInForce(msgspec.Struct, frozen=True):
    """The plan that holds from event `seq` on."""

    seq: int
    plan_sha256: str


class RolloutState(msgspec.Struct):
    """Everything that is so after event `seq`."""

    rollout: str = ""
    plan: str = ""
    title: str = ""
    plan_sha256: str = ""
    plans: list[PlanInForce] = []
    """Every plan that was ever followed, oldest first; the last one is `plan_sha256`."""
    profile: str = ""
    scenario: str | None = None
    seed: int | None = None
    params: dict[str, Scalar] = {}
    status: str = "planned"
    outcome: str = ""
    outcome_reason: str = ""
    seq: int = 0
    head: str = ""
    created_at: datetime | None = None
    latest_at: datetime | None = None
    outline: list[PhaseOutline] = []
    phases: dict[str, PhaseState] = {}
    gates: list[GateState] = []
    gate_index: dict[str, int] = {}
    steps: dict[str, StepState] = {}
    effects: dict[str, EffectState] = {}
    runs: dict[str, RunObserved] = {}
    findings: dict[str, FindingState] = {}
    confirmations: list[ConfirmationState] = []
    signatures: list[SignatureState] = []
    requests: dict[str, RequestState] = {}
    """What people were asked to sign, by nonce."""
    decisions: list[DecisionState] = []
    history: dict[str, list[PastSample]] = {}
    rollback: dict[str, Any] | None = None
    occasions: list[OccasionState] = []
    deliveries: dict[str, DeliveryState] = {}

    def current_phase(self) -> PhaseState | None:
        """The first phase that is not passed; None when all are."""
        return next((p for p in self.phases.values() if p.stage != "passed"), None)

    def gate(self, phase: str, attempt: int, moment: str, gate: str) -> GateState | None:
        """The newest round of a gate, or None when it was never opened."""
        position = self.gate_index.get(f"{phase}/{attempt}/{moment}/{gate}")
        return None if position is None else self.gates[position]

    def step(self, phase: str, attempt: int, step: str) -> StepState | None:
        return self.steps.get(f"{phase}/{attempt}/{step}")

    def waiver(self, phase: str, attempt: int, check: str, *, at: int = 0) -> DecisionState | None:
        """The newest waiver of a check in this attempt that counts now, or counted at event `at`."""
        return next(
            (
                d
                for d in reversed(self.decisions)
                if d.decision == "waive"
                and (d.phase, d.attempt, d.subject) == (phase, attempt, check)
                and (d.void_seq == 0 or 0 < at < d.void_seq)
                and (at == 0 or d.seq <= at)
            ),
            None,
        )
