from __future__ import annotations

from typing import Any

import pytest
from fakes import column
from pydantic import ValidationError
from small_plans import Bench, check, gate, phase, plan, step

from rollout.domain.events import StepFailed
from rollout.ports import Table
from rollout.steps.snapshot import SnapshotInputs

SQL = "SELECT COUNT(*) AS n FROM crm.queue"
METRICS = {"queue": {"sql": SQL}, "rows": {"soql": "SELECT COUNT() FROM Thing__c"}}


def taking(answer: Table) -> Bench:
    later = check("grew", go={"value": "= ${{ snapshots.before.queue }}"})
    bench = Bench(
        plan(
            phase("pilot", step("snapshot", "before", metrics=METRICS), exit=["out"]),
            gates=[gate("out", later)],
        )
    )
    bench.salesforce.put("k1")
    bench.warehouse.answers[SQL] = answer
    return bench


def test_the_numbers_of_a_moment_are_outputs_that_checks_may_use() -> None:
    bench = taking(column("n", 740))
    bench.scripted.answers = {"grew": 740}
    bench.go()
    assert bench.state.outcome == "completed"
    outputs = bench.state.steps["pilot/1/before"].outputs
    assert (outputs["queue"], outputs["rows"]) == (740, 1)
    assert bench.kept(outputs["evidence"])["metrics"] == {"queue": 740, "rows": 1}


@pytest.mark.parametrize(
    "answer",
    [
        column("n"),
        column("n", None),
        column("n", float("nan")),
        column("n", float("inf")),
        column("n", 1, 2),
        Table(["a", "b"], [(1, 2)]),
    ],
    ids=["no row", "null", "NaN", "infinite", "two rows", "two columns"],
)
def test_a_snapshot_with_a_hole_fails(answer: Table) -> None:
    bench = taking(answer)
    bench.go()
    assert bench.stage() == "held"
    assert "queue has no value" in bench.payloads(StepFailed)[0].reason


@pytest.mark.parametrize(
    "metrics", [{}, {"n": {}}, {"n": {"sql": "x", "soql": "y"}}], ids=["none", "neither", "both"]
)
def test_a_snapshot_of_nothing_is_refused(metrics: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SnapshotInputs.model_validate({"metrics": metrics})
