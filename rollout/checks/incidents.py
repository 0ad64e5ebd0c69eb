"""`incidents`: nothing grave happened in a period, and somebody was watching."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

from pydantic import BaseModel, Field

from rollout.checks.findings import SAMPLE, finding_rows
from rollout.checks.numbers import number_of
from rollout.checks.written import Moment, instant_of
from rollout.domain.evidence import Observation
from rollout.domain.instants import to_text
from rollout.domain.plan import Identifier, Model
from rollout.kinds import CheckContext, OpenFinding, PastMeasure


class IncidentsInputs(Model):
    """Since when, and the checks that must have looked in that time.

    `ignoring`: checks whose findings are no incidents, such as a confirmation that was late.
    """

    since: Moment
    watched_by: list[Identifier] = Field(min_length=1)
    ignoring: list[Identifier] = []


class Incidents:
    """P0 and P1 findings raised in the period, in whatever state they are now.

    A resolved incident still happened. A period in which one of the watchers saw nothing at all
    is no quiet period: it is unanswerable. A finding without a known instant counts.
    """

    kind: ClassVar[str] = "incidents"
    Inputs: ClassVar[type[BaseModel]] = IncidentsInputs
    primary: ClassVar[str | None] = "incidents"
    metrics: ClassVar[Mapping[str, str] | None] = {
        "incidents": "P0 and P1 findings raised in the period",
        "p0": "of these, P0",
        "p1": "of these, P1",
        "looks": "fewest measures that one of the watching checks took in the period",
        "last_look_age_s": "seconds since the watcher that has looked least recently did",
    }
    default_go: ClassVar[Mapping[str, str]] = {"p0": "= 0", "p1": "= 0"}

    def observe(self, inputs: IncidentsInputs, context: CheckContext) -> Observation:
        since = instant_of(inputs.since, context.now)
        found = [f for f in context.facts.findings() if _counts(f, since, inputs, context)]
        looks = {
            check: [m.at for m in context.facts.history(check) if m.at >= since and _saw(m)]
            for check in inputs.watched_by
        }
        blind = [check for check, instants in looks.items() if not instants]
        p0 = sum(finding.severity == "P0" for finding in found)
        return Observation(
            metrics={
                "incidents": len(found),
                "p0": p0,
                "p1": len(found) - p0,
                "looks": min(len(instants) for instants in looks.values()),
                "last_look_age_s": _oldest_look(looks, context.now),
            },
            source="the log",
            query=f"findings P0 and P1 raised since {to_text(since)}",
            as_of=context.now,
            sample=finding_rows(found)[:SAMPLE],
            detail={"looks": {check: len(instants) for check, instants in looks.items()}},
            problem=f"nobody looked since then: {', '.join(blind)}" if blind else None,
        )


def _counts(
    finding: OpenFinding, since: datetime, inputs: IncidentsInputs, context: CheckContext
) -> bool:
    return (
        finding.severity in {"P0", "P1"}
        and finding.check != context.check
        and finding.check not in inputs.ignoring
        and (finding.raised_at is None or finding.raised_at >= since)
    )


def _saw(measure: PastMeasure) -> bool:
    """Whether the measure holds anything: a look that found no value was no look."""
    values = measure.observed.values()
    return any(isinstance(value, bool | str) or number_of(value) is not None for value in values)


def _oldest_look(looks: Mapping[str, list[datetime]], now: datetime) -> float | None:
    newest = [max(instants) for instants in looks.values() if instants]
    return (now - min(newest)).total_seconds() if newest else None
