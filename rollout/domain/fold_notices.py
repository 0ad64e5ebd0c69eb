"""Which events people may be told of, and what became of telling them; part of `fold.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rollout.domain import events as e
from rollout.domain.evidence import Decision
from rollout.domain.notices import DeliveryState, OccasionState
from rollout.domain.state import RolloutState

LONGEST_DETAIL = 500
"""Characters of foreign text that the state keeps of one occasion; the log keeps all."""

Said = tuple[str, str, str]
"""Occasion, subject, detail; the first is empty when nobody need be told."""

_NOTHING: Said = ("", "", "")

_BY_TARGET = {
    "ready": "person_wanted",
    "sign_off": "person_wanted",
    "passed": "phase_passed",
    "held": "phase_held",
    "rolling_back": "rollback",
    "rolled_back": "rollback",
    "rollback_failed": "rollback",
}


def remember_occasion(state: RolloutState, event: e.Event) -> None:
    """Keep what a plan may want told. Called after the event itself was folded."""
    tell = _TOLD.get(type(event.payload))
    if tell is None:
        return
    p: Any = event.payload
    occasion, subject, detail = tell(p)
    if occasion:
        state.occasions.append(
            OccasionState(
                occasion=occasion,
                seq=event.seq,
                at=event.at,
                phase=getattr(p, "phase", ""),
                attempt=getattr(p, "attempt", 0),
                subject=subject,
                detail=detail[:LONGEST_DETAIL],
            )
        )


def notice_answered(state: RolloutState, event: e.Event, p: e.NoticeAnswered) -> None:
    name = delivery_name(p.notice, p.channel)
    before = state.deliveries.get(name)
    state.deliveries[name] = DeliveryState(
        notice=p.notice,
        channel=p.channel,
        sends=before.sends + 1 if before else 1,
        answer=p.answer,
        at=event.at,
        detail=p.detail,
        retry_at=p.retry_at,
    )


def delivery_name(notice: str, channel: str) -> str:
    """One notice to one channel.

    >>> delivery_name("41/phase_held", "team")
    '41/phase_held>team'
    """
    return f"{notice}>{channel}"


def _stage_changed(p: e.StageChanged) -> Said:
    if p.target == "running" and p.source == "ready":
        return "phase_started", p.target, p.reason
    return _BY_TARGET.get(p.target, ""), p.target, p.reason


def _gate_decided(p: e.GateDecided) -> Said:
    if p.decision is Decision.GO:
        return _NOTHING
    return "gate_no_go", p.gate, f"{p.decision.value.replace('_', '-')}: {'; '.join(p.reasons)}"


def _effect_resolved(p: e.EffectResolved) -> Said:
    return ("person_wanted", p.effect, p.detail) if p.how == "needs_human" else _NOTHING


def _ended(p: e.RolloutEnded) -> Said:
    return "completed" if p.outcome == "completed" else "stopped", p.outcome, p.reason


_TOLD: dict[type, Callable[[Any], Said]] = {
    e.StageChanged: _stage_changed,
    e.GateDecided: _gate_decided,
    e.EffectResolved: _effect_resolved,
    e.FindingRaised: lambda p: ("finding_raised", p.finding, p.detail),
    e.FindingResolved: lambda p: ("finding_closed", p.finding, f"{p.how} by {p.by}: {p.reason}"),
    e.RolloutEnded: _ended,
}
