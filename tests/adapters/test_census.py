from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from rollout.adapters.census import CensusSyncService, census_base_url, census_judge
from rollout.adapters.http import HttpClient
from rollout.domain.effects import Answer, No, Unknown, Yes
from rollout.domain.errors import (
    PlanProblems,
    ServiceError,
    ServiceGarbled,
    ServiceRefused,
    ServiceUnreachable,
)
from rollout.ports import RejectedRecord, Schedule, SyncRun

TOKEN = "secret-token:CanaryCanaryCanary42"
Reply = httpx.Response | Exception
Handler = Callable[[httpx.Request], Reply]

RUN: dict[str, Any] = {
    "id": 990001,
    "sync_id": 7101,
    "status": "completed",
    "canceled": False,
    "full_sync": False,
    "current_step": None,
    "source_record_count": 1200,
    "source_record_updates": 58,
    "source_record_deletes": 2,
    "source_record_invalids": 1,
    "records_invalid": 1,
    "records_processed": 60,
    "records_updated": 57,
    "records_failed": 3,
    "created_at": "2026-02-03T06:15:00.000Z",
    "updated_at": "2026-02-03T06:16:40.000Z",
    "completed_at": "2026-02-03T06:16:40.000Z",
    "error_code": None,
    "error_message": None,
    "error_detail": None,
    "sync_trigger_reason": {"ui_tag": "Manual", "ui_detail": "Manually triggered"},
    "a_field_of_tomorrow": {"x": 1},
}
SYNC: dict[str, Any] = {
    "id": 7101,
    "label": "Accounts to CRM",
    "status": "ready",
    "operation": "upsert",
    "paused": False,
    "resource_identifier": "sync:accounts-to-crm",
    "source_attributes": {
        "connection_id": 31,
        "object": {
            "type": "table",
            "id": 5,
            "table_catalog": "prod",
            "table_schema": "crm",
            "table_name": "accounts",
        },
    },
    "destination_attributes": {"connection_id": 44, "object": "Account"},
    "mappings": [
        {
            "from": {"type": "column", "data": "ACCOUNT_UID"},
            "to": "External_Id__c",
            "is_primary_identifier": True,
        },
        {"from": {"type": "column", "data": "OWNER"}, "to": "OwnerId"},
        {"from": {"type": "column", "data": "OWNER"}, "to": "Seller__c"},
        {
            "from": {"type": "constant_value", "data": {"value": "dbx", "basic_type": "text"}},
            "to": "Origin__c",
        },
        {"from": {"type": "sync_metadata", "data": "sync_run_id"}, "to": "Run__c"},
    ],
    "mode": {
        "type": "triggered",
        "triggers": {
            "schedule": {
                "frequency": "weekly",
                "day": "Sunday",
                "hour": 6,
                "minute": 15,
                "cron_expression": None,
            },
            "dbt_cloud": {"project_id": "1", "job_id": "2"},
            "fivetran": None,
        },
    },
}


def census(handler: Handler, api: Any = "v1", region: str = "us") -> CensusSyncService:
    def respond(request: httpx.Request) -> httpx.Response:
        reply = handler(request)
        if isinstance(reply, Exception):
            raise reply
        return reply

    client = HttpClient(
        census_base_url(region, api),
        service="census",
        token=TOKEN,
        transport=httpx.MockTransport(respond),
        judge=census_judge,
    )
    return CensusSyncService(client, api=api)


def said(data: Any, status: Any = "success", **more: Any) -> httpx.Response:
    return httpx.Response(200, json={"status": status, "data": data, **more})


def in_turn(*replies: Reply) -> tuple[Handler, list[httpx.Request]]:
    """Answers one after another; keeps the requests."""
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> Reply:
        seen.append(request)
        return replies[len(seen) - 1]

    return handler, seen


def run_with(**changes: Any) -> SyncRun:
    return census(lambda _: said({**RUN, **changes})).run(RUN["id"])


def sync_with(**changes: Any) -> Any:
    return census(lambda _: said({**SYNC, **changes})).sync(7101)


# ---- hosts and tokens


