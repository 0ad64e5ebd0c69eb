from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from fakes import CENSUS_USER, HUMAN_USER, TOOL_USER, FakeRun
from small_plans import Bench, check, gate, phase, plan, step

from rollout.domain.errors import ServiceUnreachable
from rollout.domain.events import EffectIntended, RolledBack, StepFailed, StepUndone
from rollout.domain.instants import to_text
from rollout.domain.plan import Rollback
from rollout.domain.undo_cost import ONE_BY_ONE

BACK = {"steps": ["base"], "target": "Thing__c", "users": [CENSUS_USER, TOOL_USER]}
ROWS = {"k1": "one", "k2": "two", "k3": "three"}


def synced(
    writes: Any,
    *,
    rows: dict[str, str] = ROWS,
    begins_ms: int = 0,
    rollback: dict[str, Any] | None = None,
) -> Bench:
    """A target with rows, a baseline of it, and a run that wrote to it; held afterwards."""
    base = {"target": "Thing__c", "key": "Key__c", "fields": ["Name"]}
    way_back = Rollback(
        steps=[step("pause_sync", "stop_a", sync="a")],
        gates=["back"],
        user=TOOL_USER,
        **(rollback or {}),
    )
    inputs = {**BACK, "users": [CENSUS_USER, TOOL_USER, *way_back.automation]}
    bench = Bench(
        plan(
            phase(
                "pilot",
                step("capture_baseline", "base", **base),
                step("run_sync", "run", sync="a", baseline="base"),
                exit=["out"],
            ),
            gates=[
                gate("out"),
                gate("back", check("back_rows", kind="baseline", go=None, inputs=inputs)),
            ],
            rollback=way_back,
        )
    )
    for key, name in rows.items():
        bench.salesforce.put(key, HUMAN_USER, Name=name)
    bench.clock.pass_(hours=1, milliseconds=begins_ms)
    bench.census.on_run = lambda run: writes(bench)
    bench.scripted.answers = {"out_ok": 0}
    bench.go()
    assert bench.stage() == "held"
    bench.clock.pass_(hours=1)
    return bench


def back(bench: Bench) -> RolledBack:
    bench.say("roll_back")
    bench.go(lambda: bench.stage() in {"rolled_back", "rollback_failed"})
    found: RolledBack = bench.payloads(RolledBack)[-1]
    return found


def failure(bench: Bench) -> str:
    bench.say("roll_back")
    bench.go(lambda: bench.stage() in {"rolled_back", "rollback_failed"})
    assert bench.stage() == "rollback_failed"
    return str(bench.payloads(StepFailed)[-1].reason)


def update(*keys: str) -> Any:
    return lambda bench: [bench.salesforce.put(k, CENSUS_USER, Name="synced") for k in keys]


def counts(told: RolledBack) -> tuple[int, int, int]:
    return told.restored_rows, told.deleted_rows, told.left_rows


def test_created_rows_are_deleted_and_updated_ones_get_their_values_back() -> None:
    bench = synced(update("k1", "k2", "new1", "new2"))
    told = back(bench)
    assert bench.stage() == "rolled_back"
    assert bench.salesforce.values("Name") == ROWS
    assert counts(told) == (2, 2, 0)
    assert told.verified


def test_rows_that_others_changed_since_are_left_and_listed() -> None:
    bench = synced(update("k1", "k2", "new"))
    bench.salesforce.put("k2", HUMAN_USER, Name="mine")
    bench.salesforce.put("new", HUMAN_USER, Name="kept")
    told = back(bench)
    assert bench.salesforce.values("Name") == ROWS | {"k2": "mine", "new": "kept"}
    assert counts(told) == (1, 0, 2)
    document = bench.kept(bench.payloads(StepUndone)[-1].outputs["evidence"])
    listed = [(row["now"]["Key__c"], row["baseline"]) for row in document["left"]]
    assert listed == [("k2", {"Key__c": "k2", "Name": "two"}), ("new", None)]


