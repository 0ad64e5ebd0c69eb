"""What a drill rehearses: one fault at a time, under a lead who goes back at the first no-go."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rollout.domain.canonical import sha256_of
from rollout.rehearsal.catalogue import NamedFault
from rollout.rehearsal.scenario import Fault, Scenario


@dataclass(frozen=True)
class Mutant:
    """A fault and its rehearsal: `scenario` holds this fault alone, and those it `needs`.

    `must_be_noticed`: otherwise the rollout has to live with it.
    """

    id: str
    fault: Fault
    scenario: Scenario
    must_be_noticed: bool

    @property
    def mends(self) -> bool:
        """Something is put right: there is nothing to rehearse."""
        return self.fault.mends

    def undisturbed(self) -> Scenario:
        """The same rehearsal with nothing going wrong."""
        return self.scenario.model_copy(update={"faults": []})

    def world(self, seed: int | None) -> str:
        """Equal for mutants whose undisturbed rehearsals are the same one."""
        document = self.undisturbed().model_dump(mode="json", by_alias=True)
        said = ("start", "world", "params", "operator")
        return sha256_of(
            {
                **{key: document[key] for key in said},
                "seed": self.scenario.seed if seed is None else seed,
            }
        )


def mutants(faults: Sequence[NamedFault]) -> Iterator[Mutant]:
    """One for each fault that has a name.

    Faults of one scenario are rehearsed apart: together, the first to be noticed would hide the
    others. The scripted lead is the scenario's own, but for a no-go: there it rolls back, and a
    rollback that is proven ends the rehearsal.
    """
    for named in faults:
        scenario, fault = named.scenario, named.fault
        operator = scenario.operator.model_copy(
            update={"on_no_go": "rollback", "after_rollback": "end"}
        )
        needed = [f for f in scenario.faults if f.id in fault.needs and f.id != fault.id]
        alone = scenario.model_copy(update={"faults": [*needed, fault], "operator": operator})
        yield Mutant(named.name, fault, alone, must_be_noticed(scenario, fault))


def must_be_noticed(scenario: Scenario, fault: Fault) -> bool:
    """Whether somebody is expected to notice: the fault or its scenario names the check, or the
    scenario is about this fault and expects to be stopped by it. Everything else (an answer that is
    lost, five names out of 740 that are refused) the rollout has to live with."""
    if fault.mends:
        return False
    if fault.noticed_by or fault.id in scenario.expect.noticed_by:
        return True
    does_harm = [f.id for f in scenario.faults if not f.mends]
    return scenario.expect.outcome in {"held", "aborted"} and does_harm == [fault.id]
