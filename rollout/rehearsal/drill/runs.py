"""Rehearse without any fault, or with one, and look at the target while it happens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from rollout.domain.events import Event, GateDecided, StepCompleted, StepStarted
from rollout.domain.state import RolloutState
from rollout.rehearsal.detection import clock_off_by
from rollout.rehearsal.drill.mutants import Mutant
from rollout.rehearsal.drill.pictures import Album, Camera, Seen, wrong_in
from rollout.rehearsal.drill.results import Came, Drilled, FaultResult
from rollout.rehearsal.drill.stops import (
    Noticed,
    Stop,
    StopFinder,
    first_of,
    gate_place,
    step_place,
)
from rollout.rehearsal.harness import Ready, Rehearsal, Watcher, play
from rollout.rehearsal.scenario import Fault


def undisturbed(ready: Ready) -> Album:
    """Rehearse with nothing going wrong; pictures of the target at each gate's decision, at both ends of
    each step, and at the end of the rehearsal."""
    camera = Camera(ready.stage.world)
    album = Album(camera.columns)
    album.keep(camera.take(), [])
    reader = _Reader(ready)
    finder = StopFinder(ready.setup.plan)

    def look(_state: RolloutState, _now: datetime) -> None:
        events = reader.new()
        finder.read(events)
        places = [place for event in events for place in _places(event)]
        if places:
            album.keep(camera.take(), places)

    done = _played(ready, look)
    album.keep(camera.take(), [])
    album.outcome = done.outcome
    album.stopped_by = [n.name for n in finder.stop.noticed] if finder.stop else []
    return album


def drilled(ready: Ready, mutant: Mutant, album: Album) -> Drilled:
    """Rehearse with one fault, and compare with the rehearsal in which nothing went wrong.

    The measure of wrong rows is that other rehearsal, at the same place: a row (by its sync key)
    counts as wrong when its values differ, when it is missing, or when there is one too many. Where a
    step gave up in the middle, a row may be as it was before the step or as the step would have left
    it. Fields that Salesforce keeps itself, record ids, and properties that changed in the source by
    themselves until then do not count. What a fault changes that the rollout has to live with is somebody
    else's work, which stays, and does not count either.
    """
    watcher = _Watcher(ready, mutant, Camera(ready.stage.world, album.columns))
    done = _played(ready, watcher.look)
    return watcher.told(done, album)


def _played(ready: Ready, look: Watcher) -> Rehearsal:
    return play(replace(ready, setup=replace(ready.setup, watch=look)))


@dataclass
class _Reader:
    """The log, a tick's events at a time."""

    ready: Ready
    _seq: int = 0

    def new(self) -> list[Event]:
        events = list(self.ready.setup.log.read(self.ready.setup.plan.plan, after=self._seq))
        if events:
            self._seq = events[-1].seq
        return events


def _places(event: Event) -> Iterator[str]:
    match event.payload:
        case GateDecided(phase=phase, attempt=attempt, moment=moment, gate=gate):
            yield gate_place(phase, attempt, moment, gate)
        case StepStarted(phase=phase, attempt=attempt, step=step):
            yield step_place(phase, attempt, step, "began")
        case StepCompleted(phase=phase, attempt=attempt, step=step):
            yield step_place(phase, attempt, step, "ended")
        case _:
            pass