def test_a_row_that_somebody_mended_already_is_not_touched() -> None:
    bench = synced(update("k1", "k2"))
    bench.salesforce.put("k1", HUMAN_USER, Name="one")
    assert counts(back(bench)) == (1, 0, 0)


def test_a_row_that_somebody_deleted_meanwhile_stops_nothing_but_the_proof() -> None:
    bench = synced(update("k1", "k2"))
    del bench.salesforce.rows[
        next(i for i, r in bench.salesforce.rows.items() if r["Key__c"] == "k1")
    ]
    told = back(bench)
    assert bench.stage() == "rollback_failed"
    assert not told.verified
    assert "missing is 1" in bench.tick().why


def test_a_target_that_counts_whole_seconds_hides_no_row() -> None:
    def writes(bench: Bench) -> None:
        second = bench.clock.now().replace(microsecond=0)
        for key in ("k1", "new"):
            bench.salesforce.put(key, CENSUS_USER, at=second, Name="synced")
        row = next(r for r in bench.salesforce.rows.values() if r["Key__c"] == "new")
        row["CreatedDate"] = to_text(second)

    bench = synced(writes, begins_ms=500)
    assert bench.clock.now().microsecond == 500_000
    assert counts(back(bench)) == (1, 1, 0)
    assert bench.salesforce.values("Name") == ROWS


def test_rows_that_strangers_wrote_are_nobodys_business() -> None:
    bench = synced(lambda b: b.salesforce.put("theirs", HUMAN_USER, Name="x"))
    assert counts(back(bench)) == (0, 0, 0)
    assert "theirs" in bench.salesforce.values("Name")


def test_a_row_older_than_the_run_is_never_deleted_even_without_a_baseline() -> None:
    def writes(bench: Bench) -> None:
        row = bench.salesforce.rows[bench.salesforce.put("old", CENSUS_USER, Name="synced")]
        row["CreatedDate"] = "2020-01-01T00:00:00Z"

    bench = synced(writes)
    assert "old (a004): was changed and has no baseline" in failure(bench)
    assert "old" in bench.salesforce.values("Name")


def test_a_row_that_refuses_stops_no_other_row_and_another_try_finishes() -> None:
    bench = synced(update("k1", "k2", "k3", "new"))
    ids = {str(r["Key__c"]): i for i, r in bench.salesforce.rows.items()}
    bench.salesforce.stubborn = {ids["k1"]: "FIELD_CUSTOM_VALIDATION_EXCEPTION"}
    why = failure(bench)
    assert "1 rows are not as they were" in why
    assert f"k1 ({ids['k1']}): FIELD_CUSTOM_VALIDATION_EXCEPTION" in why
    assert bench.salesforce.values("Name") == ROWS | {"k1": "synced"}
    bench.salesforce.stubborn = {}
    changes = len(bench.salesforce.changes)
    told = back(bench)
    assert bench.stage() == "rolled_back"
    assert bench.salesforce.values("Name") == ROWS
    assert bench.salesforce.changes[changes:] == [("update", 1)]
    assert counts(told) == (3, 1, 0)


@pytest.mark.parametrize("script", ["refused", "unknown", "no", "lost"])
def test_a_chunk_that_went_wrong_is_repeated_or_tried_again(script: str) -> None:
    bench = synced(update("k1", "new"))
    bench.salesforce.script.append(script)
    bench.say("roll_back")
    bench.go(lambda: bench.stage() in {"rolled_back", "rollback_failed"})
    assert bench.stage() == "rolled_back"
    assert bench.salesforce.values("Name") == ROWS


def test_few_rows_go_one_by_one_and_many_in_chunks() -> None:
    rows = {f"k{n:04}": "was" for n in range(ONE_BY_ONE + 400)}
    bench = synced(update(*list(rows)[: ONE_BY_ONE - 1]), rows=rows)
    back(bench)
    assert bench.salesforce.changes == [("update", 1)] * (ONE_BY_ONE - 1)
    bench = synced(update(*rows, "new"), rows=rows)
    told = back(bench)
    assert bench.salesforce.changes == [
        ("update", 200),
        ("update", 200),
        ("update", 100),
        ("delete", 1),
    ]
    assert counts(told) == (500, 1, 0)


