"""Which steps a rollback undoes, and in which order: one rule for the engine and for every preview."""

from __future__ import annotations

from rollout.domain.state import RolloutState, StepState

UNDOABLE = frozenset({"running", "completed", "failed", "undoing", "undo_failed"})
"""A step in one of these did something, or may have."""


def phases_in_scope(state: RolloutState, first: str = "") -> list[str]:
    """From the phase that was named (or the first) to the last. Later phases too: a restart from an
    earlier one leaves what they did in place.

    Raises: ValueError for a phase that the plan does not have.
    """
    order = list(state.phases)
    return order[order.index(first) if first else 0 :]


def newest_first(state: RolloutState, first: str = "") -> list[StepState]:
    """Steps of the phases in scope that did something and were not undone, whatever their kind."""
    scope = set(phases_in_scope(state, first))
    found = [s for s in state.steps.values() if s.phase in scope and s.status in UNDOABLE]
    return list(reversed(found))
