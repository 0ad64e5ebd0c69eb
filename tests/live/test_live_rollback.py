"""The way back over real sockets: what the preview of a process says is what the rollback then does."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from live_loop import Loop, small_rollout
from live_processes import rollout
from sandbox_process import SMALL_WORLD, SandboxProcess, sandbox

from rollout.domain.events import Payload, RolledBack, RunObserved

SPEED = 120
SCENARIO = f"""{SMALL_WORLD.rstrip()}
faults:
  - id: people
    about: after all runs somebody changes three of the rows that they created
    kind: sql
    at: {{phase: monitoring, stage: running}}
    on: salesforce
    statement: |
      UPDATE product_property SET Name = 'by hand'
      WHERE Id IN (
        SELECT Id FROM product_property WHERE NOT IsDeleted ORDER BY Id DESC LIMIT 3
      )
  - id: by_hand
    about: somebody runs the sync by hand, so that the exit gate holds the phase
    kind: census_run
    at: {{phase: operationalize, stage: running}}
    sync: sync_a
    trigger: Manual
"""
FIELDS = (
    "Snappt_Property_ID__c, Name, Company_Name__c, Short_ID__c, IDV_Enabled__c, CreatedById, Id"
)


def happens(box: SandboxProcess, phase: str) -> None:
    """What the scenario keeps for that phase."""
    assert box.post("/moments", {"phase": phase, "stage": "running"}).status_code == 200


def once_it_ran(box: SandboxProcess) -> Callable[[Payload], None]:
    """Somebody runs the sync by hand as soon as the log knows that our run has ended."""

    def on_event(payload: Payload) -> None:
        if isinstance(payload, RunObserved) and payload.ours and payload.status == "completed":
            happens(box, "operationalize")

    return on_event


def table(box: SandboxProcess) -> dict[str, tuple[Any, ...]]:
    """Every record of the target by its id, as Salesforce itself answers."""
    found = box.salesforce().query(f"SELECT {FIELDS} FROM Product_Property__c")
    return {str(row[-1]): row for row in found.rows}


def preview(loop: Loop, *more: str) -> tuple[int, str, str]:
    """By a process of its own, beside whoever drives the rollout."""
    ready = loop.where.parent / "ready.json"
    return rollout(
        "rollback", "--preview", "--state", loop.where, "--sandbox", ready, *more, "--json"
    )


def counted(shown: dict[str, Any]) -> dict[str, int]:
    return {c["name"]: c["rows"] for c in shown["classes"] if c["rows"]}


@pytest.mark.timeout(240)
def test_what_the_preview_says_over_the_wire_is_what_the_rollback_does(tmp_path: Path) -> None:
    scenario = tmp_path / "small.yaml"
    scenario.write_text(SCENARIO, encoding="utf-8")
    with (
        sandbox("--scenario", scenario, speed=SPEED) as box,
        small_rollout(box, tmp_path / "store") as loop,
    ):
        before = table(box)
        loop.on_event = once_it_ran(box)
        loop.until(lambda s: s.phases["only"].stage == "held")
        box.post("/clock", {"skip": 3600})  # until that run has ended too
        happens(box, "monitoring")
        now = table(box)
        changed = {i for i in now if i not in before and now[i][1] == "by hand"}
        head = loop.store.log.head(loop.plan.plan)

        code, out, err = preview(loop)
        assert code == 0, err or out
        shown = json.loads(out)
        assert loop.store.log.head(loop.plan.plan) == head  # it wrote nothing
        assert shown["looked_at"] is not None
        assert shown["calls"] > 0
        assert shown["seconds"] > 0
        assert {row["key"] for row in shown["left"]} == {now[i][0] for i in changed}
        assert {v["now"] for row in shown["left"] for v in row["values"]} >= {"by hand"}
        rows = counted(shown)
        assert rows == {"created": 37, "changed_by_others": 3}

        loop.say("roll_back")
        loop.until(lambda s: s.phases["only"].stage in {"rolled_back", "rollback_failed"})
        assert loop.state.phases["only"].stage == "rolled_back"
        (told,) = loop.events(RolledBack)
        found = loop.store.evidence.get(told.assessment)["assessments"][0]["counts"]
        assert {name: n for name, n in found.items() if n} == rows
        after = table(box)
        assert {i: row for i, row in after.items() if i not in changed} == before
        assert {after[i][1] for i in changed} == {"by hand"}

        code, out, err = preview(loop)
        assert code == 1, err
        assert json.loads(out)["refused"] != ""
