"""The faults that can be named: those of the scenarios beside a plan. There is no second list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rollout.rehearsal.scenario import Fault, Scenario


@dataclass(frozen=True)
class NamedFault:
    """`fault.about` is never empty: one that says nothing of itself is about what its scenario is
    called."""

    name: str
    fault: Fault
    scenario: Scenario


def named_faults(scenarios: Sequence[Scenario]) -> list[NamedFault]:
    """Every fault under `scenario` where that has one fault, else `scenario.id`, in the order given.

    The same fault in several scenarios is listed once: with the first that is about it alone, else
    with the first.
    """
    found: list[NamedFault] = []
    alone = [s for s in scenarios if len(s.faults) == 1]
    for place, scenario in enumerate(scenarios):
        others = (
            alone[: alone.index(scenario)] if scenario in alone else [*alone, *scenarios[:place]]
        )
        known = [fault for other in others for fault in other.faults]
        for fault in scenario.faults:
            if fault in known:
                continue
            name = scenario.scenario
            if scenario not in alone:
                name = f"{name}.{fault.id}"
            told = fault.model_copy(update={"about": fault.about or scenario.title})
            found.append(NamedFault(name, told, scenario))
    return found


def catalogue(scenarios: Sequence[Scenario]) -> dict[str, Fault]:
    """The same by name."""
    return {named.name: named.fault for named in named_faults(scenarios)}
