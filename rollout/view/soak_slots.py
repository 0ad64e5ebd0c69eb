"""The looks that a watch asks for, and what became of each: one character a look.

The moments follow `engine/soak.py`, which a status must not import; a test holds the two together.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from rollout.domain.durations import parse_duration
from rollout.domain.evidence import Decision
from rollout.domain.state import GateState, PhaseState, RolloutState
from rollout.view import marks
from rollout.view.plan_words import SoakWords

GO, NO_GO, DOUBT, MISSED, NOW, LATE, TODO = "gxd-rlt"
"""What a look came to: go, no-go, inconclusive, never taken; under way, due, still to come."""

OF_LOOK = {
    GO: marks.PASS,
    NO_GO: marks.FAIL,
    DOUBT: marks.UNKN,
    MISSED: marks.SKIP,
    NOW: marks.RUN,
    LATE: marks.WAIT,
    TODO: marks.TODO,
}

_OF_DECISION = {Decision.GO: GO, Decision.NO_GO: NO_GO, Decision.INCONCLUSIVE: DOUBT}


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """One gate at its moments of a watch. `looks` is a character for each, in order of time;
    `interval` is zero for a gate that is asked once, at `first`."""

    gate: str
    age: str
    is_repeated: bool
    first: datetime
    interval: timedelta
    looks: str
    newest: GateState | None
    """The newest evaluation that was begun."""

    def due(self, number: int) -> datetime:
        """When look `number` is due, counted from 0."""
        return self.first + number * self.interval

    @property
    def next_due(self) -> datetime | None:
        """When the next look is due that is still to come."""
        number = self.looks.find(TODO)
        return self.due(number) if number >= 0 else None


def lasts_of(soak: SoakWords) -> timedelta:
    """How long the watch lasts; nothing when the plan's words cannot be read."""
    try:
        return parse_duration(soak.lasts)
    except ValueError:
        return timedelta(0)


def soak_series(
    soak: SoakWords, phase: PhaseState, state: RolloutState, started: datetime, now: datetime
) -> list[Series]:
    """Checkpoints by their age, then repeated gates, the most frequent first."""
    end = started + lasts_of(soak)
    checkpoints, repeated = _ages(soak.checkpoints), _ages(soak.every)
    found = [
        _checkpoint(phase, state, started + age, text, gate, now)
        for age, text in checkpoints
        for gate in soak.checkpoints[text]
    ]
    return found + [
        _repeated(phase, state, started, end, age, text, gate, now)
        for age, text in repeated
        for gate in soak.every[text]
    ]


def in_order(gates: dict[str, list[str]]) -> list[tuple[str, list[str]]]:
    """By age; an age that cannot be read is left out."""
    return [(text, gates[text]) for _, text in _ages(gates)]


def _ages(gates: dict[str, list[str]]) -> list[tuple[timedelta, str]]:
    found = []
    for text in gates:
        try:
            age = parse_duration(text)
        except ValueError:
            continue
        if age > timedelta(0):
            found.append((age, text))
    return sorted(found)


def _checkpoint(
    phase: PhaseState, state: RolloutState, due: datetime, age: str, gate: str, now: datetime
) -> Series:
    found = state.gate(phase.id, phase.attempt, f"after:{age}", gate)
    return Series(
        gate=gate,
        age=age,
        is_repeated=False,
        first=due,
        interval=timedelta(0),
        looks=_look(found) if found is not None else (LATE if due <= now else TODO),
        newest=found,
    )


def _repeated(
    phase: PhaseState,
    state: RolloutState,
    started: datetime,
    end: datetime,
    interval: timedelta,
    age: str,
    gate: str,
    now: datetime,
) -> Series:
    """A look that was slept through is never taken later: it is missed once the next one is due."""
    count = int((end - started) / interval)
    due = min(max(int((now - started) / interval), 0), count)
    place = f"{phase.id}/{phase.attempt}/every:{age}#"
    looks, newest = [], None
    for number in range(1, count + 1):
        position = state.gate_index.get(f"{place}{number}/{gate}")
        if position is not None:
            newest = state.gates[position]
            looks.append(_look(newest))
        elif number > due:
            looks.append(TODO)
        else:
            over = number < due or (number * interval < end - started and now >= end)
            looks.append(MISSED if over else LATE)
    return Series(
        gate=gate,
        age=age,
        is_repeated=True,
        first=started + interval,
        interval=interval,
        looks="".join(looks),
        newest=newest,
    )


def _look(gate: GateState) -> str:
    return NOW if gate.decision is None else _OF_DECISION[gate.decision]
