"""Deliver what the outbox says is due: after the tick's decisions, and never in their way.

At least once: an answer is appended when it is known, so a crash sends again what was in the air.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from queue import SimpleQueue
from threading import Thread

from rollout.domain.effects import Answer, No, Unknown, Yes
from rollout.domain.errors import LogConflict, RolloutError, StoreUnavailable
from rollout.domain.events import NoticeAnswered
from rollout.domain.outbox import Delivery, deliveries_due, next_due
from rollout.domain.plan import Plan
from rollout.engine.record import RolloutRecord
from rollout.engine.wake import Wake
from rollout.ports import Clock, Connections

PER_TICK = 4
"""Sends begun by one tick, and in the air at any time."""

MAX_SENDS = 12
"""Of one notice to one channel, over about three hours; then it is given up, which the log shows."""

MAX_SENDS_AT_END = 5
"""After the rollout's end: `run` waits for what is still to be told, but not for hours."""

BACKOFF = timedelta(seconds=30)
BACKOFF_LIMIT = timedelta(minutes=30)
COLLECT_AGAIN = timedelta(seconds=5)
"""How soon the engine comes back for answers that are still in the air."""

APPEND_TRIES = 1000
"""Somebody else commits between two of them; a thousand in a row are no coincidence."""

LOST_AFTER_S = 300.0
"""A send that has not come back by then counts as unknown and gives its place to others. Seconds of
the machine's own clock: a sandbox's runs a thousand times faster than its channels answer."""

_Sent = tuple[Delivery, float]
_Answered = tuple[Delivery, Answer[None]]


@dataclass
class OutboxRunner:
    """Call `deliver_due` after each tick, also after the rollout's end, until it has nothing left.

    `workers` 0 sends in this thread (rehearsals: same bytes twice); else each send has a thread of
    its own that nobody waits for, and its answer is appended by a later call, in the caller's thread.
    """

    plan: Plan
    record: RolloutRecord
    connections: Connections
    clock: Clock
    workers: int = PER_TICK
    monotonic: Callable[[], float] = time.monotonic
    _in_the_air: dict[str, _Sent] = field(default_factory=dict, repr=False)
    _answers: SimpleQueue[_Answered] = field(default_factory=SimpleQueue, repr=False)

    def deliver_due(self) -> Wake | None:
        """Append answers that came, begin what is due; when to come back, None when nothing is left.

        Raises: StoreUnavailable, LogDamaged.
        """
        if self.plan.notifications is None:
            return None
        self._collect()
        now = self.clock.now()
        due = [
            d
            for d in deliveries_due(self.record.state, self.plan, now)
            if d.name not in self._in_the_air
        ]
        room = PER_TICK if self.workers == 0 else min(PER_TICK, self.workers)
        for delivery in due[: max(room - len(self._in_the_air), 0)]:
            self._begin(delivery)
        if self._in_the_air:
            return Wake(now + COLLECT_AGAIN, f"{len(self._in_the_air)} notices are being sent")
        at = next_due(self.record.state, self.plan, now)
        return None if at is None else Wake(max(at, now), "a notice is due then")

    def _begin(self, delivery: Delivery) -> None:
        if self.workers == 0:
            self._append(delivery, _send(self.connections, self.record.state.rollout, delivery))
            return
        self._in_the_air[delivery.name] = (delivery, self.monotonic())
        rollout = self.record.state.rollout

        def work() -> None:
            self._answers.put((delivery, _send(self.connections, rollout, delivery)))

        Thread(target=work, name="notice", daemon=True).start()

    def _collect(self) -> None:
        for delivery, answer in self._arrived():
            if self._in_the_air.pop(delivery.name, None) is not None:
                self._append(delivery, answer)

    def _arrived(self) -> Iterator[_Answered]:
        while not self._answers.empty():
            yield self._answers.get()
        for delivery, since in list(self._in_the_air.values()):
            if self.monotonic() - since >= LOST_AFTER_S:
                yield delivery, Unknown("the channel has not answered")

    def _append(self, delivery: Delivery, answer: Answer[None]) -> None:
        """An answer is a fact: it is appended whoever else appended meanwhile."""
        event = self._event(delivery, answer)
        for _ in range(APPEND_TRIES):
            try:
                self.record.append([event])
            except LogConflict:
                self.record.refresh()
            else:
                return
        raise StoreUnavailable(f"the answer to {delivery.name} could not be appended")

    def _event(self, delivery: Delivery, answer: Answer[None]) -> NoticeAnswered:
        said, detail, retry_after_s = _words(answer)
        retry_at = None
        most = MAX_SENDS_AT_END if self.record.state.outcome else MAX_SENDS
        if said != "yes" and delivery.sends + 1 < most:
            pause = min(BACKOFF * 2 ** min(delivery.sends, 10), BACKOFF_LIMIT)
            retry_at = self.clock.now() + max(pause, timedelta(seconds=retry_after_s))
        return NoticeAnswered(
            notice=delivery.notice.key,
            channel=delivery.channel,
            severity=delivery.notice.severity,
            title=delivery.notice.title,
            answer=said,
            detail=detail,
            retry_at=retry_at,
        )


def deliver_due(
    record: RolloutRecord, plan: Plan, connections: Connections, clock: Clock
) -> Wake | None:
    """One round of sends in this thread, for rehearsals and commands that end at once."""
    return OutboxRunner(plan, record, connections, clock, workers=0).deliver_due()


def _words(answer: object) -> tuple[str, str, float]:
    """The answer in the log's words, and the seconds the channel asked us to wait."""
    match answer:
        case Yes(detail=detail):
            return "yes", detail, 0.0
        case No(reason=reason, retry_after_s=wait):
            longest = BACKOFF_LIMIT.total_seconds()
            return "no", reason, wait if wait is not None and 0 < wait < longest else 0.0
        case Unknown(reason=reason):
            return "unknown", reason, 0.0
    return "unknown", f"the channel answered with {type(answer).__name__}", 0.0


def _send(connections: Connections, rollout: str, delivery: Delivery) -> Answer[None]:
    """One send; whatever goes wrong in it is an answer, never the end of the engine."""
    notice = delivery.notice
    dedupe = f"{rollout}/{notice.key}"
    try:
        notifier = connections.notifier(delivery.channel)
        return notifier.send(
            delivery.channel,
            notice.title,
            notice.body,
            dedupe=dedupe,
            severity=notice.severity,
        )
    except RolloutError as problem:
        return No(str(problem))
    except Exception as bug:  # noqa: BLE001 - an adapter's bug must not end the controller
        return Unknown(f"the channel broke: {type(bug).__name__}")
