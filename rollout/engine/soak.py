"""A soak: gates at an age, gates repeated, and how much of the watching really happened.

A slot that was slept through is never taken later: it lowers the coverage. A repeated gate that
is inconclusive lowers it too; one that is `no_go` holds the phase at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from rollout.domain.durations import parse_duration
from rollout.domain.evidence import Decision
from rollout.domain.plan import CheckSpec, GateSpec, Soak
from rollout.domain.state import SOAK_COVERAGE, PhaseState, RolloutState

COVERAGE = SOAK_COVERAGE


@dataclass(frozen=True)
class Slot:
    """One evaluation of one gate that the soak asks for. `skippable` slots are lost when missed.

    `until`: when its checks without a `count` end, the next slot's time or the soak's end; None for
    a slot at the very end, which asks each of them once.
    """

    moment: str
    gate: str
    due: datetime
    skippable: bool
    until: datetime | None


@dataclass(frozen=True)
class Work:
    """A slot to work on; `give_up` closes one that was not decided in its time."""

    slot: Slot
    give_up: bool = False


def slots(soak: Soak, started_at: datetime) -> list[Slot]:
    """Every evaluation the soak asks for, by due time."""
    return sorted(_slots(soak, started_at), key=lambda s: (s.due, s.moment, s.gate))


def _slots(soak: Soak, started_at: datetime) -> Iterator[Slot]:
    end = started_at + soak.lasts
    for age, gates in soak.checkpoints.items():
        due = started_at + parse_duration(age)
        for gate in gates:
            yield Slot(f"after:{age}", gate, due, False, end if due < end else None)
    for age, gates in soak.every.items():
        interval = parse_duration(age)
        for number in range(1, int(soak.lasts / interval) + 1):
            due = started_at + number * interval
            until = min(due + interval, end) if due < end else None
            for gate in gates:
                yield Slot(f"every:{age}#{number}", gate, due, True, until)


def due_slots(
    soak: Soak, started_at: datetime, phase: PhaseState, state: RolloutState, now: datetime
) -> list[Work]:
    """Slots to work on now: due, not yet settled, and not lost. Of a repeated gate the newest, and
    any older one that was begun and never decided, to be given up."""
    newest: dict[tuple[str, str], Slot] = {}
    work: list[Work] = []
    for slot in slots(soak, started_at):
        if slot.due > now:
            break
        if not slot.skippable:
            if not _is_settled(slot, phase, state):
                work.append(Work(slot))
            continue
        series = (slot.moment.partition("#")[0], slot.gate)
        before = newest.get(series)
        if before is not None and _is_under_way(before, phase, state):
            work.append(Work(before, give_up=True))
        newest[series] = slot
    for slot in newest.values():
        is_over = slot.until is not None and now >= slot.until
        if is_over and _is_under_way(slot, phase, state):
            work.append(Work(slot, give_up=True))
        elif not is_over and not _is_settled(slot, phase, state):
            work.append(Work(slot))
    return work


def _is_under_way(slot: Slot, phase: PhaseState, state: RolloutState) -> bool:
    gate = state.gate(phase.id, phase.attempt, slot.moment, slot.gate)
    return gate is not None and gate.decision is None


def _is_settled(slot: Slot, phase: PhaseState, state: RolloutState) -> bool:
    gate = state.gate(phase.id, phase.attempt, slot.moment, slot.gate)
    if gate is None or gate.decision is None or gate.void_seq:
        return False
    return gate.decision is Decision.GO or (
        slot.skippable and gate.decision is Decision.INCONCLUSIVE
    )


def next_due(soak: Soak, started_at: datetime, now: datetime) -> datetime | None:
    """When the soak next wants something: a slot, or its end; None once that is over."""
    moments = [*(s.due for s in slots(soak, started_at)), started_at + soak.lasts]
    return min((moment for moment in moments if moment > now), default=None)


def coverage_gate(
    soak: Soak, started_at: datetime, phase: PhaseState, state: RolloutState
) -> GateSpec:
    """The gate that closes the soak: taken over expected evaluations against the plan's minimum."""
    wanted = slots(soak, started_at)
    taken = [s for s in wanted if _was_watched(s, phase, state)]
    return GateSpec(
        gate=COVERAGE,
        title="The soak was really watched",
        checks=[
            CheckSpec(
                check=COVERAGE,
                kind=COVERAGE,
                title=f"At least {soak.min_coverage} of the planned looks were taken",
                go={"coverage": f">= {soak.min_coverage}"},
                owner="project_lead",
                if_it_fails="Soak again: what was not watched cannot count as clean.",
                inputs={"expected": len(wanted), "taken": len(taken)},
            )
        ],
    )


def _was_watched(slot: Slot, phase: PhaseState, state: RolloutState) -> bool:
    """A look counts when its gate came to go or no_go: an answer, not an attempt."""
    gate = state.gate(phase.id, phase.attempt, slot.moment, slot.gate)
    if gate is None or gate.void_seq:
        return False
    return gate.decision in {Decision.GO, Decision.NO_GO}