def test_more_rows_than_can_be_read_are_not_half_restored() -> None:
    bench = synced(update("k1", "k2"))
    bench.salesforce.most = 1
    assert "beyond a rollback" in failure(bench)
    assert bench.salesforce.changes == []


def test_our_run_is_stopped_before_its_rows_are_restored() -> None:
    bench = Bench(synced(update("k1")).plan)
    for key, name in ROWS.items():
        bench.salesforce.put(key, HUMAN_USER, Name=name)
    bench.clock.pass_(hours=1)
    bench.tick()
    bench.say("proceed")

    def writes(run: FakeRun) -> None:
        bench.salesforce.put("k1", CENSUS_USER, Name="synced")

    bench.census.on_run = writes
    bench.tick()
    assert bench.stage() == "running"
    run = bench.census.listed[0]
    back(bench)
    assert bench.census.canceled == [run.id]
    assert bench.stage() == "rolled_back"
    assert bench.salesforce.values("Name") == ROWS


def test_somebody_elses_run_is_waited_for_not_stopped() -> None:
    bench = synced(update("k1"))
    stranger = bench.census.add_run(trigger="Schedule")
    bench.say("roll_back")
    assert f"run {stranger.id} of a (not ours, Schedule) is working" in bench.tick().why
    assert bench.salesforce.changes == []
    bench.go(lambda: bench.stage() == "rolled_back")
    assert bench.census.canceled == []
    assert bench.salesforce.values("Name") == ROWS


def test_each_attempt_is_undone_against_its_own_baseline() -> None:
    """A retry without a rollback: the second baseline holds what the first attempt wrote."""
    bench = synced(update("k1", "new"))
    bench.census.on_run = lambda run: update("k1", "k2", "new", "newer")(bench)
    bench.say("retry")
    bench.go()
    assert bench.stage() == "held"
    bench.clock.pass_(hours=1)
    told = back(bench)
    assert bench.stage() == "rolled_back", bench.tick().why
    assert bench.salesforce.values("Name") == ROWS
    assert told.verified


def test_after_a_proven_rollback_the_next_attempt_starts_from_its_own_baseline() -> None:
    bench = synced(update("k1", "new"))
    back(bench)
    bench.salesforce.put("k2", HUMAN_USER, Name="mine")
    bench.say("retry")
    bench.go()
    assert bench.stage() == "held"
    bench.clock.pass_(hours=1)
    told = back(bench)
    assert bench.stage() == "rolled_back", bench.tick().why
    assert bench.salesforce.values("Name") == ROWS | {"k2": "mine"}
    assert counts(told) == (1, 1, 0)


def test_a_run_without_a_baseline_cannot_be_undone_and_says_so() -> None:
    bench = Bench(
        plan(phase("pilot", step("run_sync", "run", sync="a"), exit=["out"]), gates=[gate("out")])
    )
    bench.scripted.answers = {"out_ok": 0}
    bench.go()
    assert "no `baseline:` step is named" in failure(bench)


def test_chunks_are_intended_once_each() -> None:
    bench = synced(update("k1", "k2", "new"))
    back(bench)
    names = [p.effect for p in bench.payloads(EffectIntended) if "/undo/" in p.effect]
    assert names == [f"pilot/1/run/undo/{c}" for c in ("restore-1", "restore-2", "delete-1")]


# what others did ------------------------------------------------------------------


def test_a_row_that_somebody_deleted_stays_deleted_and_is_listed() -> None:
    bench = synced(update("k1", "k2"))
    bench.salesforce.throw_away("k1")
    told = back(bench)
    assert bench.stage() == "rolled_back"
    assert told.verified
    assert counts(told) == (1, 0, 1)
    (left,) = bench.kept(bench.payloads(StepUndone)[-1].outputs["evidence"])["left"]
    assert (left["key"], left["why"], left["by"]) == ("k1", "deleted", HUMAN_USER)
    assert left["baseline"] == {"Key__c": "k1", "Name": "one"}


