"""What can happen in a rollout. Events are past tense, immutable, and the only source of state.

A payload's tag is its name in the log; a field may be added with a default, never renamed or
removed. An unknown tag stops the program instead of being skipped.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, get_args

import msgspec

from rollout.domain.evidence import Decision, Scalar, Verdict


class _Payload(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """Base of all payloads: frozen, named fields, the tag in `kind`."""


class PhaseOutline(msgspec.Struct, frozen=True):
    """What the fold must know of a phase without reading the plan."""

    id: str
    title: str
    steps: list[str] = []
    writes: bool = False


class RolloutCreated(_Payload, frozen=True, kw_only=True, tag="rollout_created"):
    """First event of every log: pins the plan by hash; the document itself is evidence under it."""

    plan: str
    title: str
    plan_sha256: str
    profile: str
    phases: list[PhaseOutline]
    params: dict[str, Scalar]
    scenario: str | None = None
    seed: int | None = None


class StageChanged(_Payload, frozen=True, kw_only=True, tag="stage_changed"):
    phase: str
    attempt: int
    trigger: str
    source: str
    target: str
    reason: str = ""


class GateOpened(_Payload, frozen=True, kw_only=True, tag="gate_opened"):
    """A gate's evaluation began. `moment` says where in the phase: entry, exit, step:<id>,
    after:<4h>, every:<12h>#<n>, rollback. `round` counts re-checks from 1."""

    phase: str
    attempt: int
    moment: str
    gate: str
    round: int
    checks: list[str]


class Measured(_Payload, frozen=True, kw_only=True, tag="measured"):
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


class CheckConcluded(_Payload, frozen=True, kw_only=True, tag="check_concluded"):
    phase: str
    attempt: int
    moment: str
    gate: str
    round: int
    check: str
    verdict: Verdict
    reason: str


class GateDecided(_Payload, frozen=True, kw_only=True, tag="gate_decided"):
    phase: str
    attempt: int
    moment: str
    gate: str
    round: int
    decision: Decision
    reasons: list[str]
    evidence_sha256: str


class StepStarted(_Payload, frozen=True, kw_only=True, tag="step_started"):
    phase: str
    attempt: int
    step: str


class StepProgressed(_Payload, frozen=True, kw_only=True, tag="step_progressed"):
    """What the step wants to remember; merged into its memory, later keys win."""

    phase: str
    attempt: int
    step: str
    memory: dict[str, Any]
    undo: bool = False


class StepCompleted(_Payload, frozen=True, kw_only=True, tag="step_completed"):
    phase: str
    attempt: int
    step: str
    outputs: dict[str, Scalar]


class StepFailed(_Payload, frozen=True, kw_only=True, tag="step_failed"):
    phase: str
    attempt: int
    step: str
    reason: str
    undo: bool = False


class StepUndone(_Payload, frozen=True, kw_only=True, tag="step_undone"):
    phase: str
    attempt: int
    step: str
    outputs: dict[str, Scalar]


class EffectIntended(_Payload, frozen=True, kw_only=True, tag="effect_intended"):
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


class EffectAnswered(_Payload, frozen=True, kw_only=True, tag="effect_answered"):
    """What is known of a send that did not settle the effect: `no` (may be sent again after
    `retry_at`), `unknown`, or `resent`: committed just before the same intent is sent once more,
    so that a crash in between leaves it unknown and not refused."""

    effect: str
    answer: str
    detail: str
    retry_at: datetime | None = None


class EffectResolved(_Payload, frozen=True, kw_only=True, tag="effect_resolved"):
    """The one resolution of an intent: done, adopted, refused, abandoned (never to be sent again
    because the way back began) or needs_human; after that alone a person's word: settled or
    never_sent."""

    effect: str
    how: str
    detail: str = ""
    value: Any = None


class RunObserved(_Payload, frozen=True, kw_only=True, tag="run_observed"):
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


