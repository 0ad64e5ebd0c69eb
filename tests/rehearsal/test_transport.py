"""Faults between client and services look like a real socket's, and happen before or after the effect."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
import pytest
from small_services import START, TOKEN, Services, rows, services
from werkzeug.test import EnvironBuilder

from rollout.rehearsal.services.app import DELAY, DropConnection
from rollout.rehearsal.services.faults import HttpFault

TRIGGER = "/syncs/3394022/trigger"
RUNS = "/syncs/3394022/sync_runs"


@pytest.fixture
def stage() -> Iterator[Services]:
    with services() as made:
        yield made


def triggered_with(stage: Services, fault: HttpFault) -> httpx.Response:
    stage.fault = fault
    try:
        return stage.call("POST", TRIGGER)
    finally:
        stage.fault = None


@pytest.mark.parametrize(
    ("do", "raised", "runs"),
    [
        ("timeout_before_effect", httpx.ReadTimeout, 0),
        ("timeout_after_effect", httpx.ReadTimeout, 1),
        ("refuse", httpx.ConnectError, 0),
    ],
)
def test_a_dropped_connection_raises_what_httpx_would(
    stage: Services, do: Any, raised: type[Exception], runs: int
) -> None:
    with pytest.raises(raised) as caught:
        triggered_with(stage, HttpFault(do=do))
    assert isinstance(caught.value, httpx.TransportError)
    assert caught.value.request.url.path.endswith(TRIGGER)
    assert caught.value.__context__ is None
    assert len(stage.get(RUNS)) == runs


@pytest.mark.parametrize(
    ("do", "status", "content", "runs"),
    [
        ("html", 200, b"<!DOCTYPE", 0),
        ("garbage", 200, b"\x00", 1),
        ("cut_json", 200, b'{"status"', 1),
        ("empty", 200, b"", 1),
    ],
)
def test_an_unreadable_answer_is_no_json(
    stage: Services, do: Any, status: int, content: bytes, runs: int
) -> None:
    answer = triggered_with(stage, HttpFault(do=do))
    assert answer.status_code == status
    assert answer.content.startswith(content)
    with pytest.raises(ValueError):
        answer.json()
    assert len(stage.get(RUNS)) == runs


def test_a_status_comes_with_its_headers_and_body_and_without_effect(stage: Services) -> None:
    fault = HttpFault(
        do="status", status=429, headers={"Retry-After": "17"}, body='{"status":"error"}'
    )
    answer = triggered_with(stage, fault)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "17")
    assert answer.json() == {"status": "error"}
    assert stage.get(RUNS) == []


def test_a_status_after_the_effect_is_the_answer_to_something_that_was_done(
    stage: Services,
) -> None:
    answer = triggered_with(stage, HttpFault(do="status_after_effect", status=503, body="{}"))
    assert (answer.status_code, answer.json()) == (503, {})
    assert len(stage.get(RUNS)) == 1


def test_a_delay_costs_nothing_unless_it_outlasts_the_client(stage: Services) -> None:
    before = stage.clock.now()
    assert triggered_with(stage, HttpFault(do="delay", seconds=4)).status_code == 200
    with pytest.raises(httpx.ReadTimeout):
        triggered_with(stage, HttpFault(do="delay", seconds=6))  # httpx waits five seconds
    assert stage.clock.now() == before
    assert len(stage.get(RUNS)) == 2


def test_a_client_without_a_timeout_waits_for_any_delay(stage: Services) -> None:
    stage.fault = HttpFault(do="delay", seconds=10_000)
    assert stage.call("GET", "/workspace", timeout=None).status_code == 200


def test_a_lag_hides_the_newest_runs_from_lists_for_a_while(stage: Services) -> None:
    old = stage.trigger()
    stage.after(hours=1)
    answer = triggered_with(stage, HttpFault(do="lag", seconds=120))
    run_id = answer.json()["data"]["sync_run_id"]
    assert [run["id"] for run in stage.get(RUNS)] == [old]
    assert stage.get(f"/sync_runs/{run_id}")["id"] == run_id
    stage.after(seconds=119)
    assert [run["id"] for run in stage.get(RUNS)] == [old]
    stage.after(seconds=1)
    assert [run["id"] for run in stage.get(RUNS)] == [run_id, old]


def test_a_refused_census_token_recovers_by_itself(stage: Services) -> None:
    assert triggered_with(stage, HttpFault(do="expire_token", seconds=60)).status_code == 401
    assert stage.call("GET", "/workspace").status_code == 401
    stage.after(seconds=60)
    assert stage.call("GET", "/workspace").status_code == 200
    assert triggered_with(stage, HttpFault(do="expire_token")).status_code == 401
    assert stage.call("GET", "/workspace").status_code == 200


def test_the_hook_sees_census_paths_without_their_version(stage: Services) -> None:
    stage.call("POST", TRIGGER)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    stage.http.get("/services/data/v60.0/limits", headers=headers)
    assert stage.asked == [f"POST {TRIGGER}", "GET /services/data/v60.0/limits"]


@pytest.mark.parametrize("path", ["/", "/other", "//x"])
def test_paths_of_neither_service_are_404(stage: Services, path: str) -> None:
    assert stage.http.get(f"https://app.getcensus.com{path}").status_code == 404


def test_what_changes_something_is_journaled_before_and_nothing_else_is(stage: Services) -> None:
    stage.get(RUNS)
    stage.http.post(f"/api/v1{TRIGGER}")  # not authorized
    form = {"grant_type": "client_credentials", "client_id": "x", "client_secret": TOKEN}
    stage.http.post("/services/oauth2/token", data=form)
    with pytest.raises(httpx.ReadTimeout):
        triggered_with(stage, HttpFault(do="timeout_before_effect"))
    assert stage.journal == []
    stage.call("PATCH", "/syncs/3394022", json={"paused": True})
    stage.call("POST", TRIGGER, params={"force_full_sync": "false"})
    assert stage.journal == [
        {
            "at": "2026-01-06T18:00:00Z",
            "method": "PATCH",
            "path": "/api/v1/syncs/3394022",
            "body": '{"paused":true}',
        },
        {
            "at": "2026-01-06T18:00:00Z",
            "method": "POST",
            "path": f"/api/v1{TRIGGER}?force_full_sync=false",
            "body": "",
        },
    ]


def state_of(stage: Services) -> Any:
    records = stage.world.truth.select("SELECT * FROM product_property ORDER BY Id", []).rows
    return stage.get("/syncs"), stage.get(RUNS), records, stage.clock.now()


def test_replaying_the_journal_gives_the_same_state() -> None:
    with services() as stage:
        stage.fill(*rows(80), (None, "x", True))
        stage.call("PATCH", "/syncs/3394022", json={"schedule_frequency": "hourly"})
        stage.trigger()
        stage.after(minutes=30)
        stage.fault = HttpFault(do="timeout_after_effect")
        with pytest.raises(httpx.ReadTimeout):
            stage.call("POST", TRIGGER)
        stage.fault = None
        ids = ",".join(
            str(row[0])
            for row in stage.world.truth.select("SELECT Id FROM product_property LIMIT 3", []).rows
        )
        headers = {"Authorization": f"Bearer {TOKEN}"}
        path = f"/services/data/v60.0/composite/sobjects?ids={ids}"
        stage.http.delete(path, headers=headers)
        stage.after(minutes=50)
        journal, wanted = stage.journal, state_of(stage)
    with services() as stage:
        stage.fill(*rows(80), (None, "x", True))
        for entry in journal:
            stage.app.replay(entry)
        stage.after(seconds=(wanted[3] - stage.clock.now()).total_seconds())
        assert state_of(stage) == wanted
        assert stage.journal == []


def test_a_server_can_close_the_socket_and_sleep_for_itself(stage: Services) -> None:
    builder = EnvironBuilder(path=f"/api/v1{TRIGGER}", method="POST")
    builder.headers["Authorization"] = f"Bearer {TOKEN}"
    stage.fault = HttpFault(do="timeout_after_effect")
    with pytest.raises(DropConnection) as caught:
        stage.app(builder.get_environ(), lambda *_: lambda _: None)
    assert (caught.value.how, caught.value.before) == ("timeout", False)
    slept: list[float] = []
    stage.fault = HttpFault(do="delay", seconds=3)
    environ = {**builder.get_environ(), DELAY: slept.append}
    stage.app(environ, lambda *_: lambda _: None)
    assert slept == [3]


def test_requests_queries_and_passing_time_do_not_lock_each_other_out(stage: Services) -> None:
    stage.fill(*rows(100))
    stage.call("PATCH", "/syncs/3394022", json={"schedule_frequency": "quarter_hourly"})
    warehouse = stage.world.warehouse()

    def let_time_pass() -> None:
        for minute in range(150):
            stage.clock.advance_to(START + timedelta(minutes=minute))
            stage.census.advance(stage.clock.now())

    def ask() -> None:
        for _ in range(60):
            stage.call("POST", TRIGGER)
            stage.get(RUNS)

    def query() -> None:
        for _ in range(60):
            warehouse.query("SELECT COUNT(*) AS n FROM crm.salesforce.product_property")

    with ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(work) for work in (let_time_pass, ask, query)]:
            done.result(timeout=60)
    assert stage.after(hours=1)
    assert len(stage.names()) == 100


def test_a_request_costs_little(stage: Services) -> None:
    stage.trigger()
    stage.after(hours=1)
    environ = EnvironBuilder(path=f"/api/v1{RUNS}").get_environ()
    environ["HTTP_AUTHORIZATION"] = f"Bearer {TOKEN}"
    best = 1.0
    for _ in range(5):
        began = time.process_time()
        for _ in range(100):
            stage.app(dict(environ), lambda *_: lambda _: None)
        best = min(best, (time.process_time() - began) / 100)
    assert best < 0.0005, f"{best * 1000:.2f} ms"
    assert stage.clock.now() == START + timedelta(hours=1)