def test_what_somebody_made_of_a_row_between_two_runs_stays() -> None:
    bench = synced(update("k1", "k2"))
    bench.salesforce.put("k1", HUMAN_USER, Name="mine")
    bench.census.on_run = lambda run: update("k1", "k2")(bench)
    bench.say("retry")
    bench.go()
    assert bench.salesforce.values("Name")["k1"] == "synced"
    bench.clock.pass_(hours=1)
    told = back(bench)
    assert bench.stage() == "rolled_back", bench.tick().why
    assert bench.salesforce.values("Name") == ROWS | {"k1": "mine"}
    assert told.verified
    assert told.left_rows == 1


def test_what_somebody_changes_between_the_look_and_the_write_stays() -> None:
    bench = synced(update("k1", "k2", "new"))
    changes = iter(["k2", "new"])

    def quicker(action: str) -> None:
        key = next(changes, None)
        if key is not None:
            bench.salesforce.put(key, HUMAN_USER, Name="quicker")

    asked = bench.salesforce.query

    def query(soql: str, **options: Any) -> Any:
        if " IN (" in soql:
            quicker(soql)
        return asked(soql, **options)

    bench.salesforce.query = query  # type: ignore[method-assign]
    told = back(bench)
    assert bench.stage() == "rolled_back", bench.tick().why
    assert bench.salesforce.values("Name") == ROWS | {"k2": "quicker", "new": "quicker"}
    assert counts(told) == (1, 0, 2)
    left = bench.kept(bench.payloads(StepUndone)[-1].outputs["evidence"])["left"]
    assert {row["key"] for row in left} == {"k2", "new"}


def test_automation_that_follows_our_writes_is_nobody_elses_change() -> None:
    flow = "005FLOW"
    bench = synced(update("k1", "new"), rollback={"automation": [flow]})
    for key in ("k1", "new"):
        bench.salesforce.put(key, flow, Filled__c="x")
    assert counts(back(bench)) == (1, 1, 0)
    assert bench.salesforce.values("Name") == ROWS


def test_a_clock_that_is_ahead_of_the_targets_hides_no_row() -> None:
    """The sync writes at an instant that the target dates before the step began."""

    def writes(bench: Bench) -> None:
        early = bench.clock.now() - timedelta(minutes=20)
        for key in ("k1", "new"):
            bench.salesforce.put(key, CENSUS_USER, at=early, Name="synced")

    bench = synced(writes)
    assert counts(back(bench)) == (1, 1, 0)
    assert bench.salesforce.values("Name") == ROWS


# rows that refuse -----------------------------------------------------------------


def test_a_row_that_refuses_for_a_while_is_tried_again_after_a_pause() -> None:
    bench = synced(update("k1", "k2"))
    ids = {str(r["Key__c"]): i for i, r in bench.salesforce.rows.items()}
    bench.salesforce.stubborn = {ids["k1"]: "UNABLE_TO_LOCK_ROW"}
    bench.say("roll_back")
    wake = bench.tick()
    assert "1 rows were refused (UNABLE_TO_LOCK_ROW)" in wake.why
    assert wake.at == bench.clock.now() + timedelta(minutes=1)
    bench.salesforce.stubborn = {}
    bench.go(lambda: bench.stage() == "rolled_back")
    told = bench.payloads(RolledBack)[-1]
    assert counts(told) == (2, 0, 0)
    assert bench.salesforce.changes == [("update", 1)] * 3


