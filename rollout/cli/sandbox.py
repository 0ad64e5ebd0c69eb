"""`rollout sandbox`: the rehearsal's world as servers on this machine, for a live controller."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rollout.cli import exits
from rollout.rehearsal.sandbox.clock import FASTEST
from rollout.rehearsal.sandbox.running import SandboxRequest, serve
from rollout.rehearsal.sandbox.signs import how_fired
from rollout.wiring import installed_kinds, read_plan, read_scenario, view_files


@dataclass(frozen=True, kw_only=True)
class Wish:
    """The command's arguments, as written."""

    plan: Path
    scenario: str
    seed: int | None
    speed: float
    port_base: int | None
    state: Path | None
    as_json: bool
    plugins: tuple[Path, ...] = ()


def run(wish: Wish) -> int:
    """Serve until SIGTERM or SIGINT. Raises: PlanProblems, Misuse."""
    if not 0 < wish.speed <= FASTEST:
        raise exits.Misuse(f"--speed {wish.speed:g}: above 0 and at most {FASTEST:g}")
    if wish.port_base is not None and not 1024 <= wish.port_base <= 65_531:
        raise exits.Misuse(f"--port-base {wish.port_base}: from 1024 to 65531, five ports are used")
    scenario = read_scenario(wish.plan, wish.scenario)
    plan = read_plan(wish.plan, installed_kinds(wish.plugins), scenario.params)
    for line in how_fired(plan, scenario.faults):
        exits.say(f"sandbox: {line}")
    request = SandboxRequest(
        plan=plan,
        scenario=scenario,
        views=view_files(wish.plan),
        seed=scenario.seed if wish.seed is None else wish.seed,
        speed=wish.speed,
        port_base=wish.port_base,
        state=wish.state,
    )
    serve(request, lambda document: _ready(document, as_json=wish.as_json))
    exits.say("sandbox: ended")
    return exits.GO


def _ready(document: dict[str, Any], *, as_json: bool) -> None:
    """One line for programs; people get it put in order on stderr as well, without the token."""
    exits.write_json_line(document)
    sys.stdout.flush()
    if as_json or not sys.stderr.isatty():
        return
    for name in ("census", "salesforce", "warehouse", "clock"):
        exits.say(f"sandbox: {name:<11}{document[name]}")
    extra = document["extra"]
    exits.say(f"sandbox: CA file    {extra['warehouse']['ca_file']}")
    exits.say(f"sandbox: {extra['scenario']}, {extra['speed']:g} times as fast; Ctrl-C ends it")
