"""The controller process: owns the store, ticks, sleeps, and hears what others decide."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from rollout.adapters.sshsig import signer_of
from rollout.domain.errors import PlanProblems
from rollout.domain.events import (
    EffectAnswered,
    EffectIntended,
    EffectResolved,
    Event,
    NoticeAnswered,
    Payload,
)
from rollout.domain.plan import Plan
from rollout.engine.approved_plan import plan_of
from rollout.engine.controller import Controller, Services
from rollout.engine.outbox import OutboxRunner
from rollout.engine.record import RolloutRecord
from rollout.engine.wake import Wake
from rollout.kinds import CheckKinds, StepKinds
from rollout.live.clocks import PacedClock
from rollout.live.opening import require_kinds
from rollout.live.waiting import Signals
from rollout.loader.plugin_files import PluginFile
from rollout.ports import Connections, EventLog, Head
from rollout.store.holder import Ownership
from rollout.store.opening import Store
from rollout.store.ownership import acquire
from rollout.store.reading import open_readonly

POLL_S = 0.25
"""Real seconds until a decision of another process is heard, at most."""

LEAST_S = 0.01
"""Real seconds between two ticks, whatever they answer."""

WHO = "rollout run"

_FACTS = (EffectAnswered, EffectResolved, NoticeAnswered)
"""What came back from outside: kept even while ending, it cannot be asked again."""


_ADOPTED = "this process cannot go on by the plan that was adopted,"
_AGAIN = "put that right, then start `rollout run` again"


class Stopping(Exception):
    """A signal asked us to end; nothing was begun that is not in the log."""


@dataclass(frozen=True)
class Listener:
    """Who is told: of each event, and of what the controller waits for."""

    event: Callable[[Event], None]
    word: Callable[[str], None]


class OwnedLog:
    """The log of the process that owns the store: each append first makes sure that it still does,
    and none begins anything new once a signal came."""

    def __init__(self, inner: EventLog, owner: Ownership, signals: Signals, tell: Listener) -> None:
        self._inner, self._owner, self._signals, self._tell = inner, owner, signals, tell
        self._told: dict[str, int] = {}

    def append(
        self, rollout: str, expected_seq: int, at: datetime, actor: str, payloads: Sequence[Payload]
    ) -> list[Event]:
        if self._signals.stopping and not all(_is_fact(p) for p in payloads):
            raise Stopping
        self._owner.confirm()
        events = self._inner.append(rollout, expected_seq, at, actor, payloads)
        for event in events:
            self._say(event)
        return events

    def read(self, rollout: str, after: int = 0, limit: int | None = None) -> Iterator[Event]:
        for event in self._inner.read(rollout, after, limit):
            self._say(event)
            yield event

    def listen(self, rollout: str) -> None:
        """From now on: what was there before is no news."""
        self._told[rollout] = self._inner.head(rollout).seq

    def _say(self, event: Event) -> None:
        if event.seq > self._told.get(event.rollout, event.seq):
            self._told[event.rollout] = event.seq
            self._tell.event(event)

    def head(self, rollout: str) -> Head:
        return self._inner.head(rollout)

    def rollouts(self) -> list[str]:
        return self._inner.rollouts()

    def save_snapshot(self, rollout: str, head: Head, body: bytes) -> None:
        self._inner.save_snapshot(rollout, head, body)

    def latest_snapshot(self, rollout: str) -> tuple[Head, bytes] | None:
        return self._inner.latest_snapshot(rollout)


def own(setting: str | Path, rollout: str, since: datetime) -> Ownership:
    """Become the one who acts. Raises: StoreUnavailable naming the holder and since when."""
    with open_readonly(setting) as reader:
        newest = reader.events(rollout, kinds=["effect_intended"], limit=1, newest=True)
    payload = newest[0].payload if newest else None
    epoch = payload.epoch if isinstance(payload, EffectIntended) else 0
    return acquire(setting, since=since, who=WHO, above_epoch=epoch)


class Connect(Protocol):
    """Opens the connections of a plan. `at_once` reads every setting now, so that what is missing
    is said before anything is asked. Raises: PlanProblems."""

    def __call__(self, plan: Plan, *, at_once: bool) -> AbstractContextManager[Connections]: ...


@dataclass(frozen=True)
class Drive:
    """Everything the loop is made of."""

    store: Store
    rollout: str
    connect: Connect
    clock: PacedClock
    checks: CheckKinds
    steps: StepKinds
    owner: Ownership
    signals: Signals
    tell: Listener
    plugins: Sequence[PluginFile] = ()

    def run(self) -> str:
        """Until the rollout has ended (its outcome) or a signal came (an empty text).

        Raises: StoreUnavailable, LogDamaged, PlanProblems.
        """
        log = OwnedLog(self.store.log, self.owner, self.signals, self.tell)
        log.listen(self.rollout)
        state = RolloutRecord(log, self.rollout, self.clock).state
        plan = plan_of(self.store.evidence, state.plan_sha256)
        require_kinds(plan, self.checks, self.steps, self.plugins)
        with ExitStack() as connected:
            services = Services(
                log=log,
                evidence=self.store.evidence,
                connections=connected.enter_context(self.connect(plan, at_once=False)),
                clock=self.clock,
                checks=self.checks,
                steps=self.steps,
                epoch=self.owner.epoch,
                signer_of=signer_of,
            )
            controller = Controller(plan, self.rollout, services)
            outbox = OutboxRunner(plan, controller.record, services.connections, self.clock)
            try:
                return self._loop(controller, outbox, connected)
            except Stopping:
                return ""

    def _loop(self, controller: Controller, outbox: OutboxRunner, connected: ExitStack) -> str:
        said = ""
        while not self.signals.stopping:
            wake = controller.tick()
            if wake.replanned:
                self._follow(controller, outbox, connected)
                continue
            notices = outbox.deliver_due()
            if wake.ended and notices is None:
                return controller.state.outcome
            if wake.why != said:
                said = wake.why
                self.tell.word(_words(wake))
            self._rest(controller, [w for w in (wake, notices) if w is not None])
        return ""

    def _follow(self, controller: Controller, outbox: OutboxRunner, connected: ExitStack) -> None:
        """Go on by the plan that somebody adopted. Raises: PlanProblems when this process cannot:
        the log follows it all the same, and the next `rollout run` begins with it."""
        digest = controller.state.plan_sha256
        before, plan = controller.plan, plan_of(self.store.evidence, digest)
        try:
            require_kinds(plan, self.checks, self.steps, self.plugins)
            if plan.connections == before.connections:
                controller.follow(plan)
            else:
                connections = self.connect(plan, at_once=True)
                connected.close()
                controller.follow(plan, connected.enter_context(connections))
                outbox.connections = controller.connections
        except PlanProblems as problems:
            raise PlanProblems(
                [*problems.problems, f"{_ADOPTED} {digest[:12]}: {_AGAIN}"]
            ) from None
        outbox.plan = plan
        self.tell.word(f"goes on by the plan {digest[:12]}, which was adopted")

    def _rest(self, controller: Controller, wakes: Sequence[Wake]) -> None:
        """Sleep until the first of the wakes, a foreign event or a signal."""
        times = [wake.at for wake in wakes if wake.at is not None]
        until = min(times, default=None)
        self.signals.wait(LEAST_S)
        while not self.signals.stopping:
            head = self.store.log.head(self.rollout)
            if head.seq != controller.state.seq:
                return
            left = POLL_S
            if until is not None:
                left = (until - self.clock.now()).total_seconds() / self.clock.speed
            if left <= 0:
                return
            self.signals.wait(min(left, POLL_S))


def _is_fact(payload: Payload) -> bool:
    """`resent` is no answer: it announces that the request is about to be sent once more."""
    return isinstance(payload, _FACTS) and getattr(payload, "answer", "") != "resent"


def _words(wake: Wake) -> str:
    if not wake.needs:
        return wake.why
    wanted = ", ".join(
        dict.fromkeys(" ".join(filter(None, (n.kind, n.subject))) for n in wake.needs)
    )
    return f"{wake.why} (waits for a person: {wanted})"
