from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest
from sandbox_process import SYNC_A, SandboxProcess, sandbox, small_scenario

from rollout.adapters.http import HttpClient, HttpLimits
from rollout.adapters.salesforce import salesforce_complaint
from rollout.adapters.salesforce_login import SalesforceLogin
from rollout.domain.effects import No, Unknown, Yes
from rollout.domain.errors import ServiceGarbled, ServiceRefused, ServiceUnreachable
from rollout.ports import SyncRun

SPEED = 3000


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    scenario = small_scenario(tmp_path_factory.mktemp("sandbox"))
    with sandbox("--scenario", scenario, speed=SPEED) as running:
        yield running


@pytest.fixture
def box(process: SandboxProcess) -> Iterator[SandboxProcess]:
    yield process
    process.post("/faults/clear", {})


def ended(box: SandboxProcess, run_id: int) -> SyncRun:
    """The run when it is over; virtual minutes are real milliseconds."""
    census = box.census()
    limit = time.monotonic() + 10
    while not (run := census.run(run_id)).is_over:
        assert time.monotonic() < limit
    return run


def test_a_sync_runs_over_virtual_time_and_lands_its_rows(box: SandboxProcess) -> None:
    before = box.salesforce().query("SELECT COUNT() FROM Product_Property__c").rows[0][0]
    answer = box.census().trigger(SYNC_A)
    assert isinstance(answer, Yes)
    run = ended(box, answer.value)
    assert (run.status, run.processed, run.failed) == ("completed", 40, 0)
    assert run.trigger == "API"
    assert run.completed_at is not None
    assert run.completed_at - run.created_at >= timedelta(minutes=2)
    after = box.salesforce().query("SELECT COUNT() FROM Product_Property__c").rows[0][0]
    assert isinstance(before, int)
    assert after == before + 40
    (sent,) = box.journal(path="*/trigger", service="census", method="POST")
    assert (sent["auth"], sent["agent"], sent["status"]) == ("bearer", "rollout", 200)
    assert sent["run_id"] == run.id


def test_the_clock_can_be_moved_on_and_the_world_goes_along(box: SandboxProcess) -> None:
    answer = box.census().trigger(SYNC_A)
    assert isinstance(answer, Yes)
    before = box.now()
    moved = box.post("/clock", {"skip": 6 * 3600, "speed": SPEED})
    assert moved.json()["speed"] == SPEED
    assert box.now() - before >= timedelta(hours=6)
    assert box.census().run(answer.value).is_over


@pytest.mark.parametrize("pace", [{"speed": 0}, {"skip": -1}, {"speed": 1e9}, {"fast": 1}])
def test_a_pace_that_is_none_is_refused(box: SandboxProcess, pace: dict[str, float]) -> None:
    assert box.post("/clock", pace).status_code == 400
    assert box.get("/clock")["speed"] == SPEED


def test_the_clock_runs_as_fast_as_was_asked(box: SandboxProcess) -> None:
    before = time.monotonic()
    first = box.now()
    after_first = time.monotonic()
    box.salesforce().query("SELECT COUNT() FROM Product_Property__c")
    before_last = time.monotonic()
    last = box.now()
    after = time.monotonic()
    passed = (last - first).total_seconds()
    assert (before_last - after_first) * SPEED <= passed <= (after - before) * SPEED
    assert box.get("/clock")["speed"] == SPEED


def test_a_lost_answer_to_a_trigger_leaves_one_run(box: SandboxProcess) -> None:
    census = box.census()
    known = max((run.id for run in census.runs(SYNC_A)), default=0)
    box.order(match=f"POST /syncs/{SYNC_A}/trigger", do="timeout_after_effect")
    assert isinstance(census.trigger(SYNC_A), Unknown)
    (adopted,) = census.runs(SYNC_A, above=known)
    ended(box, adopted.id)


def test_a_lost_request_leaves_no_run(box: SandboxProcess) -> None:
    census = box.census()
    known = max((run.id for run in census.runs(SYNC_A)), default=0)
    box.order(match=f"POST /syncs/{SYNC_A}/trigger", do="timeout_before_effect")
    assert isinstance(census.trigger(SYNC_A), Unknown)
    assert census.runs(SYNC_A, above=known) == []


def test_too_many_requests_say_when_to_come_back(box: SandboxProcess) -> None:
    box.order(match="POST /syncs/*", do="status", status=429, headers={"Retry-After": "7"})
    answer = box.census().trigger(SYNC_A)
    assert isinstance(answer, No)
    assert answer.retry_after_s == 7


@pytest.mark.parametrize("do", ["html", "cut_json", "garbage"])
def test_an_answer_that_cannot_be_read_is_garbled(box: SandboxProcess, do: str) -> None:
    fault = box.order(match="GET /syncs/*", do=do)
    with pytest.raises(ServiceGarbled):
        box.census().sync(SYNC_A)
    assert box.census().sync(SYNC_A).id == SYNC_A
    assert box.journal(path=f"/api/v1/syncs/{SYNC_A}")[-2]["fault"] == fault


def test_a_huge_answer_is_not_swallowed(box: SandboxProcess) -> None:
    box.order(match="GET /syncs/*", do="status", status=200, bytes=30_000_000)
    with pytest.raises(ServiceGarbled):
        box.census().sync(SYNC_A)


