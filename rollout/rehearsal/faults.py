"""Make a scenario's faults happen at their moment, and remember that they did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase

from rollout.domain.events import Payload, StageChanged, StepStarted
from rollout.domain.instants import from_text, to_text
from rollout.rehearsal.journal import Journal
from rollout.rehearsal.scenario import ANY_ATTEMPT, Fault
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
    """Watches events and calls. `perform` does what a fault says, `cure` takes it back; HTTP faults
    are answered by `on_call`."""

    faults: list[Fault]
    now: Callable[[], datetime]
    perform: Actor
    journal: Journal
    cure: Actor
    position: Callable[[], int] = lambda: 0
    """The newest event's number."""
    fired: dict[str, FiredFault] = field(default_factory=dict)
    injected: set[str] = field(default_factory=set)
    cleared: set[str] = field(default_factory=set)
    _armed: dict[str, datetime] = field(default_factory=dict)
    _calls: dict[str, int] = field(default_factory=dict)

    def on_events(self, payloads: list[Payload]) -> None:
        """Arm and, when they wait for nothing more, fire faults whose moment this is."""
        for payload in payloads:
            for fault in self.faults:
                is_over = fault.id in self._armed or fault.id in self.cleared
                if not is_over and _is_moment(fault, payload):
                    self._armed[fault.id] = self.now() + fault.at.after
        self.fire_due()

    def fire_due(self) -> None:
        """Fire armed faults whose time has come."""
        for fault in self.faults:
            at = self._armed.get(fault.id)
            if at is not None and at <= self.now() and not self._is_over(fault):
                self._fire(fault)

    def next_at(self) -> datetime | None:
        """When the next armed fault fires."""
        waiting = [
            at for f in self.faults if not self._is_over(f) and (at := self._armed.get(f.id))
        ]
        return min(waiting, default=None)

    def _is_over(self, fault: Fault) -> bool:
        return fault.id in self.fired or fault.id in self.cleared

    def state_of(self, fault: Fault) -> str:
        """waiting (its moment has not come), armed, active (it fired), or cleared."""
        if fault.id in self.cleared:
            return "cleared"
        if fault.id in self.fired:
            return "active"
        return "armed" if fault.id in self._armed or fault.id in self.injected else "waiting"

    def inject(self, fault: Fault) -> None:
        """Let a fault happen now, whatever moment it names; one about a call, at the next such call.
        Its id must be new. Raises: KindMisused when the world has nothing it could change."""
        self.faults.append(fault)
        self.injected.add(fault.id)
        self.journal.write(
            {
                "kind": "injected",
                "at": to_text(self.now()),
                "document": fault.model_dump(mode="json", by_alias=True, exclude_unset=True),
            }
        )
        if fault.kind != "http":
            self._fire(fault)

    def restore_injected(self, fault: Fault) -> None:
        """From the journal: this fault was injected; a later entry says when it fired."""
        self.faults.append(fault)
        self.injected.add(fault.id)

    def clear(self, fault: Fault) -> None:
        """It fires no more, and what it did is mended by `cure`."""
        self.journal.write({"kind": "cleared", "fault": fault.id, "at": to_text(self.now())})
        self.restore_cleared(fault.id)

    def restore_cleared(self, fault_id: str) -> None:
        """Clear a fault without writing it down again."""
        fault = next(f for f in self.faults if f.id == fault_id)
        if fault.id in self.fired and fault.kind != "http":
            self.cure(fault)
        self.cleared.add(fault.id)

    def on_call(self, method: str, path: str) -> HttpFault | None:
        """What goes wrong with this call, if anything. A `call` moment of another kind of fault
        fires it just before the call is served."""
        call = f"{method} {path}"
        for fault in self.faults:
            pattern = fault.at.call
            is_meant = pattern is not None and fnmatchcase(call, pattern)
            if not is_meant or fault.id in self.cleared:
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
    if at.phase is None or not isinstance(payload, StepStarted | StageChanged):
        return False
    if payload.phase != at.phase or at.attempt not in (ANY_ATTEMPT, payload.attempt):
        return False
    if isinstance(payload, StepStarted):
        return at.step is not None and payload.step == at.step
    return at.step is None and payload.target == (at.stage or "entry_gate")