@pytest.mark.parametrize(
    ("region", "api", "url"),
    [
        ("us", "v1", "https://app.getcensus.com/api/v1/sync_runs/990001"),
        ("eu", "v1", "https://app-eu.getcensus.com/api/v1/sync_runs/990001"),
        ("us", "v2", "https://app.getcensus.com/api/v2/sync_runs/990001"),
        ("eu", "v2", "https://app-eu.getcensus.com/api/v2/sync_runs/990001"),
    ],
)
def test_region_and_version_choose_host_and_prefix(region: str, api: str, url: str) -> None:
    handler, seen = in_turn(said(RUN))
    census(handler, api, region).run(990001)
    assert str(seen[0].url) == url
    assert seen[0].headers["authorization"] == f"Bearer {TOKEN}"


def test_an_unknown_region_and_version_are_both_named() -> None:
    with pytest.raises(PlanProblems) as caught:
        census_base_url("mars", "v9")
    assert len(caught.value.problems) == 2


def test_whoami_shows_the_workspace_of_the_token() -> None:
    service = census(lambda _: said({"id": 3, "name": "Production", "nested": {"x": 1}}))
    who = service.whoami()
    assert who == {"api": "v1", "host": "app.getcensus.com", "id": 3, "name": "Production"}


def test_whoami_of_version_2_counts_the_syncs_it_can_see() -> None:
    handler, seen = in_turn(said([], pagination={"total_records": 41}))
    assert census(handler, "v2").whoami()["syncs"] == 41
    assert seen[0].url.path == "/api/v2/syncs"


# ---- runs


def test_a_run_is_read_whole() -> None:
    assert run_with() == SyncRun(
        id=990001,
        sync_id=7101,
        status="completed",
        created_at=datetime(2026, 2, 3, 6, 15, tzinfo=UTC),
        completed_at=datetime(2026, 2, 3, 6, 16, 40, tzinfo=UTC),
        trigger="Manual",
        full_sync=False,
        source_rows=1200,
        processed=60,
        accepted=57,
        failed=3,
        invalid=1,
    )


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"status": "queued", "completed_at": None}, "queued"),
        ({"status": "skipped"}, "skipped"),
        ({"status": "Completed"}, "completed"),
        ({"status": "completed", "canceled": True}, "canceled"),
        ({"status": "failed", "canceled": True}, "canceled"),
        ({"status": "cancelled"}, "canceled"),
        ({"status": "Canceled"}, "canceled"),
        ({"status": "working", "canceled": True}, "canceled"),
        ({"status": "working", "canceled": True, "completed_at": None}, "working"),
        ({"status": "Reticulating", "completed_at": None}, "Reticulating"),
        ({"status": "retrying", "completed_at": None}, "retrying"),
        ({"status": "completed", "canceled": None}, "completed"),
    ],
)
def test_statuses_are_folded_and_unknown_ones_kept(fields: dict[str, Any], status: str) -> None:
    assert run_with(**fields).status == status


def test_counters_that_are_not_known_yet_are_none_and_not_zero() -> None:
    names = [name for name in RUN if name.startswith(("records_", "source_record"))]
    run = run_with(**dict.fromkeys(names), status="working", completed_at=None)
    assert {run.source_rows, run.processed, run.accepted, run.failed, run.invalid} == {None}
    assert not run.is_over


def test_absent_counters_are_none_too() -> None:
    least = {key: RUN[key] for key in ("id", "sync_id", "status", "created_at")}
    run = census(lambda _: said(least)).run(990001)
    assert (run.processed, run.trigger, run.completed_at) == (None, None, None)


def test_invalid_rows_are_read_from_either_field_and_zero_counts() -> None:
    assert run_with(records_invalid=None, source_record_invalids=7).invalid == 7
    assert run_with(records_invalid=0, source_record_invalids=7).invalid == 0


def test_a_failed_run_says_why_and_repeats_no_secret() -> None:
    run = run_with(status="failed", error_code="AUTH", error_message=f"rejected {TOKEN}")
    assert run.error == "AUTH: rejected [redacted]"


