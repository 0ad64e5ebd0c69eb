"""How far a rollback goes, which steps it undoes and in which order: one rule for the engine, for every
preview and for what is told afterwards."""

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


def may_begin_at(state: RolloutState) -> list[str]:
    """Phases at which a rollback may be said to begin now, earliest first: those that have begun; after
    a rollback only earlier ones than it went back to, and a failed one may also be said again."""
    phase, order = state.current_phase(), list(state.phases)
    if phase is None:
        return []
    went = order.index(phase.undo_from) if phase.undo_from else 0
    if phase.stage == "rolled_back":
        return order[:went]
    return order[: (went if phase.stage == "rollback_failed" else order.index(phase.id)) + 1]


def undone_phases(state: RolloutState) -> frozenset[str]:
    """Phases before the current one that its finished rollback took back; none unless it is rolled back.

    Their stage in the log stays `passed` until they are begun anew: what was decided then is history.
    """
    current = state.current_phase()
    if current is None or current.stage != "rolled_back":
        return frozenset()
    scope = phases_in_scope(state, current.undo_from)
    return frozenset(scope[: scope.index(current.id)])


def newest_first(state: RolloutState, first: str = "") -> list[StepState]:
    """Steps of the phases in scope that did something and were not undone, whatever their kind."""
    scope = set(phases_in_scope(state, first))
    found = [s for s in state.steps.values() if s.phase in scope and s.status in UNDOABLE]
    return list(reversed(found))
