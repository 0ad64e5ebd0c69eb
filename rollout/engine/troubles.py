"""A service that does not answer a step: it is asked again, the log says so, and somebody is told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from rollout.domain.command import LEAD
from rollout.domain.errors import ServiceError, ServiceRefused
from rollout.domain.events import FindingRaised, FindingResolved, Payload, StepTroubled
from rollout.domain.plan import StepSpec
from rollout.domain.state import StepState
from rollout.engine.findings import DUE
from rollout.engine.record import RolloutRecord
from rollout.engine.wake import Wake
from rollout.ports import Clock

PATIENCE = timedelta(seconds=60)
"""Before a step asks again when a service gave no answer to a read."""

TOLD_AFTER = timedelta(minutes=15)
"""Source: domain note, section 4: a team is told within 15 minutes."""

SEVERITY = "P1"
"""While nobody sees a run, nobody can stop it either."""


@dataclass(frozen=True)
class Troubles:
    """Of one rollout's steps, forwards and backwards."""

    record: RolloutRecord
    clock: Clock

    def wait(self, step: StepState, spec: StepSpec, problem: ServiceError, *, undo: bool) -> Wake:
        """Note why, once; raise a finding when waiting alone will not help (a token that is not
        accepted), or when it has lasted; and come back."""
        now = self.clock.now()
        events: list[Payload] = []
        if step.trouble != str(problem):
            events.append(_troubled(step, str(problem), undo=undo))
        lasts = step.trouble_at is not None and now - step.trouble_at >= TOLD_AFTER
        if (lasts or isinstance(problem, ServiceRefused)) and not self._is_told(step):
            events.append(self._finding(step, spec, problem))
        if events:
            self.record.append(events)
        return Wake(now + PATIENCE, f"{spec.id}: {problem}; asked again in a minute")

    def over(self, step: StepState, *, undo: bool) -> None:
        """The service answered again."""
        events: list[Payload] = [_troubled(step, "", undo=undo)]
        if self._is_told(step):
            answered = "the service answered again"
            events.append(
                FindingResolved(finding=_name(step), how="resolved", by="rollout", reason=answered)
            )
        self.record.append(events)

    def _is_told(self, step: StepState) -> bool:
        known = self.record.state.findings.get(_name(step))
        return known is not None and known.state == "open"

    def _finding(self, step: StepState, spec: StepSpec, problem: ServiceError) -> FindingRaised:
        return FindingRaised(
            finding=_name(step),
            check=spec.id,
            phase=step.phase,
            attempt=step.attempt,
            severity=SEVERITY,
            title=f"{spec.title or spec.id}: a service gives no answer",
            owner=LEAD,
            due_at=self.clock.now() + DUE[SEVERITY],
            evidence=None,
            detail=f"{problem}. It is asked again every minute; see whether it can be reached with "
            "what the plan is given: `rollout doctor` looks",
        )


def _troubled(step: StepState, detail: str, *, undo: bool) -> StepTroubled:
    return StepTroubled(
        phase=step.phase, attempt=step.attempt, step=step.step, detail=detail, undo=undo
    )


def _name(step: StepState) -> str:
    return f"{step.phase}-{step.attempt}-{step.step}-unanswered"