def test_instants_with_any_offset_become_utc() -> None:
    run = run_with(created_at="2026-02-02T22:15:00-08:00")
    assert run.created_at.isoformat() == "2026-02-03T06:15:00+00:00"


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "990001"},
        {"id": None},
        {"id": True},
        {"id": 990002},
        {"sync_id": 7101.0},
        {"status": 3},
        {"status": None},
        {"canceled": "true"},
        {"records_processed": "60"},
        {"records_failed": True},
        {"records_failed": -1},
        {"records_updated": 57.5},
        {"created_at": None},
        {"created_at": "yesterday"},
        {"created_at": "2026-02-03T06:15:00"},
        {"created_at": 1738563300},
        {"completed_at": 0},
        {"sync_trigger_reason": "Manual"},
        {"full_sync": 1},
    ],
    ids=repr,
)
def test_a_run_with_a_wrong_type_is_garbled(changes: dict[str, Any]) -> None:
    with pytest.raises(ServiceGarbled, match="census: run 990001"):
        run_with(**changes)


@pytest.mark.parametrize("body", [[], None, "text", {"status": "success"}, {"data": []}, 7])
def test_an_envelope_without_data_is_garbled(body: Any) -> None:
    with pytest.raises(ServiceGarbled):
        census(lambda _: httpx.Response(200, json=body)).run(990001)


@pytest.mark.parametrize(
    ("status", "http_status"), [("error", None), ("not_found", 404), (404, 404), (403, 403)]
)
def test_an_error_envelope_with_http_200_is_a_refusal(status: Any, http_status: int) -> None:
    body = {"status": status, "message": f"no, {TOKEN}"}
    with pytest.raises(ServiceRefused) as caught:
        census(lambda _: httpx.Response(200, json=body)).run(990001)
    assert caught.value.status == http_status
    assert "Canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (httpx.Response(401, json={"status": 401}), ServiceRefused),
        (httpx.Response(403, json={"status": 403, "message": "no plan"}), ServiceRefused),
        (httpx.Response(404, json={"status": 404}), ServiceRefused),
        (httpx.Response(429), ServiceUnreachable),
        (httpx.Response(500), ServiceUnreachable),
        (httpx.Response(502, text="<html>"), ServiceUnreachable),
        (httpx.Response(302, headers={"location": "/login"}), ServiceRefused),
        (httpx.Response(200, text="<html>Sign in</html>"), ServiceGarbled),
        (httpx.Response(200, text='{"status":"success","da'), ServiceGarbled),
        (httpx.ReadTimeout("late"), ServiceUnreachable),
        (httpx.ConnectError("refused"), ServiceUnreachable),
        (httpx.ReadError("reset"), ServiceUnreachable),
    ],
    ids=str,
)
def test_every_way_a_read_can_fail_is_a_service_error(
    reply: Reply, error: type[ServiceError]
) -> None:
    service = census(lambda _: reply)
    for read in (
        lambda: service.run(1),
        lambda: service.sync(1),
        lambda: service.runs(1),
        lambda: service.rejected(1),
        service.whoami,
        service.syncs,
    ):
        with pytest.raises(error):
            read()


# ---- lists of runs


def listing(pages: Mapping[int, list[int]], last: int) -> tuple[Handler, list[int]]:
    """Runs by page number; the run id tells the minute it was created."""
    asked: list[int] = []

    def handler(request: httpx.Request) -> httpx.Response:
        page = int(request.url.params["page"])
        asked.append(page)
        items = [
            {**RUN, "id": n, "created_at": f"2026-02-03T{n // 60:02}:{n % 60:02}:00Z"}
            for n in pages[page]
        ]
        return said(
            items, pagination={"page": page, "next_page": page + 1 if page < last else None}
        )

    return handler, asked


def ids_of(runs: list[SyncRun]) -> list[int]:
    return [run.id for run in runs]


def test_runs_of_all_pages_come_newest_first() -> None:
    handler, asked = listing({1: [90, 80], 2: [70, 60], 3: [50]}, 3)
    assert ids_of(census(handler).runs(7101)) == [90, 80, 70, 60, 50]
    assert asked == [1, 2, 3]


