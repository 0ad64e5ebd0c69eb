"""Rules of the way back: every sync that writes is paused first, and its own writes can be told apart."""

from __future__ import annotations

from rollout.loader.draft import LATEST, Draft, StepDraft

_WRITES = ("run_sync", "resume_sync", "set_schedule")
"""Kinds of step after which a sync writes: now, or by its own schedule (also one that a rollback gives back)."""

RESERVED = ("way_back_runs", "way_back_scope")
"""Ids of the steps that every rollback has by itself. Source: `engine/rollback.py`; a test compares."""


def report_rollback(draft: Draft) -> None:
    """Every rule of this module."""
    for step in draft.steps:
        if step.id in RESERVED:
            (step.node.get("id") or step.node).problem(
                f"`{step.id}` is a step of every rollback: give yours another name"
            )
    rollback = draft.plan.get("rollback")
    if rollback is None or not isinstance(rollback.value, dict):
        return
    written = [name for kind in _WRITES for name in _syncs(draft, kind, back=False)]
    paused = _syncs(draft, "pause_sync", back=True)
    for sync in dict.fromkeys(name for name in written if name not in paused):
        (rollback.get("steps") or rollback).problem(
            f"the way back does not pause `{sync}`: a sync that goes on writes again what is undone"
        )
    if written and not (rollback.text("user") or "").strip():
        rollback.problem(
            "`user` is missing: the id of the target's user that a rollback writes as; without it "
            "its own writes look like somebody else's"
        )


def _syncs(draft: Draft, kind: str, *, back: bool) -> list[str]:
    return [
        step.inputs["sync"]
        for step in draft.steps
        if _is(step, kind) and (step.at[0] == LATEST) is back
    ]


def _is(step: StepDraft, kind: str) -> bool:
    named = step.kind is not None and step.kind.kind == kind
    return named and isinstance(step.inputs.get("sync"), str)
