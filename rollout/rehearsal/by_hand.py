"""A rehearsal that people drive: the same stage, controller and plan as the scripted one, but the
decisions come from other processes through the store, and time passes at a pace that people set.

Nothing of the rollout lives here: the log is its truth, the board only says how the stage stands.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from rollout.domain.errors import KindMisused
from rollout.engine.wake import Wake
from rollout.rehearsal import control, pace
from rollout.rehearsal.actors import is_curable
from rollout.rehearsal.board import Board, CatalogueEntry, FaultOnBoard, write_board
from rollout.rehearsal.detection import Detection, detections
from rollout.rehearsal.harness import Ready
from rollout.rehearsal.sandbox.source_changes import SOURCE_CHANGES
from rollout.rehearsal.scenario import Fault

BOARD_S = 0.25
"""Real seconds between two writings of the board, at least; a change is written at once."""


class Waiting(Protocol):
    """Real time: rest for a while, or until somebody wants the process to end."""

    stopping: bool

    def wait(self, seconds: float) -> None: ...


@dataclass
class ByHand:
    """`catalogue` holds what can be injected by name; `monotonic` are real seconds; `goes_on` is the
    command line that goes on with it."""

    ready: Ready
    state: Path
    catalogue: Mapping[str, Fault]
    waiting: Waiting
    monotonic: Callable[[], float]
    pace: pace.Pace
    goes_on: Sequence[str] = ()
    _requests: control.Requests = field(init=False)
    _answer: str = ""
    _beat: int = 0
    _written: float = float("-inf")
    _noticed: Mapping[str, Detection] = field(default_factory=dict)
    _noticed_at: tuple[int, int] = (-1, -1)

    def __post_init__(self) -> None:
        self._requests = control.Requests(self.state)

    def run(self) -> str:
        """Until the rollout has ended (its outcome) or somebody wants to end (an empty text).

        Raises: StoreUnavailable, LogDamaged.
        """
        controller = self.ready.controller
        while not self.waiting.stopping:
            wake = self.ready.tick()
            notices = self.ready.outbox.deliver_due()
            if wake.ended and notices is None:
                self._write(wake, None, outcome=controller.state.outcome)
                return controller.state.outcome
            told_at = self.ready.world_time(notices.at if notices is not None else None)
            self._rest(wake, self._until(wake, told_at))
        return ""

    def _until(self, wake: Wake, told_at: datetime | None) -> datetime | None:
        """The next instant at which something happens by itself; None while only people can move it."""
        stage = self.ready.stage
        wakes = None if wake.ended else self.ready.world_time(wake.at)
        found = [at for at in (wakes, told_at, stage.faults.next_at()) if at is not None]
        until = min(found, default=stage.next_event_at())
        asleep = stage.switches.asleep_until
        if asleep is not None:
            stage.switches.asleep_until = None
            return asleep if until is None else max(until, asleep)
        return until

    def _rest(self, wake: Wake, until: datetime | None) -> None:
        """Let time pass until `until`, a word of somebody, or the end of the process."""
        stage, asked = self.ready.stage, bool(wake.needs)
        before = self.monotonic()
        while not self.waiting.stopping:
            changed = self._hear()
            if changed or self.monotonic() - self._written >= BOARD_S:
                self._write(wake, until)
            if changed == _WORLD or self._is_behind():
                return
            now, real = stage.clock.now(), self.monotonic()
            reached = self.pace.after(now, real - before, until, people_asked=asked)
            before = real
            if reached > now:
                stage.advance_to(reached)
            self.pace.steps = max(self.pace.steps - 1, 0)
            if until is not None and stage.clock.now() >= until:
                return
            self.waiting.wait(self.pace.real_s(stage.clock.now(), until, people_asked=asked))

    def _is_behind(self) -> bool:
        """Whether somebody decided something since the last tick."""
        state = self.ready.controller.state
        return self.ready.setup.log.head(state.rollout).seq != state.seq

    def _hear(self) -> str:
        """Carry out what was asked since the last time; empty, `pace`, or `world` when the world
        is not what it was."""
        changed = ""
        for request in self._requests.new():
            changed = changed or "pace"
            if isinstance(request, str):
                self._answer = request
                continue
            try:
                self._answer = self._carry_out(request)
            except KindMisused as refused:
                self._answer = f"refused: {refused}"
            if isinstance(request, control.Inject | control.Clear):
                changed = _WORLD
        return changed

    def _carry_out(self, request: control.AnyRequest) -> str:
        match request:
            case control.SetSpeed(speed=speed):
                if not 0 <= speed < float("inf"):
                    raise KindMisused(f"a speed of {speed} is none: 0 is as fast as it goes")
                self.pace.speed = speed
            case control.Faster():
                self.pace.faster()
            case control.Slower():
                self.pace.slower()
            case control.Pause():
                self.pace.paused = True
                return "paused: nothing but people and what is due now moves it"
            case control.Go():
                self.pace.paused = False
            case control.Step():
                self.pace.steps += 1
                return "one step: to what is due next, or a quarter of an hour"
            case control.Inject(fault=name):
                return self._inject(name)
            case control.Clear(fault=name):
                return self._clear(name)
        return f"time passes: {pace.words(self.pace.speed)}"

    def _inject(self, name: str) -> str:
        known = self.catalogue.get(name)
        if known is None:
            raise KindMisused(f"there is no fault {name!r}; `rollout rehearsal` lists them")
        faults = self.ready.stage.faults
        taken = {f.id for f in faults.faults}
        number = next(n for n in range(1, len(taken) + 2) if _numbered(known.id, n) not in taken)
        fault = known.model_copy(update={"id": _numbered(known.id, number)})
        faults.inject(fault)
        return f"{fault.id}: {faults.state_of(fault)}"

    def _clear(self, name: str) -> str:
        faults = self.ready.stage.faults
        fault = next((f for f in faults.faults if f.id == name), None)
        if fault is None:
            raise KindMisused(f"this rehearsal has no fault {name!r}")
        if fault.id in faults.cleared:
            raise KindMisused(f"{name} is cleared already")
        if fault.id in faults.fired and not is_curable(fault):
            raise KindMisused(f"{name} has happened: what it changed stays, decide what to do")
        faults.clear(fault)
        return f"{name}: cleared"

    def _write(self, wake: Wake, until: datetime | None, outcome: str = "") -> None:
        self._beat += 1
        self._written = self.monotonic()
        controller, stage = self.ready.controller, self.ready.stage
        began = controller.state.created_at or stage.clock.now()
        board = Board(
            rollout=controller.state.rollout,
            scenario=self.ready.setup.scenario.scenario,
            seed=self.ready.setup.seed,
            pid=os.getpid(),
            began=began,
            now=stage.clock.now(),
            speed=self.pace.speed,
            paused=self.pace.paused,
            people_asked=bool(wake.needs),
            next_at=until,
            why=wake.why,
            heard=self._requests.heard,
            answer=self._answer,
            beat=self._beat,
            outcome=outcome,
            goes_on=list(self.goes_on),
            faults=self._faults(),
            catalogue=[
                CatalogueEntry(name=name, kind=fault.kind, about=fault.about)
                for name, fault in self.catalogue.items()
            ],
        )
        write_board(self.state, board)

    def _faults(self) -> list[FaultOnBoard]:
        faults, noticed = self.ready.stage.faults, self._who_noticed()
        return [
            FaultOnBoard(
                id=fault.id,
                kind=fault.kind,
                about=fault.about,
                state=faults.state_of(fault),
                injected=fault.id in faults.injected,
                fired_at=faults.fired[fault.id].at if fault.id in faults.fired else None,
                noticed_by=found.check if found else "",
                gate=found.gate if found else "",
                phase=found.phase if found else "",
                after_s=found.after_s if found else None,
                mends=fault.mends,
                clearable=fault.id not in faults.fired or is_curable(fault),
            )
            for fault in faults.faults
            if fault.id != SOURCE_CHANGES  # the world as it is, nothing to be noticed
            for found in (noticed.get(fault.id),)
        ]

    def _who_noticed(self) -> Mapping[str, Detection]:
        """Asked again only when the log or the faults moved on: it reads every sample."""
        position = (self.ready.controller.state.seq, len(self.ready.stage.faults.fired))
        if position != self._noticed_at:
            self._noticed = detections(self.ready.came_to(""))
            self._noticed_at = position
        return self._noticed


_WORLD = "world"


def _numbered(fault: str, number: int) -> str:
    return fault if number == 1 else f"{fault}_{number}"
