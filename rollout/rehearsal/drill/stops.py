"""What stopped a rehearsal first, and who was the first to notice: read from the log alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from rollout.domain.events import (
    CheckConcluded,
    Event,
    GateDecided,
    Measured,
    StageChanged,
    StepFailed,
)
from rollout.domain.evidence import Decision, Verdict
from rollout.domain.plan import Plan

STOPPED = {"held", "rolling_back", "rollback_failed"}


@dataclass(frozen=True)
class Noticed:
    """A check (or a step, then `gate` and `check` are empty) that did not pass where the rollout
    stopped. `seq` and `at`, on the controller's clock, are those of its first sample of that
    evaluation that did not pass; `place` is the same in another rehearsal of the plan."""

    phase: str
    attempt: int
    place: str
    gate: str
    check: str
    step: str
    seq: int
    at: datetime
    failed: bool = True
    """Whether any sample failed; else all that did not pass were inconclusive or errors."""

    @property
    def name(self) -> str:
        return "/".join(part for part in (self.phase, self.gate, self.check, self.step) if part)


@dataclass(frozen=True)
class Stop:
    """Everything that did not pass where the rollout stopped, in the order of the log."""

    noticed: tuple[Noticed, ...]
    on_the_way_back: bool = False

    def beyond(self, names: Iterable[str]) -> tuple[Noticed, ...]:
        """Those that pass when nothing is wrong."""
        known = set(names)
        return tuple(n for n in self.noticed if n.name not in known)


def first_of(noticed: Sequence[Noticed], named: Sequence[str]) -> Noticed | None:
    """The earliest; of several at one instant a check that is `named`, then one that failed."""
    return min(
        noticed,
        key=lambda n: (n.at, n.check not in named, not n.failed, n.seq),
        default=None,
    )


def gate_place(phase: str, attempt: int, moment: str, gate: str) -> str:
    """Where in a rehearsal a gate is decided."""
    return f"{phase}/{attempt}/{moment}/{gate}"


def step_place(phase: str, attempt: int, step: str, what: str) -> str:
    """Where a step `began` or `ended`."""
    return f"{phase}/{attempt}/{what}/{step}"


@dataclass
class StopFinder:
    """Reads a log on and on. `stop` is the first no-go, or failed step, after event `after` that held
    the rollout or sent it back; a person's own word to go back is none."""

    plan: Plan
    after: int = 0
    stop: Stop | None = None
    asked: set[str] = field(default_factory=set)
    """Checks that were measured after that event, until the stop."""
    objections: int = 0
    """How often something did not pass or gave up so far."""
    _shadows: set[tuple[str, str]] = field(init=False)
    _samples: dict[tuple[object, ...], Noticed] = field(default_factory=dict)
    _concluded: dict[tuple[object, ...], list[Noticed]] = field(default_factory=dict)
    _against: list[Noticed] = field(default_factory=list)
    _moment: str = ""

    def __post_init__(self) -> None:
        self._shadows = {
            (gate.gate, check.check)
            for gate in self.plan.gates.values()
            for check in gate.checks
            if check.shadow
        }

    def read(self, events: Iterable[Event]) -> None:
        for event in events:
            if self.stop is None and event.seq > self.after:
                self._hear(event)

    def _hear(self, event: Event) -> None:
        match event.payload:
            case Measured() as measured:
                self._sampled(event, measured)
            case CheckConcluded() as concluded:
                self._judged(event, concluded)
            case GateDecided() as decided if decided.decision is not Decision.GO:
                self._stand_against(decided)
            case StepFailed() as failed:
                place = step_place(failed.phase, failed.attempt, failed.step, "failed")
                broke = _broke(event, failed, place)
                self._against, self._moment = [broke], place
                self.objections += 1
            case StageChanged() as moved:
                if moved.target in STOPPED and self._against:
                    self.stop = Stop(tuple(self._against), moved.source == "rolling_back")
                self._against = []
            case _:
                pass

    def _sampled(self, event: Event, measured: Measured) -> None:
        self.asked.add(measured.check)
        if measured.verdict is not Verdict.PASS:
            self._note(event, measured, failed=measured.verdict is Verdict.FAIL)

    def _judged(self, event: Event, concluded: CheckConcluded) -> None:
        is_shadow = (concluded.gate, concluded.check) in self._shadows
        if concluded.verdict is not Verdict.PASS and not is_shadow:
            # One that was never measured is noticed when it is concluded.
            found = self._note(event, concluded, failed=concluded.verdict is Verdict.FAIL)
            self._concluded.setdefault(_evaluation(concluded), []).append(found)

    def _note(self, event: Event, said: Measured | CheckConcluded, *, failed: bool) -> Noticed:
        key = (*_evaluation(said), said.check)
        known = self._samples.get(key)
        self.objections += 1
        seq, at = (event.seq, event.at) if known is None else (known.seq, known.at)
        self._samples[key] = Noticed(
            phase=said.phase,
            attempt=said.attempt,
            place=gate_place(said.phase, said.attempt, said.moment, said.gate),
            gate=said.gate,
            check=said.check,
            step="",
            seq=seq,
            at=at,
            failed=failed or (known is not None and known.failed),
        )
        return self._samples[key]

    def _stand_against(self, decided: GateDecided) -> None:
        """Gates of one moment stop the rollout together; a look that was skipped is not among them."""
        if decided.moment != self._moment:
            self._against, self._moment = [], decided.moment
        self._against += self._concluded.get(_evaluation(decided), [])


def _broke(event: Event, failed: StepFailed, place: str) -> Noticed:
    return Noticed(
        phase=failed.phase,
        attempt=failed.attempt,
        place=place,
        gate="",
        check="",
        step=failed.step,
        seq=event.seq,
        at=event.at,
    )


def _evaluation(said: Measured | CheckConcluded | GateDecided) -> tuple[object, ...]:
    return (said.phase, said.attempt, said.moment, said.gate, said.round)
