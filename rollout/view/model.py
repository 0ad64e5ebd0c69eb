"""What a screen shows, frozen: the same for the command line, its JSON and the TUI."""

from __future__ import annotations

from datetime import datetime

import msgspec

from rollout.domain.evidence import Decision, Scalar, Verdict


class PhaseView(msgspec.Struct, frozen=True, kw_only=True):
    """`word` is the state's short word (PASS, RUN, …); `since` is when the stage began. `undone`: the
    phase passed, and the rollback of a later one took back what it did."""

    id: str
    title: str
    stage: str
    word: str
    attempt: int
    since: datetime | None
    reason: str
    steps_done: int
    steps_total: int
    undone: bool = False

    def in_words(self) -> str:
        """The stage as a person reads it.

        >>> said = {"title": "", "word": "WARN", "attempt": 1, "since": None, "reason": ""}
        >>> PhaseView(
        ...     id="pilot", stage="passed", steps_done=0, steps_total=0, undone=True, **said
        ... ).in_words()
        'undone'
        """
        return "undone" if self.undone else self.stage.replace("_", " ")

    @property
    def is_passed(self) -> bool:
        return self.stage == "passed" and not self.undone


class StepView(msgspec.Struct, frozen=True, kw_only=True):
    """A step that is under way, or has failed."""

    phase: str
    attempt: int
    step: str
    status: str
    word: str
    since: datetime
    reason: str


class RunView(msgspec.Struct, frozen=True, kw_only=True):
    """A sync run of the current attempt; `share` is processed / source rows, 0..1, where known."""

    sync: str
    run_id: int
    phase: str
    attempt: int
    ours: bool
    status: str
    word: str
    processed: int | None
    updated: int | None
    failed: int | None
    invalid: int | None
    source_rows: int | None
    share: float | None


class CheckView(msgspec.Struct, frozen=True, kw_only=True):
    """`required` is as the plan writes it, or with references filled in where evidence was read;
    `judged` are then the metrics it speaks of, each in the unit of its condition."""

    id: str
    title: str
    kind: str
    word: str
    verdict: Verdict | None
    observed: dict[str, Scalar]
    judged: dict[str, str]
    required: str
    reason: str
    samples: int
    shadow: bool
    severity: str
    owner: str
    if_it_fails: str
    waived_by: str
    at: datetime | None
    evidence: str | None


class GateView(msgspec.Struct, frozen=True, kw_only=True):
    phase: str
    attempt: int
    moment: str
    gate: str
    title: str
    number: int | None
    round: int
    word: str
    decision: Decision | None
    opened_at: datetime
    decided_at: datetime | None
    reasons: list[str]
    checks: list[CheckView]
    void: bool = False
    """The plan changed what it asks: it is asked anew, and this one counts no more."""


class FindingView(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    check: str
    phase: str
    severity: str
    state: str
    title: str
    owner: str
    due_at: datetime | None


class RollbackView(msgspec.Struct, frozen=True, kw_only=True):
    """How the newest rollback came out. `scope`: the first phase that was undone, empty for all.
    `remaining` says what is left to do when it failed, `go_on` how."""

    word: str
    phase: str
    scope: str
    verified: bool
    restored_rows: int
    deleted_rows: int
    left_rows: int
    remaining_rows: int
    remaining: list[str]
    go_on: str


class ChoiceView(msgspec.Struct, frozen=True, kw_only=True):
    """What a person may do. `awaited`: the rollout stands still until somebody does one of these."""

    action: str
    subject: str
    roles: list[str]
    why: str
    awaited: bool


class EventView(msgspec.Struct, frozen=True, kw_only=True):
    seq: int
    at: datetime
    actor: str
    kind: str
    text: str


class StatusView(msgspec.Struct, frozen=True, kw_only=True):
    """Where a rollout is. `at` is the instant of its newest event, not of the question."""

    rollout: str
    title: str
    plan_sha256: str
    profile: str
    scenario: str | None
    status: str
    outcome: str
    word: str
    reason: str
    events: int
    head: str
    created_at: datetime | None
    at: datetime | None
    phases: list[PhaseView]
    steps: list[StepView]
    runs: list[RunView]
    gates: list[GateView]
    findings: list[FindingView]
    rollback: RollbackView | None
    next: list[ChoiceView]
    newest: list[EventView]
    plan_number: int = 1
    """How many plans the rollout has followed, the one in force included."""
    plan_since_seq: int = 1
    """The event from which on the plan in force holds."""
