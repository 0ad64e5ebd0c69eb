"""Make a scenario's faults happen at their moment, and remember that they did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase

from rollout.domain.events import Payload, StageChanged, StepStarted
from rollout.domain.instants import from_text, to_text
from rollout.rehearsal.journal import Journal
from rollout.rehearsal.scenario import Fault
from rollout.rehearsal.services.app import HttpFault

Actor = Callable[[Fault], None]
"""Carries out a fault that is not about a call: sql, census_run, schedule, clock, world."""


@dataclass
class FiredFault:
    fault: Fault
    at: datetime
    """First firing, on the world's true clock."""
    after_seq: int = 0
    """The newest event when it fired: what is later in the log may be its doing."""


@dataclass
class FaultPlan:
    """Watches events and calls. `perform` does what a fault says; HTTP faults are answered by `on_call`."""

    faults: list[Fault]
    now: Callable[[], datetime]
    perform: Actor
    journal: Journal
    position: Callable[[], int] = lambda: 0
    """The newest event's number."""
    fired: dict[str, FiredFault] = field(default_factory=dict)
    _armed: dict[str, datetime] = field(default_factory=dict)
    _calls: dict[str, int] = field(default_factory=dict)

    def on_events(self, payloads: list[Payload]) -> None:
        """Arm and, when they wait for nothing more, fire faults whose moment this is."""
        for payload in payloads:
            for fault in self.faults:
                if fault.id not in self._armed and _is_moment(fault, payload):
                    self._armed[fault.id] = self.now() + fault.at.after
        self.fire_due()

    def fire_due(self) -> None:
        """Fire armed faults whose time has come."""
        for fault in self.faults:
            at = self._armed.get(fault.id)
            if at is not None and at <= self.now() and fault.id not in self.fired:
                self._fire(fault)

    def next_at(self) -> datetime | None:
        """When the next armed fault fires."""
        waiting = [at for name, at in self._armed.items() if name not in self.fired]
        return min(waiting, default=None)

    def on_call(self, method: str, path: str) -> HttpFault | None:
        """What goes wrong with this call, if anything. A `call` moment of another kind of fault
        fires it just before the call is served."""
        call = f"{method} {path}"
        for fault in self.faults:
            pattern = fault.at.call
            if pattern is None or not fnmatchcase(call, pattern):
                continue
            count = self._calls[fault.id] = self._calls.get(fault.id, 0) + 1
            if not fault.at.nth <= count < fault.at.nth + fault.at.times:
                continue
            if fault.kind != "http":
                self._fire(fault)
                continue
            self._note(fault)
            return HttpFault(
                do=fault.do,  # type: ignore[arg-type]  # the scenario model allows the same words
                status=fault.status,
                headers=fault.headers,
                body=fault.body,
                seconds=fault.seconds,
            )
        return None

    def restore(self, fault_id: str, at: str, after_seq: int = 0) -> None:
        """From the journal: this fault has fired already; carry out again what it did to the world."""
        fault = next(f for f in self.faults if f.id == fault_id)
        if fault.id not in self.fired:
            self.fired[fault.id] = FiredFault(fault, from_text(at), after_seq)
            self._armed[fault.id] = from_text(at)
            self._calls[fault.id] = fault.at.nth
            if fault.kind != "http":
                self.perform(fault)

    def _fire(self, fault: Fault) -> None:
        if fault.id not in self.fired:
            self._note(fault)
            self.perform(fault)

    def _note(self, fault: Fault) -> None:
        if fault.id not in self.fired:
            at, seq = self.now(), self.position()
            self.journal.write({"kind": "fault", "fault": fault.id, "at": to_text(at), "seq": seq})
            self.fired[fault.id] = FiredFault(fault, at, seq)


def _is_moment(fault: Fault, payload: Payload) -> bool:
    at = fault.at
    if at.phase is None:
        return False
    if isinstance(payload, StepStarted):
        return at.step is not None and (payload.phase, payload.step, payload.attempt) == (
            at.phase,
            at.step,
            at.attempt,
        )
    if isinstance(payload, StageChanged) and at.step is None:
        return (payload.phase, payload.target, payload.attempt) == (
            at.phase,
            at.stage or "entry_gate",
            at.attempt,
        )
    return False
