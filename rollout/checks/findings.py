"""`findings`: nothing grave is left open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import ClassVar

from pydantic import BaseModel, Field

from rollout.domain.evidence import Observation, Scalar
from rollout.domain.plan import Identifier, Model, Severity
from rollout.kinds import CheckContext, OpenFinding

SAMPLE = 20
CLOSED = frozenset({"resolved", "waived"})
"""Every other state, known or not, is open."""


class FindingsInputs(Model):
    """Which severities count, and of which phase; without one, of all phases."""

    severities: list[Severity] = Field(default=["P0", "P1"], min_length=1)
    phase: Identifier | None = None


class Findings:
    """Open findings in the log. Zero is an observation: the log is whole or it does not open.

    A finding this very check raised does not count, or it could never close.
    """

    kind: ClassVar[str] = "findings"
    Inputs: ClassVar[type[BaseModel]] = FindingsInputs
    primary: ClassVar[str | None] = "open"
    metrics: ClassVar[Mapping[str, str] | None] = {
        "open": "findings of these severities that are neither resolved nor waived"
    }
    default_go: ClassVar[Mapping[str, str]] = {"open": "= 0"}

    def observe(self, inputs: FindingsInputs, context: CheckContext) -> Observation:
        found = [
            finding
            for finding in context.facts.findings()
            if finding.check != context.check
            and finding.severity in inputs.severities
            and inputs.phase in {None, finding.phase}
            and finding.state not in CLOSED
        ]
        where = f" in {inputs.phase}" if inputs.phase else ""
        return Observation(
            metrics={"open": len(found)},
            source="the log",
            query=f"open findings {', '.join(inputs.severities)}{where}",
            as_of=context.now,
            sample=finding_rows(found)[:SAMPLE],
            detail={"by_severity": dict(Counter(finding.severity for finding in found))},
        )


def finding_rows(findings: Sequence[OpenFinding]) -> list[dict[str, Scalar]]:
    """Findings as evidence rows, gravest first."""
    return [
        {
            "finding": finding.finding,
            "severity": finding.severity,
            "state": finding.state,
            "check": finding.check,
            "phase": finding.phase,
            "title": finding.title,
        }
        for finding in sorted(findings, key=lambda finding: finding.severity)
    ]
