"""A rollback of the day on which 9,141 rows were updated: API calls, simulated time, CPU, and the estimate
that `rollout rollback --preview` would have shown.

    python bench/way_back.py [--scenario day3_rolled_back] [--write-s 8] [--read-s 1]

While the rollback goes on every call takes its time on the rehearsal's clock: a collection call
`--write-s`, any other `--read-s`. The whole table is compared before and after, in the world itself.
Prints one JSON line.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from rollout import wiring
from rollout.domain.assessment import Assessment
from rollout.rehearsal.harness import Ready, Rehearsal, play
from rollout.view.rollback_preview import rollback_preview

ROOT = Path(__file__).resolve().parent.parent
TABLE = """SELECT Id, Name, Snappt_Property_ID__c, Company_Name__c, Short_ID__c, IDV_Enabled__c,
Bank_Linking_Enabled__c, Payroll_Enabled__c, Income_Insights_Enabled__c, Active_Property_Count__c,
Is_Multi_Property__c FROM live_product_property"""


@dataclass
class Told:
    calls: Counter[str] = field(default_factory=Counter)
    began: datetime | None = None
    ended: datetime | None = None
    cpu_s: float = 0.0
    differing: int = 0


def rolled_back(scenario: str, write_s: float, read_s: float) -> tuple[Told, Rehearsal]:
    told, done = Told(), []

    def drive(ready: Ready) -> str:
        before = dict.fromkeys(ready.stage.world.truth.select(TABLE).rows)
        _count(ready, told, write_s, read_s)
        done.append(play(ready))
        after = dict.fromkeys(ready.stage.world.truth.select(TABLE).rows)
        told.differing = len(before.keys() - after.keys())
        _estimate(done[0], told)
        return done[0].outcome

    request = wiring.RehearsalRequest(
        plan=ROOT / "plans" / "property_sync.yaml",
        scenario=scenario,
        seed=None,
        params={},
        kinds=wiring.installed_kinds(),
    )
    wiring.run_by_hand(request, 0, drive)
    return told, done[0]


def _count(ready: Ready, told: Told, write_s: float, read_s: float) -> None:
    app, clock = ready.stage.app, ready.stage.clock
    answer = app.on_request
    assert answer is not None
    cpu = [0.0]

    def note(method: str, path: str) -> Any:
        phase = ready.controller.state.current_phase()
        if phase is not None and phase.stage == "rolling_back":
            if told.began is None:
                told.began, cpu[0] = clock.now(), time.process_time()
            writes = method != "GET" and path.endswith("/composite/sobjects")
            told.calls[f"{method} {path.split('/')[-1]}" if writes else f"{method} other"] += 1
            clock.advance_to(clock.now() + timedelta(seconds=write_s if writes else read_s))
            told.ended, told.cpu_s = clock.now(), time.process_time() - cpu[0]
        return answer(method, path)

    app.on_request = note


def _estimate(done: Rehearsal, told: Told) -> None:
    assert done.state.rollback is not None
    digest = done.state.rollback["assessment"]
    assessed = msgspec.convert(done.evidence.get(digest)["assessments"], list[Assessment])
    plan = done.evidence.get(done.state.plan_sha256)
    held = {s.step for s in done.state.steps.values() if s.status == "undone"}
    for step in done.state.steps.values():
        if step.step in held:
            step.status = "completed"  # as it was when somebody would have asked
    view = rollback_preview(done.state, plan, assessed=assessed)
    told.calls["estimated"] = view.calls
    told.calls["estimated_s"] = round(view.seconds)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--scenario", default="day3_rolled_back")
    options.add_argument("--write-s", type=float, default=8.0)
    options.add_argument("--read-s", type=float, default=1.0)
    given = options.parse_args()
    told, done = rolled_back(given.scenario, given.write_s, given.read_s)
    estimated = {name: told.calls.pop(name) for name in ("estimated", "estimated_s")}
    assert told.began is not None
    assert told.ended is not None
    print(
        json.dumps(
            {
                "scenario": given.scenario,
                "rollback": {k: v for k, v in (done.state.rollback or {}).items() if v != ""},
                "calls": dict(told.calls),
                "calls_in_all": told.calls.total(),
                "estimated_calls": estimated["estimated"],
                "simulated_s": (told.ended - told.began).total_seconds(),
                "estimated_s": estimated["estimated_s"],
                "cpu_s": round(told.cpu_s, 2),
                "rows_of_the_beginning_that_differ": told.differing,
            }
        )
    )


if __name__ == "__main__":
    main()