def test_pages_that_shift_while_they_are_read_lose_and_double_nothing() -> None:
    # Two new runs arrived after page 1 was read: 80 and 70 moved to page 2.
    handler, _ = listing({1: [90, 80, 70], 2: [80, 70, 60], 3: [50]}, 3)
    assert ids_of(census(handler).runs(7101)) == [90, 80, 70, 60, 50]


def test_listing_stops_at_the_watermark_which_is_not_part_of_it() -> None:
    handler, asked = listing({1: [90, 80], 2: [70, 60], 3: [50]}, 3)
    assert ids_of(census(handler).runs(7101, above=70)) == [90, 80]
    assert asked == [1, 2]


def test_a_run_out_of_order_on_the_last_page_read_is_not_lost() -> None:
    handler, _ = listing({1: [80, 60, 90], 2: [50]}, 2)
    assert ids_of(census(handler).runs(7101, above=70)) == [90, 80]


def test_listing_stops_at_an_instant_which_is_part_of_it() -> None:
    handler, asked = listing({1: [90, 80], 2: [70, 60], 3: [50]}, 3)
    since = datetime(2026, 2, 3, tzinfo=UTC) + timedelta(minutes=70)
    assert ids_of(census(handler).runs(7101, since=since)) == [90, 80, 70]
    assert asked == [1, 2]


def test_listing_stops_at_the_limit() -> None:
    handler, asked = listing({1: [90, 80], 2: [70, 60], 3: [50]}, 3)
    assert ids_of(census(handler).runs(7101, limit=3)) == [90, 80, 70]
    assert asked == [1, 2]
    assert census(handler).runs(7101, limit=0) == []


def test_a_server_that_repeats_a_page_for_ever_is_left() -> None:
    handler, asked = listing({page: [90, 80] for page in range(1, 99)}, 99)
    assert ids_of(census(handler).runs(7101)) == [90, 80]
    assert asked == [1, 2]


def test_a_next_page_that_goes_back_is_garbled() -> None:
    service = census(lambda _: said([RUN], pagination={"page": 1, "next_page": 1}))
    with pytest.raises(ServiceGarbled, match="page 1 is followed by 1"):
        service.runs(7101)


def test_a_run_of_another_sync_in_the_list_is_garbled() -> None:
    service = census(lambda _: said([{**RUN, "sync_id": 1}], pagination={"next_page": None}))
    with pytest.raises(ServiceGarbled, match="another sync"):
        service.runs(7101)


def test_the_list_asks_for_pages_in_the_documented_way() -> None:
    handler, seen = in_turn(said([RUN], pagination={"next_page": None}))
    census(handler).runs(7101, limit=500)
    assert dict(seen[0].url.params) == {"per_page": "100", "order": "desc", "page": "1"}


def test_all_syncs_are_listed_once() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        page = int(request.url.params["page"])
        items = [{**SYNC, "id": page}, {**SYNC, "id": page + 1}]
        return said(items, pagination={"next_page": page + 1 if page < 3 else None})

    assert [sync.id for sync in census(handler).syncs()] == [1, 2, 3, 4]
    assert [sync.id for sync in census(handler).syncs(limit=3)] == [1, 2, 3]


# ---- rejected records


def record(number: int, status: str) -> dict[str, Any]:
    return {"identifier": f"acc-{number}", "status": status, "status_message": f"bad {number}"}


def test_rejected_and_invalid_records_are_read_page_by_page_without_pagination() -> None:
    asked: list[tuple[str, str]] = []

    def handler(request: httpx.Request) -> httpx.Response:
        status, page = request.url.params["status"], request.url.params["page"]
        asked.append((status, page))
        count = {("rejected", "1"): 100, ("rejected", "2"): 3, ("invalid", "1"): 1}[status, page]
        word = "NULL" if status == "invalid" else status
        return said([record(n, word) for n in range(count)])

    records = census(handler).rejected(990001, limit=500)
    assert len(records) == 104
    assert records[0] == RejectedRecord("acc-0", "rejected", "bad 0")
    assert records[-1].status == "NULL"
    assert asked == [("rejected", "1"), ("rejected", "2"), ("invalid", "1")]
    assert len(census(handler).rejected(990001)) == 100