def test_what_is_left_after_every_try_is_said_with_its_reasons_and_how_to_go_on() -> None:
    bench = synced(update("k1", "k2", "new"))
    ids = {str(r["Key__c"]): i for i, r in bench.salesforce.rows.items()}
    bench.salesforce.stubborn = {ids["k1"]: "VALIDATION"}
    failure(bench)
    told = bench.payloads(RolledBack)[-1]
    assert not told.verified
    assert told.remaining_rows == 1
    assert told.remaining == [f"k1 ({ids['k1']}): VALIDATION", "not undone yet: pilot: run"]
    assert "say roll back again" in told.go_on
    assert counts(told) == (1, 1, 0)
    assert bench.state.rollback is not None
    assert bench.state.rollback["remaining_rows"] == 1


# the assessment -------------------------------------------------------------------


def assessed(bench: Bench) -> dict[str, Any]:
    told = bench.payloads(RolledBack)[-1]
    (found,) = bench.kept(told.assessment)["assessments"]
    return dict(found)


def test_the_scope_is_assessed_before_anything_is_undone_and_kept() -> None:
    bench = synced(lambda b: [*update("k1", "k2", "new")(b), update_to(b, "k3", ROWS["k3"])])
    bench.salesforce.put("k2", HUMAN_USER, Name="mine")
    run = bench.census.listed[-1]
    bench.census.landed[run.id, "k2"] = {"key": "k2", "name": "synced"}
    back(bench)
    found = assessed(bench)
    assert found["counts"] == {
        "updated": 1,
        "created": 1,
        "touched": 1,
        "changed_by_others": 1,
        "deleted_by_others": 0,
        "not_known": 0,
    }
    assert (found["rows"], found["modified"]) == (4, 3)
    (left,) = found["left"]
    assert left["baseline"]["Name"] == "two"
    assert left["written"] == {"Key__c": "k2"}
    assert left["now"]["Name"] == "mine"


def update_to(bench: Bench, key: str, name: str) -> str:
    return bench.salesforce.put(key, CENSUS_USER, Name=name)


def test_a_service_that_forgot_what_it_wrote_stops_no_rollback() -> None:
    bench = synced(update("k1"))
    bench.salesforce.put("k1", HUMAN_USER, Name="mine")
    asked = bench.census.sent

    def sent(run_id: int, key: str) -> Any:
        raise ServiceUnreachable("census: timed out")

    bench.census.sent = sent  # type: ignore[method-assign]
    back(bench)
    assert bench.stage() == "rolled_back"
    assert assessed(bench)["left"][0]["written"] is None
    assert asked(1, "k1") is None


# runs that go on ------------------------------------------------------------------


def mid_run(**rollback: Any) -> Bench:
    """A run of ours that has written a row and goes on."""
    bench = synced(update("k1"), rollback=rollback)
    bench.say("retry")
    bench.tick()
    bench.say("proceed")
    bench.tick()
    assert bench.stage() == "running"
    return bench


def test_a_run_of_ours_is_let_to_its_end_when_the_plan_says_so() -> None:
    bench = mid_run(running="wait")
    run = bench.census.listed[-1]
    bench.say("roll_back")
    assert f"run {run.id} of a (ours) is working" in bench.tick().why
    bench.go(lambda: bench.stage() == "rolled_back")
    assert bench.census.canceled == []
    assert bench.clock.now() >= run.ends_at
    assert bench.salesforce.values("Name") == ROWS


@pytest.mark.parametrize("how", ["refuses_cancel", "ignores_cancel"])
def test_a_run_that_cannot_be_canceled_is_waited_for(how: str) -> None:
    bench = mid_run()
    run = bench.census.listed[-1]
    setattr(bench.census, how, True)
    bench.say("roll_back")
    assert bench.tick().at is not None
    assert bench.salesforce.changes == []
    bench.go(lambda: bench.stage() == "rolled_back")
    assert bench.census.canceled == [run.id]
    assert bench.clock.now() >= run.ends_at
    assert bench.salesforce.values("Name") == ROWS


def test_a_run_that_was_canceled_is_told_as_it_ended() -> None:
    bench = mid_run()
    run = bench.census.listed[-1]
    back(bench)
    assert bench.state.runs[f"a/{run.id}"].status == "canceled"
