"""Assess what a rollback would find, without saying it: reads the target, writes nothing anywhere."""

from __future__ import annotations

from typing import Any

from rollout.domain.assessment import Assessment
from rollout.domain.errors import PlanProblems
from rollout.domain.plan import Plan
from rollout.domain.state import RolloutState
from rollout.engine.facts import LogFacts
from rollout.kinds import StepContext
from rollout.ports import Clock, Connections
from rollout.steps.assess_changes import assess
from rollout.store.memory import MemoryEvidenceStore
from rollout.store.reading import Reader

NAME = "preview"


class ReadEvidence:
    """Documents of a store that is only read; what is put stays in memory."""

    def __init__(self, reader: Reader) -> None:
        self._reader, self._kept = reader, MemoryEvidenceStore()

    def put(self, document: Any) -> str:
        return self._kept.put(document)

    def get(self, digest: str) -> Any:
        """Raises: KeyError, LogDamaged."""
        try:
            return self._kept.get(digest)
        except KeyError:
            return self._reader.evidence(digest)


def assessments(
    plan: Plan,
    state: RolloutState,
    evidence: ReadEvidence,
    connections: Connections,
    clock: Clock,
    scope: str,
) -> list[Assessment]:
    """Every row of each of the plan's targets, as a rollback from phase `scope` on would find it;
    without one that has no baseline. Raises: ServiceError, PlanProblems (settings that are missing,
    too many rows)."""
    phase = state.current_phase()
    if phase is None:
        return []
    now = clock.now()
    context = StepContext(
        step=NAME,
        phase=phase.id,
        attempt=phase.attempt,
        now=now,
        started_at=now,
        plan=plan,
        connections=connections,
        facts=LogFacts(state, evidence, phase.id, phase.attempt, scope=scope),
        evidence=evidence,
        memory={},
        settled={},
    )
    found = list(assess(context))
    problems = [one for one in found if isinstance(one, str)]
    if problems:
        raise PlanProblems(problems)
    return [one for one in found if isinstance(one, Assessment)]
