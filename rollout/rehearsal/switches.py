"""What faults may throw for a while: the controller asleep, its clock off, the warehouse stopped."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass
class Switches:
    """Shared by the stage, its warehouse, the controller's clock and the faults."""

    asleep_until: datetime | None = None
    clock_off_by: timedelta = field(default_factory=timedelta)
    warehouse_down_until: datetime | None = None

    def warehouse_is_down(self, now: datetime) -> bool:
        return self.warehouse_down_until is not None and now < self.warehouse_down_until
