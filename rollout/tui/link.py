"""The one thread that reads the store for all screens, with a read-only reader of its own.

It never folds after the beginning and never touches a widget: it hands readings to `publish`, at
most four a second, and says LOST in words instead of raising.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from rollout.domain.errors import LogDamaged, RolloutError, StoreUnavailable
from rollout.domain.events import Event, Measured, PlanAdopted, StepCompleted
from rollout.domain.state import RolloutState
from rollout.store.address import located
from rollout.store.ownership import pulse_of
from rollout.store.reading import Reader, open_readonly
from rollout.tui.messages import Opened, Reading
from rollout.view.environment import driver_of
from rollout.view.gates import newest_rounds, telling_gates
from rollout.view.plan_words import PlanWords
from rollout.view.run_samples import KIND
from rollout.view.stored import choose, folded, words_of

POLL_S = 0.25
SIGN_EVERY_S = 0.5
"""Between two looks whether a controller lives."""

AGAIN_S = 1.0
"""Before a store that was lost is opened again."""

BUSY_S = 0.5
"""How long a look waits for somebody's commit; the next look comes soon."""

PAGE_BUSY_S = 0.05
"""How long a page of the log waits for a commit: whoever scrolls must not."""

PAGE = 500
"""Events handed over at once, so that no single fold holds up a key."""

NEWEST = 200

LOOKS_WITHIN = 50_000
"""Newest events among which the looks at runs are gathered at the opening."""

ENGINE = "rollout"
"""The actor of everything that the controller appends."""


class OwnTime(Protocol):
    """The rollout's own clock; None where only its log knows the time."""

    def now(self) -> datetime | None: ...


