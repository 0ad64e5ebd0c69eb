"""A tiny rehearsal that people drive, in one process: a script says what they do between two rests."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from live_processes import ROOT, tiny_plan

from rollout.live.clocks import StandingClock
from rollout.live.deciding import Recorded, Refused, Wish, submit
from rollout.rehearsal import control
from rollout.rehearsal.board import Board, read_board
from rollout.rehearsal.by_hand import ByHand
from rollout.rehearsal.harness import Ready, Rehearsal
from rollout.rehearsal.pace import Pace
from rollout.store.opening import open_store
from rollout.wiring import RehearsalRequest, installed_kinds, run_by_hand, scenario_faults

SCENARIO = """
scenario: planned
title: Nothing goes wrong by itself
world: {properties: 400, target_rows: 330, create_queue: 40, update_queue: 90, high_priority: 20,
        wrong_flags: 15, shared_ids: 41, company_gaps: 7, organic: false}
faults:
  - {id: late, kind: world, at: {phase: only, stage: running, after: 30m}, workflow: "off", about: the workflow stops}
expect: {outcome: completed}
"""

OTHERS = """
scenario: others
title: What can be injected
faults:
  - {id: renamed, kind: sql, on: salesforce, at: {phase: only},
     statement: "UPDATE product_property SET Name = 'x' WHERE Id IN (SELECT min(Id) FROM product_property)",
     cure: ["UPDATE product_property SET Name = 'well' WHERE Name = 'x'"], about: one name is wrong}
  - {id: gone, kind: sql, on: salesforce, at: {phase: only}, statement: "UPDATE product_property SET Name = 'y'"}
  - {id: busy, kind: http, at: {call: "GET /syncs/*"}, do: status, status: 503}
expect: {outcome: completed}
"""

Script = Callable[["Hands"], Iterator[None]]


def plan_folder(folder: Path, *, wait: str = "1h") -> Path:
    """A tiny plan with scenarios and the views its world needs."""
    plan = tiny_plan(folder, wait=wait)
    shutil.copytree(ROOT / "plans" / "sql", folder / "sql", dirs_exist_ok=True)
    (folder / "scenarios").mkdir(exist_ok=True)
    (folder / "scenarios" / "planned.yaml").write_text(SCENARIO)
    (folder / "scenarios" / "others.yaml").write_text(OTHERS)
    return plan


@dataclass
class Hands:
    """People with a clock of their own: `wait` is where they act. Ends when the script does."""

    state: Path
    script: Script
    stopping: bool = False
    seconds: float = 0.0
    rests: int = 0
    ready: Ready = field(init=False)
    _acts: Iterator[None] = field(init=False)

    def __post_init__(self) -> None:
        self._acts = self.script(self)

    def wait(self, seconds: float) -> None:
        self.seconds += seconds
        self.rests += 1
        assert self.rests < 20_000, "the rehearsal rests for ever"
        if next(self._acts, "over") == "over":
            self.stopping = True

    def ask(self, request: control.AnyRequest) -> None:
        control.ask(self.state, request)

    @property
    def board(self) -> Board:
        found = read_board(self.state)
        assert found is not None
        return found

    @property
    def stage(self) -> str:
        return self.ready.controller.state.phases["only"].stage

    def say(
        self, name: str, subject: str = "", role: str = "project_lead", by: str = "ann"
    ) -> Recorded | Refused:
        store = open_store(self.state, create=False)
        with store:
            wish = Wish(name, by, role, "because", subject)
            return submit(store, None, wish, StandingClock(self.board.now))


def driven(
    folder: Path, script: Script, *, speed: float = 60.0, wait: str = "1h", resume: bool = False
) -> tuple[str, Hands, Rehearsal]:
    """Run the script to its end; the outcome, the people, and what the rehearsal came to."""
    plan, state = plan_folder(folder, wait=wait), folder / "r.db"
    hands = Hands(state, script)
    kept: list[Rehearsal] = []

    def drive(ready: Ready) -> str:
        hands.ready = ready
        known = scenario_faults(plan)
        run = ByHand(ready, state, known, hands, lambda: hands.seconds, Pace(speed))
        outcome = run.run()
        kept.append(ready.came_to(outcome))
        return outcome

    request = RehearsalRequest(
        plan, "planned", None, {}, installed_kinds(), state=state, resume=resume
    )
    return run_by_hand(request, 1, drive), hands, kept[0]
