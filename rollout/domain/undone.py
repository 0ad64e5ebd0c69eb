"""Which phases a finished rollback took back: they passed once, and what they did is there no more."""

from __future__ import annotations

from rollout.domain.state import RolloutState


def undone_phases(state: RolloutState) -> frozenset[str]:
    """Phases before the current one that its rollback undid; none unless it is rolled back.

    Their stage in the log stays `passed` until they are begun anew: what was decided then is history.
    """
    current = state.current_phase()
    if current is None or current.stage != "rolled_back":
        return frozenset()
    order = list(state.phases)
    first = order.index(current.undo_from) if current.undo_from in state.phases else 0
    return frozenset(order[first : order.index(current.id)])