@dataclass
class _Watcher:
    """Looks at the target whenever something does not pass after the fault, until the rollout stops."""

    ready: Ready
    mutant: Mutant
    camera: Camera
    finder: StopFinder = field(init=False)
    pictures: list[tuple[int, Seen]] = field(default_factory=list)
    """The newest event when it was taken, and the picture."""
    theirs: dict[str, list[int]] = field(default_factory=dict)
    """Key -> what a fault that is to be lived with made of its rows."""

    def __post_init__(self) -> None:
        self.finder = StopFinder(self.ready.setup.plan)
        self._reader = _Reader(self.ready)
        if not self.mutant.must_be_noticed:
            self._note_what_is_theirs()

    def look(self, _state: RolloutState, _now: datetime) -> None:
        events = self._reader.new()
        fired = self.ready.stage.faults.fired.get(self.mutant.fault.id)
        if fired is None or self.finder.stop is not None:
            return
        self.finder.after = fired.after_seq
        before = self.finder.objections
        self.finder.read(events)
        if self.finder.objections > before:
            self.pictures.append((events[-1].seq, self.camera.take()))

    def told(self, done: Rehearsal, album: Album) -> Drilled:
        fired = done.fired.get(self.mutant.fault.id)
        stop = self.finder.stop
        noticed = stop.beyond(album.stopped_by) if stop is not None else ()
        first = first_of(noticed, self.mutant.fault.noticed_by)
        end = self.camera.take()
        wrong = self._wrong(first, stop, album, end)
        result = FaultResult(
            **about(self.mutant),
            came=self._came(done, album, first),
            detected=first is not None,
            phase=first.phase if first else None,
            gate=(first.gate or None) if first else None,
            check=(first.check or None) if first else None,
            step=(first.step or None) if first else None,
            also=[n.check for n in noticed if n is not first and n.check],
            after_s=None if first is None or fired is None else _after(first, done, fired.at),
            wrong_rows=sum(wrong.values()) if fired else 0,
            restored=_restored(done, wrong, end, album) if first else None,
            outcome=done.outcome,
        )
        return Drilled(result, sorted(self.finder.asked))

    def _came(self, done: Rehearsal, album: Album, first: Noticed | None) -> Came:
        if self.mutant.fault.id not in done.fired:
            return "never_happened"
        if first is not None:
            return "noticed" if first.check else "stopped_by_step"
        lived = not self.mutant.must_be_noticed and done.outcome == album.outcome
        return "survived" if lived else "unnoticed"

    def _wrong(
        self, first: Noticed | None, stop: Stop | None, album: Album, end: Seen
    ) -> dict[str, int]:
        if first is None or stop is None:
            found, wanted = end, [album.last]
        else:
            found = next((p for seq, p in self.pictures if seq >= first.seq), end)
            wanted = _wanted(first, stop, album)
        apart = wrong_in(found, *wanted)
        return {k: n for k, n in apart.items() if list(found.rows.get(k, ())) != self.theirs.get(k)}

    def _note_what_is_theirs(self) -> None:
        faults = self.ready.stage.faults
        perform = faults.perform

        def and_compare(fault: Fault) -> None:
            before = self.camera.take()
            perform(fault)
            if (fault.kind, fault.on) == ("sql", "salesforce"):
                after = self.camera.take()
                changed = wrong_in(after, before)
                self.theirs |= {key: list(after.rows.get(key, ())) for key in changed}

        faults.perform = and_compare


def _wanted(first: Noticed, stop: Stop, album: Album) -> list[Seen]:
    """The undisturbed rehearsal at that place; if it never came there, as it was at its end."""
    places = [first.place]
    if first.step:
        phase, attempt = first.phase, first.attempt
        places = [step_place(phase, attempt, first.step, what) for what in ("began", "ended")]
    there = [picture for place in places if (picture := album.at(place)) is not None]
    return there or [album.wanted_after_rollback if stop.on_the_way_back else album.last]


def _after(first: Noticed, done: Rehearsal, fired_at: datetime) -> float:
    true_at = first.at - clock_off_by(done.fired, first.seq)
    return max((true_at - fired_at).total_seconds(), 0.0)


def _restored(done: Rehearsal, wrong: dict[str, int], end: Seen, album: Album) -> bool | None:
    if not wrong or done.state.rollback is None:
        return None
    still = wrong_in(end, album.wanted_after_rollback)
    return not (still.keys() & wrong.keys())


def about(mutant: Mutant) -> dict[str, Any]:
    """What is known of a fault before it is rehearsed."""
    return {
        "id": mutant.id,
        "kind": mutant.fault.kind,
        "title": mutant.fault.about,
        "scenario": mutant.scenario.scenario,
        "must_be_noticed": mutant.must_be_noticed,
    }
