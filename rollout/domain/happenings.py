"""Payloads of what the engine did and saw: phases, gates, steps, effects, runs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from rollout.domain.evidence import Decision, Scalar, Verdict


class HappeningBase(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """Base of all payloads: frozen, named fields, the tag in `kind`."""


class PhaseOutline(msgspec.Struct, frozen=True):
    """What the fold must know of a phase without reading the plan."""

    id: str
    title: str
    steps: list[str] = []
    writes: bool = False


class RolloutCreated(HappeningBase, frozen=True, kw_only=True, tag="rollout_created"):
    """First event of every log: pins the plan by hash; the document itself is evidence under it."""

    plan: str
    title: str
    plan_sha256: str
    profile: str
    phases: list[PhaseOutline]
    params: dict[str, Scalar]
    scenario: str | None = None
    seed: int | None = None


class StageChanged(HappeningBase, frozen=True, kw_only=True, tag="stage_changed"):
    phase: str
    attempt: int
    trigger: str
    source: str
    target: str
    reason: str = ""


class GateOpened(HappeningBase, frozen=True, kw_only=True, tag="gate_opened"):
    """A gate's evaluation began. `moment` says where in the phase: entry, exit, step:<id>,
    after:<4h>, every:<12h>#<n>, rollback. `round` counts re-checks from 1."""

    phase: str
    attempt: int
    moment: str
    gate: str
    round: int
    checks: list[str]


class Measured(HappeningBase, frozen=True, kw_only=True, tag="measured"):
    """One sample of one check. `observed` holds the metrics; the whole observation is evidence."""

    phase: str
    attempt: int
    moment: str
    gate: str
    round: int
    check: str
    verdict: Verdict
    reason: str
    observed: dict[str, Scalar]
    evidence: str | None = None


class CheckConcluded(HappeningBase, frozen=True, kw_only=True, tag="check_concluded"):
    phase: str
    attempt: int
    moment: str
    gate: str
    round: int
    check: str
    verdict: Verdict
    reason: str


class GateDecided(HappeningBase, frozen=True, kw_only=True, tag="gate_decided"):
    phase: str
    attempt: int
    moment: str
    gate: str
    round: int
    decision: Decision
    reasons: list[str]
    evidence_sha256: str


class StepStarted(HappeningBase, frozen=True, kw_only=True, tag="step_started"):
    phase: str
    attempt: int
    step: str


class StepProgressed(HappeningBase, frozen=True, kw_only=True, tag="step_progressed"):
    """What the step wants to remember; merged into its memory, later keys win."""

    phase: str
    attempt: int
    step: str
    memory: dict[str, Any]
    undo: bool = False


class StepCompleted(HappeningBase, frozen=True, kw_only=True, tag="step_completed"):
    phase: str
    attempt: int
    step: str
    outputs: dict[str, Scalar]


class StepFailed(HappeningBase, frozen=True, kw_only=True, tag="step_failed"):
    """`outputs` of an undo say what was done all the same, `remaining` what is left to do."""

    phase: str
    attempt: int
    step: str
    reason: str
    undo: bool = False
    remaining: list[str] = []
    remaining_rows: int = 0
    outputs: dict[str, Scalar] = {}


class StepUndone(HappeningBase, frozen=True, kw_only=True, tag="step_undone"):
    phase: str
    attempt: int
    step: str
    outputs: dict[str, Scalar]


class StepTroubled(HappeningBase, frozen=True, kw_only=True, tag="step_troubled"):
    """A service gave the step no answer and is asked again; with an empty `detail` it answered
    again. Appended when that changes, not at each try."""

    phase: str
    attempt: int
    step: str
    detail: str
    undo: bool = False


class EffectIntended(HappeningBase, frozen=True, kw_only=True, tag="effect_intended"):
    """Committed before the request leaves. `effect` is unique in the log.

    `watermark` is the highest foreign id seen before (run id), for adoption. `epoch` counts
    ownerships of the store. `needs_window`: sent, and sent again, inside the phase's window only.
    """

    effect: str
    phase: str
    attempt: int
    step: str
    action: str
    target: str
    request: dict[str, Any]
    idempotent: bool
    watermark: int | None = None
    epoch: int = 0
    needs_window: bool = False


class EffectAnswered(HappeningBase, frozen=True, kw_only=True, tag="effect_answered"):
    """What is known of a send that did not settle the effect: `no` (may be sent again after
    `retry_at`), `unknown`, or `resent`: committed just before the same intent is sent once more,
    so that a crash in between leaves it unknown and not refused."""

    effect: str
    answer: str
    detail: str
    retry_at: datetime | None = None


class EffectResolved(HappeningBase, frozen=True, kw_only=True, tag="effect_resolved"):
    """The one resolution of an intent: done, adopted, refused, abandoned (never to be sent again
    because the way back began) or needs_human; after that alone a person's word: settled or
    never_sent."""

    effect: str
    how: str
    detail: str = ""
    value: Any = None


class RunObserved(HappeningBase, frozen=True, kw_only=True, tag="run_observed"):
    """Counters of a sync run changed. `accepted` = created + updated in the target."""

    sync: str
    run_id: int
    phase: str
    attempt: int
    ours: bool
    status: str
    processed: int | None
    accepted: int | None
    failed: int | None
    invalid: int | None
    source_rows: int | None = None
    created_at: datetime | None = None
    completed_at: datetime | None = None


class SoakStarted(HappeningBase, frozen=True, kw_only=True, tag="soak_started"):
    phase: str
    attempt: int


class RolledBack(HappeningBase, frozen=True, kw_only=True, tag="rolled_back"):
    """Outcome of a rollback, also of one that failed: rows restored, deleted, and left because
    others changed them since. `scope` is the first phase that was undone, empty for all;
    `remaining` texts say what is left to do, `go_on` how; `assessment` is the digest of what was
    found before anything was undone."""

    phase: str
    attempt: int
    verified: bool
    restored_rows: int
    deleted_rows: int
    left_rows: int
    scope: str = ""
    remaining: list[str] = []
    remaining_rows: int = 0
    go_on: str = ""
    assessment: str | None = None


class RolloutEnded(HappeningBase, frozen=True, kw_only=True, tag="rollout_ended"):
    """outcome: completed, rolled_back, aborted."""

    outcome: str
    reason: str = ""