def test_a_record_without_key_or_reason_is_still_a_record() -> None:
    handler, _ = in_turn(said([]), said([{"identifier": None, "status": "NULL"}]))
    assert census(handler).rejected(1) == [RejectedRecord("", "NULL", "")]


def test_a_reason_is_masked_and_on_one_line() -> None:
    bad = {"identifier": 17, "status": "rejected", "status_message": f"x\r\n\x1b[1m{TOKEN}"}
    handler, _ = in_turn(said([bad]), said([]))
    assert census(handler).rejected(1) == [RejectedRecord("17", "rejected", "x [redacted]")]


def test_records_that_are_no_longer_kept_say_so() -> None:
    with pytest.raises(ServiceRefused, match="kept for 14 days") as caught:
        census(lambda _: httpx.Response(410, json={"status": "gone"})).rejected(1)
    assert caught.value.status == 410


# ---- trigger and cancel


def test_a_trigger_is_one_post_without_a_body_and_answers_the_run() -> None:
    handler, seen = in_turn(said({"sync_run_id": 990001}))
    assert census(handler).trigger(7101) == Yes(990001)
    assert (seen[0].method, seen[0].content) == ("POST", b"")
    assert seen[0].url.raw_path == b"/api/v1/syncs/7101/trigger?force_full_sync=false"


EFFECTS: dict[str, Callable[[CensusSyncService], Answer[Any]]] = {
    "trigger": lambda service: service.trigger(7101),
    "cancel": lambda service: service.cancel(990001),
}
NOT_DONE: dict[str, Reply] = {
    "400": httpx.Response(400, json={"status": "error", "message": "sync is paused"}),
    "401": httpx.Response(401, json={"status": 401}),
    "404": httpx.Response(404, json={"status": 404}),
    "error with 200": httpx.Response(200, json={"status": "error", "message": "cannot"}),
    "404 with 200": httpx.Response(200, json={"status": 404}),
    "429": httpx.Response(429, headers={"retry-after": "3600"}),
    "refused": httpx.ConnectError("refused"),
    "no TLS": httpx.ConnectError("[SSL] wrong version"),
    "connect time-out": httpx.ConnectTimeout("late"),
}
PERHAPS_DONE: dict[str, Reply] = {
    "500": httpx.Response(500),
    "502 page": httpx.Response(502, text="<html>"),
    "503 json": httpx.Response(503, json={"status": "error", "message": "later"}),
    "504": httpx.Response(504),
    "read time-out": httpx.ReadTimeout("late"),
    "write time-out": httpx.WriteTimeout("late"),
    "reset": httpx.ReadError("reset"),
    "hung up": httpx.RemoteProtocolError("Server disconnected"),
    "html with 200": httpx.Response(200, text="<html>Sign in</html>"),
    "cut json": httpx.Response(200, text='{"status": "success", "data": {"sync_r'),
    "list": httpx.Response(200, json=[]),
    "empty": httpx.Response(200),
    "text": httpx.Response(200, json="ok"),
}


@pytest.mark.parametrize("effect", EFFECTS)
@pytest.mark.parametrize("name", NOT_DONE)
def test_what_certainly_did_not_happen_is_no(effect: str, name: str) -> None:
    handler, seen = in_turn(NOT_DONE[name])
    answer = EFFECTS[effect](census(handler))
    assert isinstance(answer, No)
    repeatable = name in ("429", "refused", "no TLS", "connect time-out")
    assert (answer.retry_after_s is not None) is repeatable
    assert len(seen) == 1


@pytest.mark.parametrize("effect", EFFECTS)
@pytest.mark.parametrize("name", PERHAPS_DONE)
def test_what_may_have_happened_is_unknown_and_never_sent_again(effect: str, name: str) -> None:
    handler, seen = in_turn(PERHAPS_DONE[name])
    answer = EFFECTS[effect](census(handler))
    assert isinstance(answer, Unknown)
    assert answer.reason
    assert len(seen) == 1