class DecisionMade(_Payload, frozen=True, kw_only=True, tag="decision_made"):
    """A person chose. `decision`: proceed, hold, resume, retry, restart, roll_back, abort, waive.
    `subject` names what it is about (a check for waive, a phase for restart)."""

    decision: str
    phase: str
    attempt: int
    by: str
    role: str
    reason: str
    seen_seq: int
    seen_head: str
    subject: str = ""
    rehearsed: bool = False


class Attested(_Payload, frozen=True, kw_only=True, tag="attested"):
    phase: str
    attempt: int
    check: str
    by: str
    role: str
    answer: bool
    note: str
    file_sha256: str | None = None
    rehearsed: bool = False


class SignedOff(_Payload, frozen=True, kw_only=True, tag="signed_off"):
    phase: str
    attempt: int
    gate: str
    by: str
    role: str
    approve: bool
    reason: str
    plan_sha256: str
    evidence_sha256: str
    seen_seq: int
    seen_head: str
    signature: str | None = None
    rehearsed: bool = False


class FindingRaised(_Payload, frozen=True, kw_only=True, tag="finding_raised"):
    finding: str
    check: str
    phase: str
    attempt: int
    severity: str
    title: str
    owner: str
    due_at: datetime | None
    evidence: str | None
    detail: str = ""


class FindingResolved(_Payload, frozen=True, kw_only=True, tag="finding_resolved"):
    finding: str
    how: str
    by: str
    reason: str


class SoakStarted(_Payload, frozen=True, kw_only=True, tag="soak_started"):
    phase: str
    attempt: int


class RolledBack(_Payload, frozen=True, kw_only=True, tag="rolled_back"):
    """Outcome of a rollback: rows restored, deleted, and left because others changed them since."""

    phase: str
    attempt: int
    verified: bool
    restored_rows: int
    deleted_rows: int
    left_rows: int


class RolloutEnded(_Payload, frozen=True, kw_only=True, tag="rollout_ended"):
    """outcome: completed, rolled_back, aborted."""

    outcome: str
    reason: str = ""


class NoticeAnswered(_Payload, frozen=True, kw_only=True, tag="notice_answered"):
    """One send of a notice to one channel. answer: yes, no, unknown; sent again at `retry_at`,
    given up when that is None after anything but yes. `notice` is the key receivers deduplicate by."""

    notice: str
    channel: str
    severity: str
    title: str
    answer: str
    detail: str = ""
    retry_at: datetime | None = None


Payload = (
    RolloutCreated
    | StageChanged
    | GateOpened
    | Measured
    | CheckConcluded
    | GateDecided
    | StepStarted
    | StepProgressed
    | StepCompleted
    | StepFailed
    | StepUndone
    | EffectIntended
    | EffectAnswered
    | EffectResolved
    | RunObserved
    | DecisionMade
    | Attested
    | SignedOff
    | FindingRaised
    | FindingResolved
    | SoakStarted
    | RolledBack
    | RolloutEnded
    | NoticeAnswered
)

KINDS: dict[str, type[_Payload]] = {cls.__struct_config__.tag: cls for cls in get_args(Payload)}
"""Tag in the log -> payload type."""

VERSION = 1
"""Schema version written with every event of this build."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """A committed payload: who, when, and its place in the chain. `at` is a label; order is `seq`."""

    rollout: str
    seq: int
    at: datetime
    actor: str
    payload: Payload
    prev: str
    hash: str


_encoder = msgspec.json.Encoder(order="sorted")
_decoder: msgspec.json.Decoder[Payload] = msgspec.json.Decoder(Payload)


def encode_payload(payload: Payload) -> bytes:
    """Canonical JSON: sorted keys, no spaces, UTF-8; equal payloads give equal bytes.

    >>> encode_payload(SoakStarted(phase="monitoring", attempt=1))
    b'{"attempt":1,"kind":"soak_started","phase":"monitoring"}'
    """
    return _encoder.encode(payload)


def decode_payload(body: bytes) -> Payload:
    """Raises: msgspec.ValidationError for an unknown kind or a field of the wrong type."""
    return _decoder.decode(body)


def kind_of(payload: Payload) -> str:
    """The payload's tag."""
    return str(type(payload).__struct_config__.tag)
