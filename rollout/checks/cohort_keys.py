"""The keys that steps have frozen as evidence: cohorts and baselines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rollout.domain.errors import KindMisused
from rollout.kinds import CheckContext


def keys_of(steps: Sequence[str], context: CheckContext) -> list[str]:
    """Distinct keys of the documents the steps stored, as texts, in order.

    Raises: KindMisused when a step has stored nothing yet, or something without a list of keys.
    """
    found: set[str] = set()
    for step in steps:
        try:
            document = context.facts.evidence_of_step(step)
        except KeyError:
            raise KindMisused(f"step {step!r} has stored no document yet") from None
        keys = document.get("keys") if isinstance(document, Mapping) else None
        if not isinstance(keys, list):
            raise KindMisused(f"the document of step {step!r} has no list of keys")
        found.update(str(key) for key in keys)
    return sorted(found)