@pytest.mark.parametrize("data", [{}, {"sync_run_id": "990001"}, {"sync_run_id": None}, [], None])
def test_a_trigger_answered_without_a_run_id_is_unknown(data: Any) -> None:
    assert isinstance(census(lambda _: said(data)).trigger(7101), Unknown)


def test_a_cancel_is_accepted() -> None:
    handler, seen = in_turn(said({}, "cancelled"))
    assert isinstance(census(handler).cancel(990001), Yes)
    assert seen[0].url.path == "/api/v1/sync_runs/990001/cancel"


def test_a_token_in_a_refusal_is_masked() -> None:
    body = {"status": "error", "message": f"Bearer {TOKEN}"}
    for status in (200, 400, 500):
        answer = census(lambda _, s=status: httpx.Response(s, json=body)).trigger(1)  # type: ignore[misc]
        assert isinstance(answer, No | Unknown)
        assert "Canary" not in answer.reason


# ---- settings


def test_a_sync_is_read_whole() -> None:
    sync = sync_with()
    assert (sync.id, sync.label, sync.operation) == (7101, "Accounts to CRM", "upsert")
    assert (sync.source, sync.target, sync.key) == (
        "prod.crm.accounts",
        "Account",
        "External_Id__c",
    )
    assert sync.mappings == {
        "ACCOUNT_UID": "External_Id__c",
        "OWNER": "OwnerId",
        "OWNER -> Seller__c": "Seller__c",
        'constant_value:{"basic_type": "text", "value": "dbx"}': "Origin__c",
        "sync_metadata:sync_run_id": "Run__c",
    }
    assert sync.schedule == Schedule("weekly", hour=6, minute=15, day="Sunday")
    assert sync.paused is False
    assert sync.source_detail["connection_id"] == 31
    assert sync.source_detail["other_triggers"] == {"dbt_cloud": {"project_id": "1", "job_id": "2"}}


@pytest.mark.parametrize(
    ("label", "identifier", "shown"),
    [(None, "sync:x", "sync:x"), ("", "sync:x", "sync:x"), (None, None, "sync 7101")],
)
def test_a_sync_without_a_label_is_still_named(
    label: str | None, identifier: str | None, shown: str
) -> None:
    assert sync_with(label=label, resource_identifier=identifier).label == shown


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ({"type": "table", "table_schema": "s", "table_name": "t"}, "s.t"),
        ({"type": "table", "id": 5}, "table:5"),
        ({"type": "model", "id": 8, "name": "queue"}, "model:queue"),
        ({"type": "model", "id": 8}, "model:8"),
        ({"type": "segment", "id": 4, "dataset_id": 9}, "segment:4"),
        ({"type": "topic"}, "topic:?"),
    ],
)
def test_other_sources_are_named_by_type(source: dict[str, Any], name: str) -> None:
    assert sync_with(source_attributes={"object": source}).source == name


def test_a_dataset_is_shown_with_the_query_it_really_runs() -> None:
    source = {"connection_id": 31, "object": {"type": "dataset", "id": 9}}
    handler, seen = in_turn(
        said({**SYNC, "source_attributes": source}),
        said({"id": 9, "name": "pilot_50", "query": "SELECT * FROM crm.sfdc.everything"}),
    )
    sync = census(handler).sync(7101)
    assert sync.source == "dataset:9"
    assert sync.source_detail["name"] == "pilot_50"
    assert sync.source_detail["query"] == "SELECT * FROM crm.sfdc.everything"
    assert seen[1].url.path == "/api/v1/datasets/9"


def test_a_query_that_may_not_be_read_is_not_made_up() -> None:
    source = {"connection_id": 31, "object": {"type": "model", "id": 8, "name": "m"}}
    handler, seen = in_turn(
        said({**SYNC, "source_attributes": source}), httpx.Response(403, json={"status": 403})
    )
    detail = census(handler).sync(7101).source_detail
    assert detail["query"] is None
    assert "403" in detail["query_problem"]
    assert seen[1].url.path == "/api/v1/sources/31/models/8"


