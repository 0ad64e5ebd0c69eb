"""A rollout on fakes whose plan is changed while it runs: every stage can be reached, every part edited."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from small_plans import Bench, attest, check, gate, phase, plan, step

from rollout.domain.command import Refusal
from rollout.domain.plan import Plan, SignOffRule, Soak

Edit = Callable[[Any], Any]


def rest_of(plan_: Plan, edit: Edit) -> Plan:
    """The plan after its document was edited."""
    document = copy.deepcopy(plan_.model_dump(mode="json", by_alias=True))
    edit(document)
    return Plan.model_validate(document)


def three_phases() -> Plan:
    """pilot (poke, a gate in the middle, a rest, signed), watch (4 h), last."""
    return plan(
        phase(
            "pilot",
            step("poke", "poke"),
            step("verify", "mid", gate="mid"),
            step("wait", "rest", **{"for": "1h"}),
            entry=["in"],
            exit=["out"],
            sign_off=SignOffRule(roles=["project_lead", "sales"]),
        ),
        phase(
            "watch",
            soak=Soak.model_validate(
                {
                    "for": "4h",
                    "every": {"1h": ["hourly"]},
                    "checkpoints": {"2h": ["halfway"], "4h": ["all"]},
                }
            ),
        ),
        phase("last", step("poke", "late"), exit=["done"]),
        gates=[
            gate("in", check("in_ok"), attest("told")),
            *(gate(name) for name in ("mid", "out", "hourly", "halfway", "all", "done")),
        ],
        connections={
            "census": {"uses": "census", "token": "${env:T}", "region": "us"},
            "oncall": {"uses": "notify", "urls": ["${env:U}"]},
        },
    )


def bench_in(stage: str, phase_id: str = "pilot", **answers: Any) -> Bench:
    """The rollout once `phase_id` has come to `stage`."""
    bench = Bench(three_phases())
    bench.scripted.answers = answers
    bench.go(until=lambda: bench.stage(phase_id) == stage)
    assert bench.stage(phase_id) == stage
    return bench


def resting(**answers: Any) -> Bench:
    """pilot is running: poke and the gate in the middle are done, the rest is under way."""
    bench = bench_in("running", **answers)
    bench.tick()
    assert [s.step for s in bench.state.steps.values()] == ["poke", "mid", "rest"]
    return bench


def watching(hours: float) -> Bench:
    """The watch has gone on for that long."""
    bench = bench_in("running", "watch")
    bench.tick()
    started = bench.state.phases["watch"].soak_started_at
    assert started is not None
    while (bench.clock.now() - started).total_seconds() < hours * 3600:
        bench.pass_(minutes=30)
    return bench


def refused(bench: Bench, edit: Edit, **changes: Any) -> str:
    """Why the edited plan is refused; nothing else may come of it."""
    outcome = bench.adopted(rest_of(bench.plan, edit), **changes)
    assert isinstance(outcome, Refusal), outcome
    return outcome.reason


def taken(bench: Bench, edit: Edit) -> Bench:
    """The bench after the edited plan was adopted."""
    bench.adopt(rest_of(bench.plan, edit))
    return bench


def other_condition(gate_name: str, go: str = ">= 1") -> Edit:
    """The gate's first check has another condition."""

    def edit(document: Any) -> None:
        document["gates"][gate_name]["checks"][0]["go"] = go

    return edit


def phase_of(document: Any, name: str) -> Any:
    return next(p for p in document["phases"] if p["phase"] == name)


def step_of(document: Any, name: str) -> Any:
    return next(s for p in document["phases"] for s in p["steps"] if s["id"] == name)
