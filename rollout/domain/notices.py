"""What people are told of, as the state keeps it: occasions, and what became of each delivery."""

from __future__ import annotations

from datetime import datetime

import msgspec


class OccasionState(msgspec.Struct):
    """Something a plan may want people to be told. `seq` is its event: its name for ever.

    `subject`: the finding, gate or effect it is about. `detail` is foreign text: a reason, a title.
    """

    occasion: str
    seq: int
    at: datetime
    phase: str = ""
    attempt: int = 0
    subject: str = ""
    detail: str = ""


class DeliveryState(msgspec.Struct):
    """Sends of one notice to one channel so far. answer: yes, no, unknown.

    `retry_at` None after anything but yes: given up, it is not sent again.
    """

    notice: str
    channel: str
    sends: int
    answer: str
    at: datetime
    detail: str = ""
    retry_at: datetime | None = None