@pytest.mark.parametrize(
    ("changes", "schedule"),
    [
        ({"mode": {"type": "triggered", "triggers": {}}}, Schedule("never")),
        ({"mode": {"type": "triggered", "triggers": {"schedule": None}}}, Schedule("never")),
        ({"mode": {"type": "live"}}, Schedule("continuous")),
        ({"mode": None}, Schedule("never")),
        (
            {"mode": None, "schedule_frequency": "daily", "schedule_hour": 6, "schedule_minute": 0},
            Schedule("daily", hour=6, minute=0),
        ),
        (
            {"mode": None, "schedule_frequency": "expression", "cron_expression": "0 3 * * 1"},
            Schedule("expression", cron="0 3 * * 1"),
        ),
    ],
    ids=repr,
)
def test_schedules_are_read_in_both_forms(changes: dict[str, Any], schedule: Schedule) -> None:
    assert sync_with(**changes).schedule == schedule


@pytest.mark.parametrize(
    "changes",
    [
        {"id": 7102},
        {"paused": None},
        {"paused": "false"},
        {"operation": None},
        {"mappings": None},
        {"mappings": [{"to": "X"}]},
        {"mappings": [{"from": {"type": "column", "data": 3}, "to": "X"}]},
        {"destination_attributes": {}},
        {"source_attributes": {"object": None}},
        {"source_attributes": None},
        {"mode": "live"},
        {"mode": {"triggers": {"schedule": {"frequency": 1}}}},
    ],
    ids=repr,
)
def test_a_sync_with_a_wrong_type_is_garbled(changes: dict[str, Any]) -> None:
    with pytest.raises(ServiceGarbled):
        sync_with(**changes)


def test_pausing_is_confirmed_by_looking() -> None:
    handler, seen = in_turn(said(SYNC, "updated"), said({**SYNC, "paused": True}))
    assert census(handler).set_paused(7101, True) == Yes(None, "read back: paused")
    assert (seen[0].method, json.loads(seen[0].content)) == ("PATCH", {"paused": True})
    assert seen[1].method == "GET"


def test_resuming_sends_false_instead_of_nothing() -> None:
    handler, seen = in_turn(said(SYNC, "updated"), said(SYNC))
    assert isinstance(census(handler).set_paused(7101, False), Yes)
    assert json.loads(seen[0].content) == {"paused": False}


def test_a_pause_answered_200_without_effect_is_no() -> None:
    handler, _ = in_turn(said({**SYNC, "paused": True}, "updated"), said(SYNC))
    answer = census(handler).set_paused(7101, True)
    assert isinstance(answer, No)
    assert "still not paused" in answer.reason
    assert answer.retry_after_s is not None


def test_a_pause_that_cannot_be_read_back_is_unknown() -> None:
    handler, _ = in_turn(said(SYNC, "updated"), httpx.Response(500))
    answer = census(handler).set_paused(7101, True)
    assert isinstance(answer, Unknown)
    assert "could not be read back" in answer.reason


@pytest.mark.parametrize("name", ["500", "read time-out", "html with 200", "reset"])
def test_a_pause_whose_answer_was_lost_is_settled_by_looking(name: str) -> None:
    handler, _ = in_turn(PERHAPS_DONE[name], said({**SYNC, "paused": True}))
    assert isinstance(census(handler).set_paused(7101, True), Yes)
    handler, _ = in_turn(PERHAPS_DONE[name], said(SYNC))
    assert isinstance(census(handler).set_paused(7101, True), Unknown)


@pytest.mark.parametrize("name", NOT_DONE)
def test_a_pause_that_was_declined_is_no_without_looking(name: str) -> None:
    handler, seen = in_turn(NOT_DONE[name])
    assert isinstance(census(handler).set_paused(7101, True), No)
    assert len(seen) == 1


