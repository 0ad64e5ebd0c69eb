"""A look at what a rollback would find is what the rollback itself finds, and changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from fakes import CENSUS_USER, HUMAN_USER, FakeRun
from small_plans import NAME, Bench, gate, phase, plan, step

from rollout.domain.assessment import Assessment
from rollout.domain.errors import PlanProblems, ServiceUnreachable
from rollout.domain.events import RolledBack
from rollout.live.rollback_look import ReadEvidence, assessment
from rollout.ports import EvidenceStore

BASE = {"target": "Thing__c", "key": "Key__c", "fields": ["Name"]}


@dataclass
class Kept:
    """Documents as a reader of a store gives them."""

    inner: EvidenceStore

    def evidence(self, digest: str) -> Any:
        return self.inner.get(digest)


def wrote() -> Bench:
    """A row updated, one created, one changed by somebody else since."""
    bench = Bench(
        plan(
            phase("prepare", step("poke", "poke")),
            phase(
                "pilot",
                step("capture_baseline", "base", **BASE),
                step("run_sync", "run", sync="a", baseline="base"),
                exit=["out"],
            ),
            gates=[gate("out")],
        )
    )
    for key in ("k1", "k2"):
        bench.salesforce.put(key, HUMAN_USER, Name="was")
    bench.clock.pass_(hours=1)

    def writes(run: FakeRun) -> None:
        for key in ("k1", "k2", "new"):
            bench.salesforce.put(key, CENSUS_USER, Name="synced")

    bench.census.on_run = writes
    bench.scripted.answers = {"out_ok": 0}
    bench.go()
    bench.salesforce.put("k2", HUMAN_USER, Name="mine")
    return bench


def look(bench: Bench, scope: str = "") -> Assessment | None:
    read = ReadEvidence(Kept(bench.evidence))  # type: ignore[arg-type]  # all it asks of a reader
    return assessment(bench.plan, bench.state, read, bench.connections, bench.clock, scope)


@pytest.mark.parametrize("scope", ["", "prepare", "pilot"])
def test_rows_are_in_the_classes_that_the_rollback_finds(scope: str) -> None:
    bench = wrote()
    before = bench.log.head(NAME)
    found = look(bench, scope)
    assert found is not None
    assert found.counts == {
        "updated": 1,
        "created": 1,
        "touched": 0,
        "changed_by_others": 1,
        "deleted_by_others": 0,
        "not_known": 0,
    }
    assert bench.log.head(NAME) == before
    assert bench.salesforce.changes == []
    bench.say("roll_back", scope)
    bench.go(lambda: bench.stage() == "rolled_back")
    told = bench.kept(bench.payloads(RolledBack)[-1].assessment)["assessments"][0]
    assert told["counts"] == found.counts


def test_without_a_baseline_there_is_nothing_to_look_at() -> None:
    bench = Bench(plan(phase("pilot", step("poke", "poke"), exit=["out"]), gates=[gate("out")]))
    bench.scripted.answers = {"out_ok": 0}
    bench.go()
    assert look(bench) is None
    ended = Bench(plan(phase("pilot")))
    ended.go()
    assert look(ended) is None


def test_what_cannot_be_looked_at_is_said() -> None:
    bench = wrote()
    bench.salesforce.most = 1
    with pytest.raises(PlanProblems, match="beyond a rollback"):
        look(bench)
    bench.salesforce.down = True
    with pytest.raises(ServiceUnreachable):
        look(bench)
