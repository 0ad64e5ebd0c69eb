"""What can happen in a rollout. Events are past tense, immutable, and the only source of state.

A payload's tag is its name in the log; a field may be added with a default, never renamed or
removed. An unknown tag stops the program instead of being skipped.
"""

from __future__ import annotations

from datetime import datetime
from typing import get_args

import msgspec

from rollout.domain.happenings import (
    CheckConcluded,
    EffectAnswered,
    EffectIntended,
    EffectResolved,
    GateDecided,
    GateOpened,
    HappeningBase,
    Measured,
    PhaseOutline,
    RolledBack,
    RolloutCreated,
    RolloutEnded,
    RunObserved,
    SoakStarted,
    StageChanged,
    StepCompleted,
    StepFailed,
    StepProgressed,
    StepStarted,
    StepTroubled,
    StepUndone,
)
from rollout.domain.people_events import (
    Attested,
    DecisionMade,
    FindingRaised,
    FindingResolved,
    NoticeAnswered,
    PlanAdopted,
    SignedOff,
    SignOffRequested,
)

__all__ = [
    "KINDS",
    "VERSION",
    "Attested",
    "CheckConcluded",
    "DecisionMade",
    "EffectAnswered",
    "EffectIntended",
    "EffectResolved",
    "Event",
    "FindingRaised",
    "FindingResolved",
    "GateDecided",
    "GateOpened",
    "Measured",
    "NoticeAnswered",
    "Payload",
    "PhaseOutline",
    "PlanAdopted",
    "RolledBack",
    "RolloutCreated",
    "RolloutEnded",
    "RunObserved",
    "SignOffRequested",
    "SignedOff",
    "SoakStarted",
    "StageChanged",
    "StepCompleted",
    "StepFailed",
    "StepProgressed",
    "StepStarted",
    "StepTroubled",
    "StepUndone",
    "decode_payload",
    "encode_payload",
    "kind_of",
]

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
    | StepTroubled
    | EffectIntended
    | EffectAnswered
    | EffectResolved
    | RunObserved
    | DecisionMade
    | PlanAdopted
    | Attested
    | SignedOff
    | FindingRaised
    | FindingResolved
    | SoakStarted
    | RolledBack
    | RolloutEnded
    | NoticeAnswered
    | SignOffRequested
)

KINDS: dict[str, type[HappeningBase]] = {
    cls.__struct_config__.tag: cls for cls in get_args(Payload)
}
"""Tag in the log -> payload type."""

VERSION = 1
"""Schema version written with every event of this build."""


MOST_BYTES = 1_000_000
"""Of one payload. The largest that a rollout of the shipped plan writes has some ten thousand."""


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

    Raises: ValueError over `MOST_BYTES`, or nested too deeply: what is large is evidence, and an event
    names it by its digest.

    >>> encode_payload(SoakStarted(phase="monitoring", attempt=1))
    b'{"attempt":1,"kind":"soak_started","phase":"monitoring"}'
    """
    try:
        body = _encoder.encode(payload)
    except RecursionError:
        raise ValueError(f"{kind_of(payload)} is nested too deeply for an event") from None
    if len(body) > MOST_BYTES:
        raise ValueError(
            f"{kind_of(payload)} of {len(body):,} bytes is too large for an event, which may have "
            f"{MOST_BYTES:,}: keep what is large as evidence"
        )
    return body


def decode_payload(body: bytes) -> Payload:
    """Raises: msgspec.ValidationError for an unknown kind or a field of the wrong type."""
    return _decoder.decode(body)


def kind_of(payload: Payload) -> str:
    """The payload's tag."""
    return str(type(payload).__struct_config__.tag)