def test_setting_a_schedule_keeps_the_other_triggers() -> None:
    schedule = {"frequency": "daily", "day": None, "hour": 6, "minute": 15, "cron_expression": None}
    mode = {"type": "triggered", "triggers": {"dbt_cloud": {"project_id": "1", "job_id": "2"}}}
    mode["triggers"]["schedule"] = schedule  # type: ignore[index]
    handler, seen = in_turn(said(SYNC), said(SYNC, "updated"), said({**SYNC, "mode": mode}))
    answer = census(handler).set_schedule(7101, Schedule("daily", hour=6, minute=15))
    assert isinstance(answer, Yes)
    assert json.loads(seen[1].content) == {"mode": mode}


def test_an_expression_sends_its_cron_alone_and_accepts_what_the_server_fills_in() -> None:
    mode = {
        "type": "triggered",
        "triggers": {
            "schedule": {
                "frequency": "expression",
                "day": "Monday",
                "hour": 3,
                "minute": 0,
                "cron_expression": "0 3 * * 1",
            }
        },
    }
    handler, seen = in_turn(said(SYNC), said(SYNC, "updated"), said({**SYNC, "mode": mode}))
    wanted = Schedule("expression", cron="0 3 * * 1", hour=9, minute=9)
    assert isinstance(census(handler).set_schedule(7101, wanted), Yes)
    sent = json.loads(seen[1].content)["mode"]["triggers"]["schedule"]
    assert sent == {
        "frequency": "expression",
        "day": None,
        "hour": None,
        "minute": None,
        "cron_expression": "0 3 * * 1",
    }


def test_a_sync_of_the_older_form_gets_flat_fields() -> None:
    old = {**SYNC, "mode": None, "schedule_frequency": "daily"}
    handler, seen = in_turn(said(old), said(old), said({**old, "schedule_frequency": "never"}))
    assert isinstance(census(handler).set_schedule(7101, Schedule("never")), Yes)
    assert json.loads(seen[1].content)["schedule_frequency"] == "never"


def test_a_schedule_without_effect_is_no_and_one_never_sent_too() -> None:
    handler, _ = in_turn(said(SYNC), said(SYNC, "updated"), said(SYNC))
    answer = census(handler).set_schedule(7101, Schedule("weekly", hour=7, minute=15))
    assert isinstance(answer, No)
    handler, seen = in_turn(httpx.ReadTimeout("late"))
    answer = census(handler).set_schedule(7101, Schedule("never"))
    assert isinstance(answer, No)
    assert answer.retry_after_s == 5.0
    assert len(seen) == 1


def test_an_unreadable_answer_before_a_schedule_is_sent_is_no_reason_to_give_up() -> None:
    handler, seen = in_turn(httpx.Response(200, content=b"<html>Sign in</html>"))
    answer = census(handler).set_schedule(7101, Schedule("never"))
    assert isinstance(answer, No)
    assert answer.retry_after_s == 5.0
    assert [request.method for request in seen] == ["GET"]


def test_closing_the_service_closes_its_client() -> None:
    service = census(lambda _: said(RUN))
    service.close()
    with pytest.raises(RuntimeError):
        service.run(990001)


# ---- what a run sent


def test_what_a_run_sent_for_a_key_is_read_by_column() -> None:
    sent = {"identifier": "k1", "status": "succeeded", "record_payload": {"id": "k1", "on": True}}
    handler, seen = in_turn(said([sent]), said([]), said([{**sent, "identifier": "k2"}]))
    service = census(handler)
    assert service.sent(7, "k1") == {"id": "k1", "on": True}
    assert seen[0].url.params["primary_identifier"] == "k1"
    assert service.sent(7, "k1") is None
    assert service.sent(7, "k1") is None


@pytest.mark.parametrize("status", [404, 410])
def test_what_is_not_kept_any_more_is_not_known(status: int) -> None:
    gone = httpx.Response(status, json={"status": status})
    handler, _ = in_turn(gone)
    assert census(handler).sent(7, "k1") is None


def test_a_record_without_its_payload_is_garbled() -> None:
    handler, _ = in_turn(said([{"identifier": "k1", "status": "succeeded"}]))
    with pytest.raises(ServiceGarbled, match="record_payload"):
        census(handler).sent(7, "k1")