@dataclass
class StoreLink:
    """Reads until `stop` is set. `clock_for` a profile gives the rollout's own clock, None where only
    its log knows the time; `driver_for` a profile and a scenario gives the command that drives it."""

    setting: str | Path
    rollout: str | None = None
    clock_for: Callable[[str], OwnTime | None] = lambda _profile: None
    driver_for: Callable[[str, str | None], str] = lambda profile, _scenario: driver_of(profile)
    monotonic: Callable[[], float] = time.monotonic
    stop: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._reader: Reader | None = None
        self._name, self._seq = "", 0
        self._identity: tuple[int, int] | None = None
        self._looked_at_s = float("-inf")
        self._holder = self._driver = ""
        self._beat: tuple[str, str] | None = None
        self._profile, self._has_clock = "", False
        self._scenario: str | None = None
        self._clock: OwnTime | None = None

    def run(
        self, publish: Callable[[Reading], None], is_cancelled: Callable[[], bool] = lambda: False
    ) -> None:
        """Until `stop` or `is_cancelled`. Never raises for what a store can do."""
        try:
            while not self.stop.is_set() and not is_cancelled():
                reading = self.look()
                publish(reading)
                if len(reading.events) < PAGE:
                    self.stop.wait(AGAIN_S if reading.lost else POLL_S)
        finally:
            self.close()

    def look(self) -> Reading:
        """One reading."""
        try:
            return self._look()
        except (StoreUnavailable, LogDamaged) as error:
            self.close()
            return Reading(at_s=self.monotonic(), lost=str(error))

    def _look(self) -> Reading:
        opened = None
        if self._reader is None or self._is_replaced():
            self.close()
            opened = self._open()
        else:
            self._find_clock()
        assert self._reader is not None
        events = self._reader.events(self._name, after=self._seq, limit=PAGE)
        if events:
            self._seq = events[-1].seq
        sign = self._sign() or any(event.actor == ENGINE for event in events)
        wanted = evidence_of(events) if opened is None else evidence_at_hand(opened.state)
        return Reading(
            at_s=self.monotonic(),
            opened=opened,
            events=events,
            documents=self._documents(wanted),
            words=self._other_words(events),
            sign=sign,
            holder=self._holder,
            driver=self._driver,
            now=self._clock.now() if self._clock is not None else None,
        )

    def _other_words(self, events: Iterable[Event]) -> PlanWords | None:
        """Of the plan that somebody adopted; None while it is the one we know."""
        if self._reader is None or not any(isinstance(e.payload, PlanAdopted) for e in events):
            return None
        return words_of(self._reader, folded(self._reader, self._name))

    def _open(self) -> Opened:
        self._identity = _identity(self.setting)
        self._reader = open_readonly(self.setting, busy_s=BUSY_S)
        self._name = choose(self._reader, self.rollout)
        state = folded(self._reader, self._name)
        self._seq = state.seq
        self._profile, self._scenario = state.profile, state.scenario
        newest = self._reader.events(self._name, before=state.seq + 1, limit=NEWEST, newest=True)
        after = max(state.seq - LOOKS_WITHIN, 0)
        looks = self._reader.events(self._name, after=after, kinds=[KIND])
        return Opened(state, words_of(self._reader, state), newest, looks)

    def _is_replaced(self) -> bool:
        """Another file under the same name: the old one would never change again."""
        return _identity(self.setting) != self._identity

    def _sign(self) -> bool:
        """Whether the controller gave a sign of life since we asked before."""
        now = self.monotonic()
        if now - self._looked_at_s < SIGN_EVERY_S:
            return False
        self._looked_at_s, before = now, self._beat
        self._driver = self.driver_for(self._profile, self._scenario)
        pulse = pulse_of(self.setting)
        self._holder = str(pulse.holder) if pulse is not None else ""
        self._beat = (self._holder, pulse.beat) if pulse is not None else None
        return pulse is not None and (not pulse.beat or self._beat != before)

    def _documents(self, digests: Iterable[str]) -> dict[str, Any]:
        assert self._reader is not None
        found: dict[str, Any] = {}
        for digest in digests:
            try:
                found[digest] = self._reader.evidence(digest)
            except KeyError:
                continue  # shown as the plan writes it
        return found

    def _find_clock(self) -> None:
        """Once, and not before the first picture: a sandbox's clock is asked over HTTP."""
        if self._has_clock:
            return
        self._has_clock = True
        try:
            self._clock = self.clock_for(self._profile)
        except RolloutError:
            self._clock = None  # the newest event's time is the best that is known

    def open_log(self) -> tuple[Reader, str]:
        """A reader of one's own for pages of the log, and the rollout's name. Close it.

        Raises: StoreUnavailable, LogDamaged.
        """
        reader = open_readonly(self.setting, busy_s=PAGE_BUSY_S)
        try:
            return reader, choose(reader, self.rollout)
        except BaseException:
            reader.close()
            raise

    def evidence(self, digests: Iterable[str]) -> dict[str, Any]:
        """Documents by digest, with a reader of its own: for any thread. What is not there, and
        everything while the store cannot be read, is left out."""
        found: dict[str, Any] = {}
        try:
            with open_readonly(self.setting, busy_s=BUSY_S) as reader:
                for digest in digests:
                    with suppress(KeyError):
                        found[digest] = reader.evidence(digest)
        except (StoreUnavailable, LogDamaged):
            return found
        return found

    def close(self) -> None:
        """In the thread that looked."""
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()


def _identity(setting: str | Path) -> tuple[int, int] | None:
    address = located(setting)
    if not isinstance(address, Path):
        return None
    try:
        found = address.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def evidence_of(events: Sequence[Event]) -> list[str]:
    """Of each check the newest sample only."""
    newest = {
        (e.payload.gate, e.payload.check): e.payload.evidence
        for e in events
        if isinstance(e.payload, Measured) and e.payload.evidence
    }
    runs = [_of_run(e.payload.outputs) for e in events if isinstance(e.payload, StepCompleted)]
    return [digest for digest in [*newest.values(), *runs] if digest]


def _of_run(outputs: Mapping[str, Any]) -> str | None:
    """What a step keeps of a sync's run; other steps may keep megabytes that no screen shows."""
    digest = outputs.get("evidence")
    return digest if "run_id" in outputs and isinstance(digest, str) else None


def evidence_at_hand(state: RolloutState) -> list[str]:
    """Of the gates that a person looks at first."""
    phase = state.current_phase()
    gates = telling_gates(state)
    if phase is not None:
        gates = [*gates, *newest_rounds(state, phase.id, phase.attempt)]
    found = [c.evidence for gate in gates for c in gate.checks.values()]
    found += [_of_run(step.outputs) for step in state.steps.values()]
    return list(dict.fromkeys(digest for digest in found if digest))
