"""The mocked Census answers as the reference says, and its runs take virtual time."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from small_services import START, SYNC, TOKEN, Services, rows, services

from rollout.ports import Schedule, Table
from rollout.rehearsal.services.census import MockSync
from rollout.rehearsal.services.census_syncs import SyncProblem

RUN_KEYS = {
    *("id", "sync_id", "status", "canceled", "full_sync", "current_step", "source_record_count"),
    *("source_record_updates", "source_record_deletes", "source_record_invalids"),
    *("records_invalid", "records_processed", "records_updated", "records_failed", "created_at"),
    *("updated_at", "completed_at", "scheduled_execution_time", "error_code", "error_message"),
    *("error_detail", "sync_trigger_reason"),
}


@pytest.fixture
def stage() -> Iterator[Services]:
    with services() as made:
        yield made


def patched(stage: Services, **changes: Any) -> Any:
    answer = stage.call("PATCH", "/syncs/3394022", json=changes)
    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == "updated"
    return answer.json()["data"]


# ── authorization, envelopes, errors ───────────────────────────────────────────────────────────


def test_no_token_or_a_wrong_one_is_401(stage: Services) -> None:
    for headers in ({}, {"Authorization": "Bearer nothing"}, {"Authorization": "Basic eDp5"}):
        answer = stage.http.get("/api/v1/syncs", headers=headers)
        assert answer.status_code == 401
        assert answer.json() == {"status": 401}


def test_basic_authorization_with_the_user_bearer_works(stage: Services) -> None:
    word = base64.b64encode(f"bearer:{TOKEN}".encode()).decode()
    headers = {"Authorization": f"Basic {word}", "Content-Type": "application/json;version=2"}
    assert stage.http.get("/api/v1/workspace", headers=headers).json()["status"] == "success"


def test_both_versions_of_the_api_answer_alike(stage: Services) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    one, two = (stage.http.get(f"/api/v{n}/syncs/3394022", headers=headers) for n in (1, 2))
    assert one.json() == two.json()


def test_what_does_not_exist_is_404(stage: Services) -> None:
    for method, path in (
        ("GET", "/syncs/1"),
        ("PATCH", "/syncs/1"),
        ("POST", "/syncs/1/trigger"),
        ("GET", "/syncs/1/sync_runs"),
        ("GET", "/sync_runs/1"),
        ("POST", "/sync_runs/1/cancel"),
        ("GET", "/sync_runs/1/records"),
        ("GET", "/sources/1"),
        ("GET", "/destinations/1"),
        ("GET", "/datasets/1"),
        ("DELETE", "/syncs/3394022"),
        ("GET", "/nothing"),
    ):
        answer = stage.call(method, path)
        assert (answer.status_code, answer.json()) == (404, {"status": 404}), path


def test_the_connections_of_a_sync_can_be_looked_up(stage: Services) -> None:
    sync = stage.get("/syncs/3394022")
    source = stage.get(f"/sources/{sync['source_attributes']['connection_id']}")
    destination = stage.get(f"/destinations/{sync['destination_attributes']['connection_id']}")
    assert (source["type"], destination["type"]) == ("databricks", "salesforce")
    assert source["name"]
    assert stage.get("/sources") == [source]
    assert stage.get("/destinations") == [destination]
    assert stage.get("/workspace")["organization_id"]


def test_pages_go_newest_first_and_name_their_neighbours(stage: Services) -> None:
    ids = [stage.census.start_run(3394022, "Manual") for _ in range(7)]
    page = stage.call("GET", "/syncs/3394022/sync_runs", params={"per_page": 3, "page": 2}).json()
    assert [run["id"] for run in page["data"]] == ids[::-1][3:6]
    assert page["pagination"] == {
        "total_records": 7,
        "per_page": 3,
        "prev_page": 1,
        "page": 2,
        "next_page": 3,
        "last_page": 3,
    }
    assert page["next"].endswith("/api/v1/syncs/3394022/sync_runs?page=3&per_page=3")
    last = stage.call("GET", "/syncs/3394022/sync_runs", params={"per_page": 3, "page": 3}).json()
    assert [run["id"] for run in last["data"]] == ids[:1]
    assert last["next"] is None
    assert last["pagination"]["next_page"] is None


@pytest.mark.parametrize(
    ("asked", "given"),
    [({}, 25), ({"per_page": 400}, 100), ({"per_page": 0}, 25), ({"page": 0}, 25)],
)
def test_the_size_of_a_page_is_clamped(stage: Services, asked: dict[str, int], given: int) -> None:
    answer = stage.call("GET", "/syncs", params=asked).json()
    assert answer["pagination"]["per_page"] == given
    assert answer["pagination"]["page"] == 1
    assert answer["pagination"]["prev_page"] is None


def test_order_asc_turns_a_list_around(stage: Services) -> None:
    ids = [stage.census.start_run(3394022, "Manual") for _ in range(3)]
    shown = stage.get("/syncs/3394022/sync_runs", order="asc", per_page=2)
    assert [run["id"] for run in shown] == ids[:2]


def test_a_page_beyond_the_last_is_empty(stage: Services) -> None:
    assert stage.get("/syncs", page=9) == []


# ── the sync ──────────────────────────────────────────────────────────────────────────────────


def test_a_sync_shows_its_schedule_in_both_places(stage: Services) -> None:
    sync = patched(stage, schedule_frequency="daily", schedule_hour=6, schedule_minute=15)
    assert sync["mode"]["triggers"]["schedule"] == {
        "frequency": "daily",
        "day": None,
        "hour": 6,
        "minute": 15,
        "cron_expression": None,
    }
    schedule = {"frequency": "expression", "cron_expression": "5 4 * * 1"}
    sync = patched(stage, mode={"type": "triggered", "triggers": {"schedule": schedule}})
    assert (sync["schedule_frequency"], sync["cron_expression"]) == ("expression", "5 4 * * 1")
    assert (sync["schedule_hour"], sync["schedule_minute"], sync["schedule_day"]) == (
        4,
        5,
        "Monday",
    )


def test_a_nested_object_is_replaced_whole(stage: Services) -> None:
    patched(stage, schedule_frequency="hourly", schedule_minute=10)
    sync = patched(stage, mode={"type": "triggered", "triggers": {}})
    assert sync["schedule_frequency"] == "never"
    assert sync["schedule_minute"] is None


def test_mappings_are_numbered_and_make_the_next_run_a_full_one(stage: Services) -> None:
    stage.fill(*rows(2))
    assert stage.ran()["records_updated"] == 2
    mappings = [
        {
            "from": {"type": "column", "data": "uid"},
            "to": "Snappt_Property_ID__c",
            "is_primary_identifier": True,
        },
        {"from": {"type": "column", "data": "title"}, "to": "Name"},
    ]
    assert [m["position"] for m in patched(stage, mappings=mappings)["mappings"]] == [0, 1]
    run = stage.ran()
    assert (run["full_sync"], run["records_updated"]) == (True, 2)


@pytest.mark.parametrize(
    "wrong",
    [
        {"paused": "yes"},
        {"operation": "mirror"},
        {"nonsense": 1},
        {"schedule_frequency": "sometimes"},
        {"schedule_frequency": "daily", "schedule_hour": 25},
        {"schedule_frequency": "weekly", "schedule_day": "Sun"},
        {"schedule_frequency": "expression", "cron_expression": "* * *"},
        {"schedule_frequency": "expression", "cron_expression": "61 * * * *"},
        {"mode": "triggered"},
        {"mode": {"type": "triggered", "triggers": {"schedule": {"freq": "never"}}}},
        {"mappings": []},
        {"mappings": "none"},
        {"mappings": [{"to": "Name", "is_primary_identifier": True}]},
        {"mappings": [{"from": {"type": "column", "data": "uid"}, "is_primary_identifier": True}]},
        {"mappings": [{"from": {"type": "liquid_template", "data": "x"}, "to": "Name"}]},
        {"source_attributes": None},
        {"source_attributes": {"connection_id": 31, "object": {"type": "table", "id": 5}}},
        {"destination_attributes": []},
        {"triggers": 5},
    ],
)
def test_a_change_that_makes_no_sense_is_400_and_changes_nothing(
    stage: Services, wrong: dict[str, Any]
) -> None:
    before = stage.get("/syncs/3394022")
    answer = stage.call("PATCH", "/syncs/3394022", json=wrong)
    assert answer.status_code == 400
    assert answer.json()["status"] == "error"
    assert answer.json()["message"]
    assert stage.get("/syncs/3394022") == before


@pytest.mark.parametrize("body", [b"{", b"[1]", b"\xff"])
def test_a_body_that_is_no_object_is_400(stage: Services, body: bytes) -> None:
    assert stage.call("PATCH", "/syncs/3394022", content=body).status_code == 400
    assert stage.call("POST", "/syncs/3394022/trigger", content=body).status_code == 400


def test_validate_only_changes_nothing(stage: Services) -> None:
    assert patched(stage, paused=True, validate_only=True)["paused"] is True
    assert stage.get("/syncs/3394022")["paused"] is False


def test_a_sync_without_label_has_a_resource_identifier(stage: Services) -> None:
    sync = patched(stage, label=None)
    assert sync["label"] is None
    assert sync["resource_identifier"] == "sync:sync-a"


def test_a_dataset_shows_the_query_behind_its_name() -> None:
    setup = replace(SYNC, dataset="pilot_properties")
    with services(syncs={SYNC.id: setup}) as stage:
        origin = stage.get("/syncs/3394022")["source_attributes"]["object"]
        dataset = stage.get(f"/datasets/{origin['id']}")
        assert dataset["name"] == origin["name"] == "pilot_properties"
        assert "crm.sfdc_dbx.queue" in dataset["query"]
        assert stage.get("/datasets") == [dataset]
        stage.fill(*rows(3))
        assert stage.ran()["records_updated"] == 3


def test_a_sync_without_a_single_key_cannot_be_set_up() -> None:
    with pytest.raises(SyncProblem), services(syncs={1: replace(SYNC, key="Id")}):
        pass


# ── runs ──────────────────────────────────────────────────────────────────────────────────────


def test_a_run_goes_through_its_stages_and_its_counters_grow(stage: Services) -> None:
    stage.fill(*rows(240))
    run_id = stage.trigger()
    seen = []
    for _ in range(80):
        run = stage.get(f"/sync_runs/{run_id}")
        seen.append((run["status"], run["current_step"], run["records_processed"]))
        if run["completed_at"]:
            break
        stage.after(seconds=5)
    assert list(dict.fromkeys(status for status, _, _ in seen)) == [
        "queued",
        "working",
        "completed",
    ]
    assert list(dict.fromkeys(step for _, step, _ in seen)) == [
        None,
        "Checking source and destination configuration",
        "Unloading data from warehouse",
        "Loading data into destination service",
        "Committing data to destination service",
    ]
    counts = [count for _, _, count in seen if count is not None]
    assert counts == sorted(counts)
    assert len(set(counts)) >= 5
    assert counts[-1] == 240
    assert seen[0][2] is None
    assert run.keys() == RUN_KEYS
    assert run["sync_trigger_reason"]["ui_tag"] == "API"
    took = stage.clock.now() - START
    assert timedelta(seconds=340) <= took <= timedelta(seconds=345)  # 100 s and a second a row


def test_rows_land_in_salesforce_while_the_run_goes_on(stage: Services) -> None:
    stage.fill(*rows(200))
    stage.trigger()
    stage.after(seconds=60 + 100)
    assert 50 <= len(stage.names()) < 200
    stage.after(hours=1)
    assert len(stage.names()) == 200


@pytest.mark.parametrize(
    ("count", "rows_per_minute", "low", "high"),
    [(50, 55, 2, 3), (1031, 55, 19, 22), (50, 182, 1.5, 3), (7980, 182, 44, 47)],
)
def test_runs_take_as_long_as_the_domain_says(
    count: int, rows_per_minute: float, low: float, high: float
) -> None:
    setup = MockSync(
        id=SYNC.id,
        label="timed",
        operation="upsert",
        source=SYNC.source,
        mappings=SYNC.mappings,
        key=SYNC.key,
        rows_per_minute=rows_per_minute,
    )
    with services(syncs={SYNC.id: setup}) as stage:
        cursor = stage.world.warehouse_cursor()
        cursor.execute(
            "INSERT INTO crm.sfdc_dbx.queue SELECT 'uid-' || n, 'P ' || n, true "
            f"FROM range({count}) AS numbers(n)"
        ).fetchall()
        cursor.close()
        run = stage.ran()
        done = stage.census.runs[run["id"]].completed_at
        assert done is not None
        assert low * 60 <= (done - START).total_seconds() <= high * 60
        assert run["records_updated"] == count


def test_only_new_and_changed_rows_are_sent(stage: Services) -> None:
    stage.fill(*rows(4))
    assert stage.ran()["source_record_updates"] == 4
    stage.fill(*rows(3), ("uid-000003", "Renamed", False), ("uid-000009", "New", True))
    run = stage.ran()
    assert (run["source_record_count"], run["source_record_updates"]) == (5, 2)
    assert stage.names()["uid-000003"] == "Renamed"
    stage.fill(*rows(1))
    run = stage.ran()
    assert (run["source_record_updates"], run["source_record_deletes"]) == (0, 4)
    assert len(stage.names()) == 5  # an upsert sync deletes nothing


def test_a_row_that_left_the_source_and_came_back_is_sent_again(stage: Services) -> None:
    stage.fill(*rows(2))
    stage.ran()
    stage.fill(*rows(1))
    stage.ran()
    stage.fill(*rows(2))
    assert stage.ran()["source_record_updates"] == 1


@pytest.mark.parametrize("how", ["params", "json"])
def test_a_full_sync_sends_everything_again(stage: Services, how: str) -> None:
    stage.fill(*rows(3))
    stage.ran()
    run_id = stage.trigger(**{how: {"force_full_sync": True}})
    stage.after(hours=1)
    run = stage.get(f"/sync_runs/{run_id}")
    assert (run["full_sync"], run["records_processed"]) == (True, 3)


def test_a_sync_that_does_not_remember_sends_everything_each_time() -> None:
    with services(syncs={SYNC.id: replace(SYNC, remembers=False)}) as stage:
        stage.fill(*rows(3))
        assert [stage.ran()["records_processed"] for _ in range(2)] == [3, 3]


def test_empty_and_duplicate_keys_are_dropped_and_told_apart(stage: Services) -> None:
    stage.fill(
        (None, "a", True), ("", "b", True), ("uid-1", "c", True), ("uid-1", "d", True), *rows(2)
    )
    run = stage.ran()
    assert run["status"] == "completed"
    assert (run["source_record_count"], run["records_processed"]) == (6, 2)
    assert run["source_record_invalids"] == run["records_invalid"] == 4
    dropped = stage.get(f"/sync_runs/{run['id']}/records", status="invalid")
    assert sorted(record["status"] for record in dropped) == [
        "DUPLICATE",
        "DUPLICATE",
        "NULL",
        "NULL",
    ]
    assert {record["identifier"] for record in dropped} == {"", "uid-1"}
    assert "uid-1" not in stage.names()


def test_a_key_that_occurs_three_times_is_dropped_three_times(stage: Services) -> None:
    stage.fill(*[("uid-1", str(n), True) for n in range(3)])
    run = stage.ran()
    assert (run["records_invalid"], run["records_processed"]) == (3, 0)


def test_rejected_rows_leave_the_run_completed_and_are_tried_again(stage: Services) -> None:
    stage.fill(*rows(2), ("uid-bad", "", True))
    run = stage.ran()
    assert (run["status"], run["records_updated"], run["records_failed"]) == ("completed", 2, 1)
    (record,) = stage.get(f"/sync_runs/{run['id']}/records", status="rejected")
    assert record["identifier"] == "uid-bad"
    assert record["record_payload"] == {"uid": "uid-bad", "title": "", "idv": True}
    assert record["status_message"].startswith("REQUIRED_FIELD_MISSING")
    again = stage.ran()
    assert (again["source_record_updates"], again["records_failed"]) == (1, 1)
    stage.fill(*rows(2), ("uid-bad", "Good", True))
    assert stage.ran()["records_updated"] == 1


def test_records_can_be_filtered_and_counted(stage: Services) -> None:
    stage.fill(*rows(3), (None, "x", True))
    run = stage.ran()
    path = f"/sync_runs/{run['id']}"
    assert len(stage.get(f"{path}/records")) == 4
    assert len(stage.get(f"{path}/records", status="succeeded")) == 3
    assert stage.get(f"{path}/records_count", status="succeeded") == [{"record_count": 3}]
    one = stage.get(f"{path}/records", primary_identifier="uid-000001")
    assert [record["identifier"] for record in one] == ["uid-000001"]
    assert stage.get(f"{path}/records", operation="delete") == []
    assert stage.call("GET", f"{path}/records", params={"status": "odd"}).status_code == 400
    paged = stage.call("GET", f"{path}/records", params={"per_page": 3}).json()
    assert paged["pagination"]["last_page"] == 2


def test_records_are_gone_after_a_fortnight(stage: Services) -> None:
    stage.fill(*rows(1))
    run = stage.ran()
    stage.after(days=15)
    answer = stage.call("GET", f"/sync_runs/{run['id']}/records")
    assert answer.status_code == 410
    assert isinstance(answer.json()["status"], str)
    assert stage.call("GET", f"/sync_runs/{run['id']}/records_export").status_code == 404


def test_an_export_is_too_early_while_the_run_goes_on(stage: Services) -> None:
    run_id = stage.trigger()
    assert stage.call("GET", f"/sync_runs/{run_id}/records_export").status_code == 425
    stage.after(hours=1)
    assert stage.call("GET", f"/sync_runs/{run_id}/records_export").status_code == 400


def test_a_run_beside_another_one_is_skipped(stage: Services) -> None:
    first, second = stage.trigger(), stage.trigger()
    assert stage.get(f"/sync_runs/{second}")["status"] == "skipped"
    assert stage.get(f"/sync_runs/{second}")["completed_at"]
    stage.after(hours=1)
    assert stage.get(f"/sync_runs/{first}")["status"] == "completed"


def test_cancel_keeps_what_has_landed(stage: Services) -> None:
    stage.fill(*rows(200))
    run_id = stage.trigger()
    stage.after(seconds=60 + 120)
    answer = stage.call("POST", f"/sync_runs/{run_id}/cancel")
    assert answer.json() == {"status": "cancelled", "data": {}}
    landed = len(stage.names())
    assert 0 < landed < 200
    run = stage.get(f"/sync_runs/{run_id}")
    assert (run["status"], run["canceled"]) == ("completed", True)
    assert run["completed_at"]
    assert run["records_processed"] == landed
    stage.after(hours=1)
    assert len(stage.names()) == landed
    assert stage.ran()["records_processed"] == 200 - landed


def test_a_run_that_is_over_cannot_be_canceled(stage: Services) -> None:
    run = stage.ran()
    assert stage.call("POST", f"/sync_runs/{run['id']}/cancel").status_code == 400
    assert stage.get(f"/sync_runs/{run['id']}") == run


def test_a_paused_sync_cannot_be_triggered(stage: Services) -> None:
    patched(stage, paused=True)
    answer = stage.call("POST", "/syncs/3394022/trigger")
    assert (answer.status_code, answer.json()) == (
        400,
        {"status": "error", "message": "sync is paused"},
    )
    assert stage.get("/syncs/3394022/sync_runs") == []


def test_pausing_does_not_stop_a_run_that_goes_on(stage: Services) -> None:
    stage.fill(*rows(3))
    run_id = stage.trigger()
    patched(stage, paused=True)
    stage.after(hours=1)
    assert stage.get(f"/sync_runs/{run_id}")["records_updated"] == 3


def test_a_view_that_is_gone_fails_the_run(stage: Services) -> None:
    source = {
        "type": "table",
        "table_catalog": "crm",
        "table_schema": "sfdc_dbx",
        "table_name": "gone",
    }
    patched(stage, source_attributes={"connection_id": 31, "object": source})
    run = stage.ran()
    assert (run["status"], run["error_code"]) == ("failed", "SOURCE_QUERY_FAILED")
    assert "gone" in run["error_message"]
    assert run["records_processed"] is None
    assert stage.get("/syncs/3394022")["status"] == "Failing"


def test_a_column_that_is_gone_fails_the_run(stage: Services) -> None:
    mappings = [
        {
            "from": {"type": "column", "data": "identity"},
            "to": "Snappt_Property_ID__c",
            "is_primary_identifier": True,
        }
    ]
    patched(stage, mappings=mappings)
    run = stage.ran()
    assert (run["status"], run["error_code"]) == ("failed", "SOURCE_COLUMN_MISSING")


def test_update_does_not_create_and_insert_does_not_update() -> None:
    for operation, wanted in (
        ("update", {"uid-000000": "New"}),
        ("insert", {"uid-000000": "Old", "uid-000001": "New"}),
    ):
        with services(syncs={SYNC.id: replace(SYNC, operation="upsert")}) as stage:
            stage.fill(("uid-000000", "Old", True))
            stage.ran()
            patched(stage, operation=operation)
            stage.fill(("uid-000000", "New", True), ("uid-000001", "New", True))
            assert stage.ran()["records_failed"] == 1
            assert stage.names() == wanted


# ── schedules ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("schedule", "wanted"),
    [
        ({"schedule_frequency": "quarter_hourly"}, ["18:15", "18:30", "18:45", "19:00"]),
        ({"schedule_frequency": "hourly", "schedule_minute": 20}, ["18:20", "19:20"]),
        (
            {"schedule_frequency": "expression", "cron_expression": "*/30 * * * *"},
            ["18:30", "19:00"],
        ),
        ({"schedule_frequency": "daily", "schedule_hour": 19, "schedule_minute": 5}, ["19:05"]),
        (
            {"schedule_frequency": "weekly", "schedule_day": "Tuesday", "schedule_hour": 20},
            ["20:00"],
        ),
        ({"schedule_frequency": "never"}, []),
    ],
)
def test_a_sync_runs_on_its_schedule(
    stage: Services, schedule: dict[str, Any], wanted: list[str]
) -> None:
    patched(stage, **schedule)
    stage.after(hours=24)
    runs = stage.get("/syncs/3394022/sync_runs", order="asc", per_page=100)
    assert [run["scheduled_execution_time"][11:16] for run in runs][: len(wanted)] == wanted
    assert bool(runs) is bool(wanted)
    assert all(run["sync_trigger_reason"]["ui_tag"] == "Schedule" for run in runs)


def test_continuous_runs_follow_each_other_without_skips(stage: Services) -> None:
    patched(stage, schedule_frequency="continuous")
    stage.after(minutes=11)
    runs = stage.get("/syncs/3394022/sync_runs")
    assert len(runs) >= 5
    assert "skipped" not in {run["status"] for run in runs}


def test_a_paused_schedule_starts_nothing_and_goes_on_from_the_resumption(stage: Services) -> None:
    patched(stage, schedule_frequency="quarter_hourly", paused=True)
    assert stage.census.next_event_at() is None
    stage.after(hours=2)
    assert stage.get("/syncs/3394022/sync_runs") == []
    patched(stage, paused=False)
    stage.after(minutes=20)
    assert len(stage.get("/syncs/3394022/sync_runs")) == 1


def test_a_scheduled_run_beside_a_manual_one_is_skipped() -> None:
    slow = replace(SYNC, schedule=Schedule("quarter_hourly"), rows_per_minute=5)
    with services(syncs={SYNC.id: slow}) as stage:
        stage.fill(*rows(100))
        stage.trigger()
        stage.after(minutes=16)
        runs = stage.get("/syncs/3394022/sync_runs")
        assert [run["status"] for run in runs] == ["skipped", "working"]


def test_a_run_that_ends_when_the_next_is_due_does_not_make_it_skip() -> None:
    setup = replace(SYNC, schedule=Schedule("quarter_hourly"), overhead_s=900)
    with services(syncs={SYNC.id: setup}) as stage:
        stage.after(minutes=61)
        statuses = [run["status"] for run in stage.get("/syncs/3394022/sync_runs")]
        assert "skipped" not in statuses
        assert len(statuses) == 4


def test_next_event_names_the_moment_at_which_something_changes(stage: Services) -> None:
    assert stage.census.next_event_at() is None
    stage.fill(*rows(10))
    run_id = stage.trigger()
    before = stage.get(f"/sync_runs/{run_id}")
    while (due := stage.census.next_event_at()) is not None:
        stage.clock.advance_to(due)
        after = stage.get(f"/sync_runs/{run_id}")
        assert after != before
        before = after
    assert before["status"] == "completed"


def test_a_foreign_run_carries_its_tag(stage: Services) -> None:
    run_id = stage.census.start_run(3394022, "Manual")
    assert stage.get(f"/sync_runs/{run_id}")["sync_trigger_reason"]["ui_tag"] == "Manual"
    with pytest.raises(KeyError):
        stage.census.start_run(1, "Manual")


def test_time_that_jumps_over_everything_still_ends_the_run(stage: Services) -> None:
    stage.fill(*rows(120))
    run_id = stage.trigger()
    stage.clock.advance_to(START + timedelta(hours=5))
    run = stage.get(f"/sync_runs/{run_id}")
    assert (run["status"], run["records_updated"]) == ("completed", 120)
    assert run["completed_at"] < "2026-01-06T18:10"


def test_census_spends_salesforce_requests(stage: Services) -> None:
    stage.fill(*rows(120))
    stage.ran()
    assert stage.salesforce.api_used == 3  # batches of 50, one call each


def test_the_same_seed_gives_the_same_ids() -> None:
    seen = []
    for _ in range(2):
        with services() as stage:
            seen.append([stage.census.start_run(3394022, "Manual") for _ in range(5)])
    assert seen[0] == seen[1]
    assert seen[0] == sorted(set(seen[0]))


def test_a_thousand_scheduled_runs_that_find_nothing_cost_less_than_a_second() -> None:
    other = replace(SYNC, id=3394041, label="B", schedule=Schedule("expression", "*/30 * * * *"))
    both = {SYNC.id: replace(SYNC, schedule=Schedule("quarter_hourly")), other.id: other}
    with services(syncs=both) as stage:
        began = time.process_time()
        stage.after(days=7)
        took = time.process_time() - began
        assert len(stage.census.runs) == 7 * 24 * 6
        assert {run.status for run in stage.census.runs.values()} <= {"completed", "queued"}
        assert took < 1, f"{took:.2f} s"


def test_a_source_that_has_not_changed_is_read_only_once() -> None:
    with services(syncs={SYNC.id: replace(SYNC, remembers=False)}) as stage:
        stage.fill(*rows(2))
        read = stage.world.read_source
        relations: list[str] = []

        def counting(relation: str) -> Table:
            relations.append(relation)
            return read(relation)

        stage.world.read_source = counting  # type: ignore[method-assign]  # a spy on a real world
        stage.ran()
        first = len(relations)
        stage.after(minutes=30)
        stage.ran()
        stage.after(minutes=30)  # the copy of what the last run touched
        assert (first, len(relations)) == (1, 2)
        stage.fill(*rows(3))
        assert stage.ran()["records_processed"] == 3
        assert len(relations) == 3
