"""From the name of a sync in the plan to the service that runs it."""

from __future__ import annotations

from dataclasses import dataclass

from rollout.domain.errors import KindMisused
from rollout.domain.plan import SyncSpec
from rollout.kinds import CheckContext
from rollout.ports import SyncService


@dataclass(frozen=True)
class PlanSync:
    """A sync as the plan approved it, with the service it lives in."""

    name: str
    spec: SyncSpec
    service: SyncService

    @property
    def source(self) -> str:
        """What evidence names as its origin: connection, then sync."""
        return f"{self.spec.on}: sync {self.spec.id} ({self.name})"


def plan_sync(name: str, context: CheckContext) -> PlanSync:
    """Raises: KindMisused when the plan has no such sync, or its connection is of another type."""
    spec = context.plan.syncs.get(name)
    if spec is None:
        have = ", ".join(sorted(context.plan.syncs)) or "none"
        raise KindMisused(f"the plan has no sync {name!r}; it has {have}")
    return PlanSync(name, spec, context.connections.sync_service(spec.on))
