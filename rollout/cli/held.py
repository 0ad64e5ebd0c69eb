"""From where a rollout stands to an exit code."""

from __future__ import annotations

from rollout.cli import exits
from rollout.domain.evidence import Decision
from rollout.domain.state import PhaseState, RolloutState
from rollout.view.gates import newest_rounds

_GATE_STAGES = {"entry_gate", "running", "exit_gate"}


def exit_code(state: RolloutState) -> int:
    """0 completed or under way, 1 rolled back, aborted or held, 3 held by inconclusive gates alone."""
    if state.outcome:
        return exits.GO if state.outcome == "completed" else exits.NO_GO
    phase = state.current_phase()
    if phase is None or phase.stage not in {"held", "rolled_back", "rollback_failed"}:
        return exits.GO
    return exits.INCONCLUSIVE if is_held_by_doubt(state, phase) else exits.NO_GO


def is_held_by_doubt(state: RolloutState, phase: PhaseState) -> bool:
    """Whether inconclusive gates, and nothing else, hold the phase: no gate said no-go, no step
    failed, nobody refused to sign or said hold."""
    if phase.stage != "held" or phase.held_from not in _GATE_STAGES:
        return False
    if any(
        (s.phase, s.attempt, s.status) == (phase.id, phase.attempt, "failed")
        for s in state.steps.values()
    ):
        return False
    newest = state.decisions[-1] if state.decisions else None
    if newest is not None and newest.decision == "hold" and newest.seq + 1 == phase.since_seq:
        return False
    not_go = [
        g.decision
        for g in newest_rounds(state, phase.id, phase.attempt)
        if g.decision not in {None, Decision.GO}
    ]
    return bool(not_go) and all(d is Decision.INCONCLUSIVE for d in not_go)
