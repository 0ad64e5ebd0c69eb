"""A look at what a rollback would find is what the rollback itself finds, and changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from fakes import CENSUS_USER, HUMAN_USER, FakeRecordStore, FakeRun
from small_plans import NAME, Bench, gate, phase, plan, step

from rollout.domain.assessment import Assessment
from rollout.domain.effects import Answer
from rollout.domain.errors import PlanProblems, ServiceUnreachable
from rollout.domain.events import RolledBack
from rollout.live.rollback_look import ReadEvidence, assessments
from rollout.ports import EvidenceStore, Row, RowResult, Table
from rollout.view.rollback_preview import rollback_preview

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


def look(bench: Bench, scope: str = "") -> list[Assessment]:
    read = ReadEvidence(Kept(bench.evidence))  # type: ignore[arg-type]  # all it asks of a reader
    return assessments(bench.plan, bench.state, read, bench.connections, bench.clock, scope)


@pytest.mark.parametrize("scope", ["", "prepare", "pilot"])
def test_rows_are_in_the_classes_that_the_rollback_finds(scope: str) -> None:
    bench = wrote()
    before = bench.log.head(NAME)
    (found,) = look(bench, scope)
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


class TwoObjects:
    """A record store with a second object in it."""

    def __init__(self, things: FakeRecordStore, others: FakeRecordStore) -> None:
        self.things, self.others = things, others

    def query(self, soql: str, **given: Any) -> Table:
        return self._of(soql).query(soql, **given)

    def update(self, name: str, rows: Sequence[Row]) -> Answer[list[RowResult]]:
        return self._of(name).update(name, rows)

    def delete(self, name: str, ids: Sequence[str]) -> Answer[list[RowResult]]:
        return self._of(name).delete(name, ids)

    def _of(self, text: str) -> FakeRecordStore:
        return self.others if "Other__c" in text else self.things


def wrote_to_two() -> tuple[Bench, FakeRecordStore]:
    """A row of each target was updated; in the second one two more, and one of these by somebody
    else since."""
    syncs = plan(phase("pilot")).syncs
    second = syncs["a"].model_copy(update={"target": "Other__c"})
    bench = Bench(
        plan(
            phase(
                "pilot",
                step("capture_baseline", "base", **BASE),
                step("run_sync", "run", sync="a", baseline="base"),
            ),
            phase(
                "more",
                step("capture_baseline", "base_b", **{**BASE, "target": "Other__c"}),
                step("run_sync", "run_b", sync="b", baseline="base_b"),
                exit=["out"],
            ),
            gates=[gate("out")],
            syncs={**syncs, "b": second},
        )
    )
    others = FakeRecordStore(bench.clock)
    bench.connections.salesforce = TwoObjects(bench.salesforce, others)  # type: ignore[assignment]  # what steps ask of it
    bench.salesforce.put("k1", HUMAN_USER, Name="was")
    for key in ("o1", "o2", "o3"):
        others.put(key, HUMAN_USER, Name="was")
    bench.clock.pass_(hours=1)

    def writes(run: FakeRun) -> None:
        if len(bench.census.listed) == 1:
            bench.salesforce.put("k1", CENSUS_USER, Name="synced")
            return
        for key in ("o1", "o2", "o3"):
            others.put(key, CENSUS_USER, Name="synced")

    bench.census.on_run = writes
    bench.scripted.answers = {"out_ok": 0}
    bench.go()
    others.put("o2", HUMAN_USER, Name="mine")
    return bench, others


def test_of_a_plan_with_two_targets_each_is_looked_at_as_the_rollback_does() -> None:
    bench, others = wrote_to_two()
    found = look(bench)
    assert [(a.target, a.rows, a.counts["updated"], len(a.left)) for a in found] == [
        ("Thing__c", 1, 1, 0),
        ("Other__c", 3, 2, 1),
    ]
    assert [a.target for a in look(bench, "more")] == ["Other__c"]
    document = bench.plan.model_dump(mode="json", by_alias=True)
    view = rollback_preview(bench.state, document, assessed=found)
    assert [(t.target, t.left_rows) for t in view.targets] == [("Thing__c", 0), ("Other__c", 1)]
    assert {c.name: c.rows for c in view.classes}["updated"] == 3
    bench.say("roll_back")
    bench.go(lambda: bench.stage() == "rolled_back")
    told = bench.kept(bench.payloads(RolledBack)[-1].assessment)["assessments"]
    assert [(a["target"], a["counts"]) for a in told] == [(a.target, a.counts) for a in found]
    assert bench.salesforce.values("Name") == {"k1": "was"}
    assert others.values("Name") == {"o1": "was", "o2": "mine", "o3": "was"}


def test_a_target_that_cannot_be_looked_at_is_said() -> None:
    bench, others = wrote_to_two()
    others.most = 1
    with pytest.raises(PlanProblems, match="Other__c has over"):
        look(bench)


def test_without_a_baseline_there_is_nothing_to_look_at() -> None:
    bench = Bench(plan(phase("pilot", step("poke", "poke"), exit=["out"]), gates=[gate("out")]))
    bench.scripted.answers = {"out_ok": 0}
    bench.go()
    assert look(bench) == []
    ended = Bench(plan(phase("pilot")))
    ended.go()
    assert look(ended) == []


def test_what_cannot_be_looked_at_is_said() -> None:
    bench = wrote()
    bench.salesforce.most = 1
    with pytest.raises(PlanProblems, match="beyond a rollback"):
        look(bench)
    bench.salesforce.down = True
    with pytest.raises(ServiceUnreachable):
        look(bench)
