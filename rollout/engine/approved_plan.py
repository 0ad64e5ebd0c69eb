"""The plan of a rollout, as it was approved: from the log's own evidence, never from a file."""

from __future__ import annotations

from pydantic import ValidationError

from rollout.domain.errors import LogDamaged, PlanProblems
from rollout.domain.plan import Plan
from rollout.ports import EvidenceSource


def plan_of(evidence: EvidenceSource, digest: str) -> Plan:
    """The plan as it was approved, to act by. Raises: LogDamaged when the store has lost or changed it;
    PlanProblems when this version reads it as another one."""
    plan = plan_to_read(evidence, digest)
    if plan.sha256() != digest:
        raise PlanProblems(
            [
                f"the plan {digest[:12]} reads differently in this version of rollout: use that version"
            ]
        )
    return plan


def plan_to_read(evidence: EvidenceSource, digest: str) -> Plan:
    """The plan for whoever only tells of it: what this version added since stands at its defaults.

    Raises: LogDamaged, PlanProblems.
    """
    try:
        return Plan.model_validate(evidence.get(digest))
    except KeyError:
        raise LogDamaged(f"the plan {digest[:12]} is not in the store: restore a backup") from None
    except ValidationError as error:
        raise PlanProblems(
            [
                f"the plan {digest[:12]} is of another version of rollout: "
                f"{error.error_count()} things in it are not understood: use that version"
            ]
        ) from error
