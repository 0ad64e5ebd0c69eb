"""Faults that are ordered over HTTP while the sandbox runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from threading import Lock
from typing import Literal

import msgspec

from rollout.domain.instants import to_text
from rollout.rehearsal.services.faults import HttpFault

Service = Literal["census", "salesforce", "warehouse"]
SERVICES: tuple[Service, ...] = ("census", "salesforce", "warehouse")
MOST_BYTES = 512 * 1024 * 1024


class Order(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What shall go wrong, and when. Seconds are virtual, but for those of `delay` and `drip`, which
    a client really waits.

    do         a fault of `services.faults.HttpFault`, or
               cold  the warehouse answers 503 for `seconds` from now
               lose_sessions  the warehouse forgets its sessions
               drip  the answer comes slowly, over `seconds`
    on         the service; without it, the one that `match` meets
    match      `METHOD /path/*` (Census paths without /api/v1); for the warehouse the name of an RPC
               and, behind a blank, its statement: `ExecuteStatement`, `ExecuteStatement *MERGE*`.
               Without it the fault is not about a call and happens at once.
    nth, times from the nth matching call on, for so many calls (0: for ever)
    after      is only looked at so many seconds from now
    lasts      and no more so many seconds later (0: for ever)
    bytes      fill the body up to so many bytes

    The rest as in `HttpFault`.
    """

    do: Literal[
        "status",
        "status_after_effect",
        "timeout_before_effect",
        "timeout_after_effect",
        "refuse",
        "delay",
        "garbage",
        "html",
        "cut_json",
        "lag",
        "empty",
        "expire_token",
        "cold",
        "lose_sessions",
        "drip",
    ]
    on: Service | None = None
    match: str | None = None
    nth: int = 1
    times: int = 1
    after: float = 0
    lasts: float = 0
    status: int = 500
    headers: dict[str, str] = {}
    body: str = ""
    bytes: int = 0
    seconds: float = 0

    def problem(self) -> str | None:
        """What is wrong with it."""
        if self.match is None and self.on is None:
            return "give `match` (a call), `on` (a service), or both"
        if self.match is None and self.do not in _AT_ONCE:
            return f"{self.do} happens to a call: give `match`"
        if self.do in ("cold", "lose_sessions") and self.on not in (None, "warehouse"):
            return f"{self.do} is the warehouse's"
        if min(self.nth - 1, self.times, self.after, self.lasts, self.bytes, self.seconds) < 0:
            return "no number may be negative, and nth begins with 1"
        if self.bytes > MOST_BYTES or not 200 <= self.status <= 599:
            return f"status is from 200 to 599, bytes at most {MOST_BYTES}"
        return None


_AT_ONCE = ("cold", "lose_sessions", "refuse", "expire_token", "lag")
"""Faults that need no call."""


class Planned:
    """An order on the board, and how often it was met and fired."""

    def __init__(self, number: int, order: Order, now: datetime) -> None:
        self.id = f"ordered-{number}"
        self.order = order
        self.begins = now + timedelta(seconds=order.after)
        self.ends = self.begins + timedelta(seconds=order.lasts) if order.lasts else None
        self.met = self.fired = 0

    def meets(self, service: Service, call: str, now: datetime) -> bool:
        """Count the call; true when the fault happens to it."""
        order = self.order
        if order.match is None or order.on not in (None, service) or now < self.begins:
            return False
        bare = call.partition(" ")[0] if service == "warehouse" else call
        if (self.ends is not None and now >= self.ends) or not (
            fnmatchcase(call, order.match) or bare == order.match
        ):
            return False
        self.met += 1
        if self.met < order.nth or (order.times and self.met >= order.nth + order.times):
            return False
        self.fired += 1
        return True

    def document(self) -> dict[str, object]:
        return {
            "id": self.id,
            "begins": to_text(self.begins),
            "ends": None if self.ends is None else to_text(self.ends),
            "met": self.met,
            "fired": self.fired,
            "order": self.order,
        }


class FaultBoard:
    """All orders. `at_once` carries out what is not about a call, `heal` ends what lasts."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._lock = Lock()
        self._planned: list[Planned] = []
        self._number = 0
        self.at_once: Callable[[Order], None] = lambda _order: None
        self.heal: Callable[[], None] = lambda: None

    def put(self, order: Order) -> Planned:
        """Order a fault; one that is about no call happens when it begins, at the earliest now."""
        with self._lock:
            self._number += 1
            planned = Planned(self._number, order, self._now())
            self._planned.append(planned)
        self.fire_due()
        return planned

    def fire_due(self) -> None:
        """Let happen what waits for a time, not for a call."""
        with self._lock:
            now = self._now()
            due = [
                p
                for p in self._planned
                if p.order.match is None and not p.fired and p.begins <= now
            ]
            for planned in due:
                planned.fired = 1
        for planned in due:
            self.at_once(planned.order)

    def meet(self, service: Service, call: str) -> Planned | None:
        """The first fault that happens to this call; all of them have counted it."""
        with self._lock:
            now = self._now()
            met = [p for p in self._planned if p.meets(service, call, now)]
            for late in met[1:]:
                late.fired -= 1
        return met[0] if met else None

    def documents(self) -> list[dict[str, object]]:
        with self._lock:
            return [planned.document() for planned in self._planned]

    def clear(self) -> int:
        """Forget all orders, and end what still lasts of them; how many there were."""
        with self._lock:
            count = len(self._planned)
            self._planned.clear()
        self.heal()
        return count


def as_http_fault(order: Order) -> HttpFault:
    """The fault as the mocked services know it; `drip` and `cold` are the caller's business."""
    kind = "delay" if order.do == "drip" else order.do
    return HttpFault(
        do=kind,  # type: ignore[arg-type]  # the others never get here
        status=order.status,
        headers=order.headers,
        body=filled(order),
        seconds=0 if order.do == "drip" else order.seconds,
    )


def filled(order: Order) -> str:
    """The body, made as long as was asked."""
    return order.body + "x" * max(0, order.bytes - len(order.body.encode()))