def test_an_answer_that_drips_runs_into_the_deadline(box: SandboxProcess) -> None:
    """Without the deadline it would be whole in the end."""
    box.order(match="GET /workspace", do="drip", seconds=30)
    client = HttpClient(
        box.document["census"] + "/api/v1",
        service="census",
        token=box.token,
        limits=HttpLimits(read_s=0.9, total_s=0.9),
    )
    with pytest.raises(ServiceUnreachable):
        client.get_json("/workspace")


def test_an_expired_token_is_refused_for_a_while(box: SandboxProcess) -> None:
    box.order(on="census", do="expire_token", seconds=SPEED * 60)
    with pytest.raises(ServiceRefused) as refused:
        box.census().whoami()
    assert refused.value.status == 401
    box.post("/faults/clear", {})
    assert box.census().whoami()["id"]


def test_a_closed_port_refuses_and_opens_again(box: SandboxProcess) -> None:
    box.order(on="census", do="refuse", seconds=SPEED * 60)
    limit, refused = time.monotonic() + 10, False
    while not refused:
        assert time.monotonic() < limit
        try:
            box.http.get(box.document["census"] + "/workspace")
        except httpx.ConnectError:
            refused = True
        except httpx.TransportError:
            continue  # it was just being closed
    answer = box.census().trigger(SYNC_A)
    assert isinstance(answer, No)
    box.post("/faults/clear", {})
    assert box.census().whoami()["id"]


def test_a_reset_connection_is_an_unknown_outcome(box: SandboxProcess) -> None:
    box.order(match="POST /syncs/*", do="refuse")
    assert isinstance(box.census().trigger(SYNC_A), Unknown)


def test_the_base_url_of_census_needs_no_version(box: SandboxProcess) -> None:
    header = {"Authorization": f"Bearer {box.token}"}
    for path in ("/workspace", "/api/v1/workspace", "/api/v2/workspace"):
        answer = box.http.get(box.document["census"] + path, headers=header)
        assert answer.json()["status"] == "success"


def test_each_service_answers_on_its_own_port_only(box: SandboxProcess) -> None:
    header = {"Authorization": f"Bearer {box.token}"}
    assert (
        box.http.get(box.document["salesforce"] + "/api/v1/workspace", headers=header).status_code
        == 404
    )
    assert (
        box.http.get(box.document["census"] + "/services/data", headers=header).status_code == 404
    )


def test_salesforce_gives_a_session_for_client_credentials(box: SandboxProcess) -> None:
    base = box.document["salesforce"]
    open_door = HttpClient(base, service="salesforce", read_complaint=salesforce_complaint)
    login = SalesforceLogin(open_door, "a-client", box.token)
    assert login().startswith(box.token)
    assert box.salesforce().allowance().allowed == 100_000


def test_requests_without_a_token_are_written_down_too(box: SandboxProcess) -> None:
    assert box.http.get(box.document["census"] + "/api/v1/workspace").status_code == 401
    box.http.get(box.document["census"] + "/api/v1/workspace", auth=("bearer", box.token))
    none, basic = box.journal(path="/api/v1/workspace")[-2:]
    assert (none["auth"], none["status"], basic["auth"]) == ("none", 401, "basic")


@pytest.mark.parametrize(
    "order",
    [
        {"do": "status"},
        {"do": "status", "on": "census"},
        {"do": "explode", "match": "GET *"},
        {"do": "status", "match": "GET *", "surprise": 1},
        {"do": "cold", "on": "census"},
        {"do": "status", "match": "GET *", "nth": 0},
        {"do": "status", "match": "GET *", "status": 99},
    ],
)
def test_an_order_that_makes_no_sense_is_refused_with_a_reason(
    box: SandboxProcess, order: dict[str, object]
) -> None:
    answer = box.post("/faults", order)
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert box.get("/faults")["ordered"] == []


def test_a_fault_waits_for_its_call_and_its_time(box: SandboxProcess) -> None:
    box.order(match="GET /workspace", do="status", status=500, nth=2, times=2)
    box.order(match="GET /sources", do="status", status=500, times=0, lasts=SPEED * 3600)
    box.order(match="GET /datasets", do="status", status=500, after=SPEED * 3600)
    census, header = box.document["census"], {"Authorization": f"Bearer {box.token}"}

    def asked(path: str) -> list[int]:
        return [box.http.get(census + path, headers=header).status_code for _ in range(4)]

    assert asked("/workspace") == [200, 500, 500, 200]
    assert asked("/sources") == [500, 500, 500, 500]
    assert asked("/datasets") == [200, 200, 200, 200]
    assert [(o["met"], o["fired"]) for o in box.get("/faults")["ordered"]] == [
        (4, 2),
        (4, 4),
        (0, 0),
    ]


def test_the_admin_door_says_what_it_does_not_have(box: SandboxProcess) -> None:
    assert box.http.get(box.document["clock"] + "/nothing").status_code == 404
    assert box.http.post(box.document["clock"] + "/journal").status_code == 405
    assert box.http.get(box.document["clock"] + "/journal?after=soon").status_code == 400


def test_a_request_without_a_length_is_refused(box: SandboxProcess) -> None:
    answer = box.http.post(box.document["clock"] + "/faults", content=iter([b"{}"]))
    assert answer.status_code == 411
