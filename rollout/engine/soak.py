"""A soak: gates at an age, gates repeated, and how much of the watching really happened.

A slot that was slept through is never taken later: it lowers the coverage. A repeated gate that
is inconclusive lowers it too; one that is `no_go` holds the phase at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from rollout.domain.durations import parse_duration
from rollout.domain.evidence import Decision
from rollout.domain.plan import CheckSpec, GateSpec, Soak
from rollout.domain.state import PhaseState, RolloutState

COVERAGE = "soak_coverage"
"""The check (and its gate) that says how much of the soak was watched."""


@dataclass(frozen=True)
class Slot:
    """One evaluation of one gate that the soak asks for. `skippable` slots are lost when missed."""

    moment: str
    gate: str
    due: datetime
    skippable: bool


def slots(soak: Soak, started_at: datetime) -> list[Slot]:
    """Every evaluation the soak asks for, by due time."""
    return sorted(_slots(soak, started_at), key=lambda s: (s.due, s.moment, s.gate))


def _slots(soak: Soak, started_at: datetime) -> Iterator[Slot]:
    for age, gates in soak.checkpoints.items():
        for gate in gates:
            yield Slot(f"after:{age}", gate, started_at + parse_duration(age), False)
    for age, gates in soak.every.items():
        interval = parse_duration(age)
        for number in range(1, int(soak.lasts / interval) + 1):
            for gate in gates:
                yield Slot(f"every:{age}#{number}", gate, started_at + number * interval, True)


def due_slots(
    soak: Soak, started_at: datetime, phase: PhaseState, state: RolloutState, now: datetime
) -> list[Slot]:
    """Slots to work on now: due, not yet go, and not lost. Of a repeated gate, only the newest."""
    newest: dict[tuple[str, str], Slot] = {}
    work: list[Slot] = []
    for slot in slots(soak, started_at):
        if slot.due > now:
            break
        if slot.skippable:
            newest[(slot.moment.partition("#")[0], slot.gate)] = slot
        elif not _is_settled(slot, phase, state):
            work.append(slot)
    work += [s for s in newest.values() if not _is_settled(s, phase, state)]
    return work


def _is_settled(slot: Slot, phase: PhaseState, state: RolloutState) -> bool:
    gate = state.gate(phase.id, phase.attempt, slot.moment, slot.gate)
    if gate is None or gate.decision is None:
        return False
    return gate.decision is Decision.GO or (
        slot.skippable and gate.decision is Decision.INCONCLUSIVE
    )


def next_due(soak: Soak, started_at: datetime, now: datetime) -> datetime:
    """When the soak next wants something: a slot, or its end."""
    end = started_at + soak.lasts
    later = [s.due for s in slots(soak, started_at) if s.due > now]
    return min([*later, max(end, now + timedelta(0))])


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
    return gate is not None and gate.decision in {Decision.GO, Decision.NO_GO}
