"""Changed plans that a lead may adopt half way, and which one is in force."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import time, timedelta
from typing import Any

from rollout.domain.events import Event, PlanAdopted
from rollout.domain.plan import (
    CheckSpec,
    GateSpec,
    Phase,
    Plan,
    SamplingPolicy,
    SignOffRule,
    Window,
)
from rollout.domain.state import RolloutState

from .plans import asked


def _checks(plan: Plan, gate: str, change: Callable[[CheckSpec], CheckSpec]) -> Plan:
    spec = plan.gates[gate]
    changed = spec.model_copy(update={"checks": [change(c) for c in spec.checks]})
    return plan.model_copy(update={"gates": {**plan.gates, gate: changed}})


def _phases(plan: Plan, change: Callable[[Phase], dict[str, Any]]) -> Plan:
    changed = [p.model_copy(update=change(p)) for p in plan.phases]
    return plan.model_copy(update={"phases": changed})


def _loosened(plan: Plan) -> Plan:
    return _checks(plan, "landed", lambda c: c.model_copy(update={"go": {"value": ">= 1"}}))


def _entered_otherwise(plan: Plan) -> Plan:
    return _checks(plan, "ready", lambda c: c.model_copy(update={"timeout": timedelta(minutes=3)}))


def _sampled_less(plan: Plan) -> Plan:
    once = {"sampling": SamplingPolicy(count=1)}
    return _checks(plan, "pilot_ok", lambda c: c.model_copy(update=once))


def _worded_otherwise(plan: Plan) -> Plan:
    changed = _checks(plan, "clean", lambda c: c.model_copy(update={"title": "Is it clean?"}))
    return changed.model_copy(update={"title": "In other words"})


def _asks_more(plan: Plan) -> Plan:
    gates = dict(plan.gates)
    for name in ("full_ok", "clean"):
        more = [*plan.gates[name].checks, asked(f"{name}_too")]
        gates[name] = plan.gates[name].model_copy(update={"checks": more})
    return plan.model_copy(update={"gates": gates})


def _signed_by_one(plan: Plan) -> Plan:
    rule = SignOffRule(roles=["project_lead"], expires=timedelta(hours=20))
    return _phases(plan, lambda p: {"sign_off": rule} if p.sign_off else {})


def _always_open(plan: Plan) -> Plan:
    window = Window(between=(time(0, 1), time(23, 59)))
    return _phases(plan, lambda p: {"window": window} if p.window else {})


CHANGES: Sequence[Callable[[Plan], Plan]] = (
    *(_loosened, _entered_otherwise, _sampled_less, _worded_otherwise, _asks_more),
    *(_signed_by_one, _always_open),
)


_MADE: dict[tuple[int, int], tuple[Plan, Plan]] = {}


def _changed(base: Plan, number: int) -> Plan:
    """Made once for all runs; the base is kept, so that its identity stays its own."""
    key = (id(base), number)
    if key not in _MADE:
        _MADE[key] = (base, CHANGES[number](base))
    return _MADE[key][1]


class InForce:
    """The plan that holds at the newest event seen; a watcher of the log, and the first of them."""

    def __init__(self, base: Plan) -> None:
        self.base = self.now = base
        self.known = {base.sha256(): base}

    def changed(self, number: int) -> Plan:
        """The first plan with one change, or itself again."""
        plan = self.base if number >= len(CHANGES) else _changed(self.base, number)
        self.known[plan.sha256()] = plan
        return plan

    def see(self, before: RolloutState, event: Event) -> None:
        if isinstance(event.payload, PlanAdopted):
            self.now = self.known[event.payload.plan_sha256]


def meaning(check: CheckSpec) -> object:
    """What a verdict depends on."""
    said = (check.check, check.kind, check.go, check.no_go, check.shadow, check.sampling)
    return (*said, check.timeout, repr(sorted(check.inputs.items())))


def meanings(gate: GateSpec | None) -> object:
    return None if gate is None else [meaning(c) for c in gate.checks]
