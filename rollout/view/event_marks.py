"""What an event means at a glance; most mean nothing by themselves and have no mark."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rollout.domain import events as e
from rollout.view import marks
from rollout.view.marks import Mark


def mark_of(payload: Any) -> Mark | None:
    """None for what is neither good nor bad."""
    found = _OF.get(type(payload))
    return found(payload) if found is not None else None


def _by_verdict(payload: e.Measured | e.CheckConcluded) -> Mark:
    return marks.of_check(payload.verdict, shadow=False, waived=False, samples=1)


def _by_answer(payload: e.NoticeAnswered) -> Mark | None:
    return None if payload.answer == "yes" else marks.WARN


def _by_resolution(payload: e.EffectResolved) -> Mark | None:
    if payload.how == "needs_human":
        return marks.WAIT
    return marks.FAIL if payload.how == "refused" else None


def _by_effect_answer(payload: e.EffectAnswered) -> Mark | None:
    return {"no": marks.WARN, "unknown": marks.UNKN}.get(payload.answer)


_OF: dict[type, Callable[[Any], Mark | None]] = {
    e.StageChanged: lambda p: marks.OF_STAGE.get(p.target),
    e.Measured: _by_verdict,
    e.CheckConcluded: _by_verdict,
    e.GateDecided: lambda p: marks.of_gate(p.decision),
    e.StepFailed: lambda p: marks.FAIL,
    e.StepCompleted: lambda p: marks.PASS,
    e.StepUndone: lambda p: marks.SKIP,
    e.EffectAnswered: _by_effect_answer,
    e.EffectResolved: _by_resolution,
    e.RunObserved: lambda p: marks.of_run(p.status),
    e.Attested: lambda p: marks.PASS if p.answer else marks.FAIL,
    e.SignedOff: lambda p: marks.PASS if p.approve else marks.FAIL,
    e.FindingRaised: lambda p: marks.FAIL,
    e.RolledBack: lambda p: marks.PASS if p.verified else marks.FAIL,
    e.RolloutEnded: lambda p: marks.of_rollout(p.outcome),
    e.NoticeAnswered: _by_answer,
}
