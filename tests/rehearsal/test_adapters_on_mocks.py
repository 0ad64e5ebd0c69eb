"""The real adapters against the mocked services on a real small world: the rehearsal's own wiring."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from small_services import TOKEN, Schedule, Services, services

from rollout.adapters.census import CensusSyncService, census_base_url, census_judge
from rollout.adapters.http import HttpClient
from rollout.adapters.salesforce import (
    SalesforceRecordStore,
    salesforce_complaint,
    salesforce_judge,
)
from rollout.adapters.salesforce_login import SalesforceLogin
from rollout.adapters.soql import soql_datetime, soql_literal
from rollout.domain.effects import No, Unknown, Yes
from rollout.domain.errors import (
    QueryFailed,
    ServiceError,
    ServiceGarbled,
    ServiceRefused,
    ServiceUnreachable,
)
from rollout.ports import RecordStore, SyncService
from rollout.rehearsal.services.census import MockSync
from rollout.rehearsal.services.faults import HttpFault
from rollout.rehearsal.services.transport import RehearsalTransport
from rollout.rehearsal.world import WorldSpec

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "contracts"))

from sync_service import CONTRACT, Bench  # noqa: E402 - the contract's folder is added above

SYNC_A, SYNC_B = 3394022, 3394041
OBJECT = "Product_Property__c"
MAPPINGS = {
    "rds_property_id": "Snappt_Property_ID__c",
    "property_name": "Name",
    "company_name": "Company_Name__c",
    "short_id": "Short_ID__c",
    "idv_enabled": "IDV_Enabled__c",
    "bank_linking_enabled": "Bank_Linking_Enabled__c",
    "payroll_enabled": "Payroll_Enabled__c",
    "income_insights_enabled": "Income_Insights_Enabled__c",
    "active_property_count": "Active_Property_Count__c",
    "is_multi_property": "Is_Multi_Property__c",
}
SYNCS = {
    SYNC_A: MockSync(
        id=SYNC_A,
        label="Sync A, create",
        operation="upsert",
        source="crm.sfdc_dbx.properties_to_create",
        mappings=MAPPINGS,
        key="Snappt_Property_ID__c",
        rows_per_minute=20,
    ),
    SYNC_B: MockSync(
        id=SYNC_B,
        label="Sync B, update",
        operation="update",
        source="crm.sfdc_dbx.properties_to_update",
        mappings=MAPPINGS,
        key="Snappt_Property_ID__c",
        rows_per_minute=60,
    ),
}
SPEC = WorldSpec(
    properties=900,
    target_rows=600,
    create_queue=120,
    update_queue=150,
    high_priority=30,
    wrong_flags=20,
    shared_ids=40,
    company_gaps=4,
    failed_creates=3,
    invalid_updates=2,
    organic=False,
)


@dataclass
class Wired:
    """The stage with the real adapters on it."""

    stage: Services
    census: SyncService
    salesforce: RecordStore

    def triggered(self, sync_id: int) -> int:
        answer = self.census.trigger(sync_id)
        assert isinstance(answer, Yes), answer
        return answer.value

    def count(self, where: str) -> int:
        table = self.salesforce.query(f"SELECT COUNT() FROM {OBJECT} WHERE {where}")
        assert table.columns == ["count"]
        number = table.rows[0][0]
        assert isinstance(number, int)
        return number


def client(stage: Services, base: str, **more: Any) -> HttpClient:
    return HttpClient(base, transport=RehearsalTransport(stage.app), **more)


def wire(stage: Services) -> Wired:
    census = client(
        stage, census_base_url("us", "v1"), service="census", token=TOKEN, judge=census_judge
    )
    instance = "https://rehearsal.my.salesforce.com"
    login = SalesforceLogin(client(stage, instance, service="salesforce"), "rehearsal", TOKEN)
    records = client(
        stage,
        instance,
        service="salesforce",
        token=login,
        judge=salesforce_judge,
        read_complaint=salesforce_complaint,
    )
    return Wired(stage, CensusSyncService(census), SalesforceRecordStore(records, login=login))


VIEWS = {path.stem: path.read_text() for path in sorted((ROOT / "plans" / "sql").glob("*.sql"))}


@pytest.fixture
def wired() -> Iterator[Wired]:
    with services(syncs=SYNCS, spec=SPEC, views=VIEWS) as stage:
        yield wire(stage)


def bench(wired: Wired) -> Bench:
    def two_hours() -> None:
        wired.stage.after(hours=2)

    return Bench(wired.census, SYNC_A, two_hours)


@pytest.mark.parametrize("holds", CONTRACT, ids=lambda function: function.__name__)
def test_the_rehearsed_census_keeps_the_contract(
    wired: Wired, holds: Callable[[Bench], None]
) -> None:
    holds(bench(wired))


# ── a rollout in small ────────────────────────────────────────────────────────────────────────


def test_sync_a_creates_what_is_missing_and_tells_what_it_could_not(wired: Wired) -> None:
    before = wired.count("Id != NULL")
    began = wired.stage.clock.now()
    run_id = wired.triggered(SYNC_A)
    assert wired.census.run(run_id).status == "queued"
    processed = []
    while not (run := wired.census.run(run_id)).is_over:
        processed.append(run.processed or 0)
        wired.stage.after(seconds=30)
    assert processed == sorted(processed)
    assert len(set(processed)) >= 3
    assert (run.status, run.source_rows, run.accepted, run.failed) == ("completed", 120, 117, 3)
    assert run.trigger == "API"
    rejected = wired.census.rejected(run_id)
    assert len(rejected) == 3
    assert all(record.status == "rejected" and record.reason for record in rejected)
    assert wired.count("Id != NULL") == before + 117
    since = f"CreatedDate >= {soql_datetime(began)} AND CreatedById = '005Vj00000CENSUSAA'"
    assert wired.count(since) == 117
    wired.stage.after(minutes=15)
    assert wired.count(f"{since} AND SF_Property_ID__c = NULL") == 0


def test_sync_b_updates_and_drops_rows_without_a_key(wired: Wired) -> None:
    began = wired.stage.clock.now()
    run_id = wired.triggered(SYNC_B)
    wired.stage.after(hours=1)
    run = wired.census.run(run_id)
    assert (run.accepted, run.failed, run.invalid) == (148, 0, 2)
    assert {record.status for record in wired.census.rejected(run_id)} == {"NULL"}
    touched = (
        f"LastModifiedById = {soql_literal('005Vj00000CENSUSAA')} "
        f"AND LastModifiedDate >= {soql_datetime(began)}"
    )
    assert wired.count(touched) == 148
    table = wired.salesforce.query(
        f"SELECT IDV_Enabled__c, COUNT(Id) n FROM {OBJECT} WHERE {touched} GROUP BY IDV_Enabled__c"
    )
    assert sum(row["n"] for row in table.dicts() if isinstance(row["n"], int)) == 148


def test_the_next_run_sends_only_what_is_left(wired: Wired) -> None:
    wired.triggered(SYNC_A)
    wired.stage.after(hours=1)
    run_id = wired.triggered(SYNC_A)
    wired.stage.after(hours=1)
    run = wired.census.run(run_id)
    # What was created has left the view by way of the copy; the rejected ones are tried again.
    assert (run.source_rows, run.processed, run.failed) == (3, 3, 3)


def test_a_run_can_be_canceled_half_way_and_undone(wired: Wired) -> None:
    before = wired.count("Id != NULL")
    run_id = wired.triggered(SYNC_A)
    wired.stage.after(minutes=5)
    assert isinstance(wired.census.cancel(run_id), Yes)
    run = wired.census.run(run_id)
    assert run.status == "canceled"
    assert run.completed_at is not None
    landed = wired.count("Id != NULL") - before
    assert landed == run.accepted
    assert 0 < landed < 117
    assert isinstance(wired.census.cancel(run_id), No)
    created = wired.salesforce.query(
        f"SELECT Id FROM {OBJECT} WHERE CreatedDate >= 2026-01-06T18:00:00Z"
    )
    answer = wired.salesforce.delete(OBJECT, [str(row[0]) for row in created.rows])
    assert isinstance(answer, Yes)
    assert all(result.ok for result in answer.value)
    assert wired.count("Id != NULL") == before


def test_a_paused_sync_starts_neither_by_trigger_nor_by_schedule(wired: Wired) -> None:
    census = wired.census
    assert isinstance(census.set_schedule(SYNC_A, Schedule("quarter_hourly")), Yes)
    assert isinstance(census.set_paused(SYNC_A, True), Yes)
    answer = census.trigger(SYNC_A)
    assert isinstance(answer, No)
    assert answer.retry_after_s is None
    wired.stage.after(hours=3)
    assert census.runs(SYNC_A) == []
    assert isinstance(census.set_paused(SYNC_A, False), Yes)
    wired.stage.after(hours=3)
    runs = census.runs(SYNC_A)
    assert len(runs) >= 11
    assert {run.trigger for run in runs} == {"Schedule"}


def test_a_second_trigger_is_skipped_and_a_foreign_run_is_recognised(wired: Wired) -> None:
    ours = wired.triggered(SYNC_A)
    assert wired.census.run(wired.triggered(SYNC_A)).status == "skipped"
    wired.stage.after(hours=1)
    foreign = wired.stage.census.start_run(SYNC_A, "Manual")
    (run,) = [run for run in wired.census.runs(SYNC_A, above=ours) if run.status != "skipped"]
    assert (run.id, run.trigger) == (foreign, "Manual")


def test_a_dataset_is_seen_through_to_its_query() -> None:
    setup = replace(SYNCS[SYNC_A], dataset="pilot_properties")
    with services(syncs={SYNC_A: setup}, spec=SPEC, views=VIEWS) as stage:
        config = wire(stage).census.sync(SYNC_A)
        assert config.source.startswith("dataset:")
        assert "crm.sfdc_dbx.properties_to_create" in str(config.source_detail["query"])


def test_many_runs_are_found_across_pages(wired: Wired) -> None:
    assert isinstance(wired.census.set_schedule(SYNC_B, Schedule("expression", "*/5 * * * *")), Yes)
    wired.stage.after(hours=20)
    runs = wired.census.runs(SYNC_B, limit=500)
    assert len(runs) == 240
    assert len(wired.census.runs(SYNC_B, above=runs[150].id, limit=500)) == 150


def test_records_are_written_back_and_read_by_page(wired: Wired) -> None:
    table = wired.salesforce.query(f"SELECT Id, Name, CreatedDate FROM {OBJECT} ORDER BY Name")
    assert table.columns == ["Id", "Name", "CreatedDate"]
    assert len(table.rows) == 600
    assert str(table.rows[0][2]).endswith("Z")
    first = str(table.rows[0][0])
    answer = wired.salesforce.update(
        OBJECT,
        [
            {"Id": first, "Name": "O'Brien", "IDV_Enabled__c": True, "Company_Name__c": None},
            {"Id": "a0P000000000000AAA", "Name": "x"},
        ],
    )
    assert isinstance(answer, Yes)
    assert [result.ok for result in answer.value] == [True, False]
    assert "ENTITY_IS_DELETED" in answer.value[1].reason
    name = soql_literal("O'Brien")
    found = wired.salesforce.query(
        f"SELECT Company_Name__c, IDV_Enabled__c FROM {OBJECT} WHERE Name = {name}"
    )
    assert found.rows == [(None, True)]


def test_soql_problems_arrive_with_their_class(wired: Wired) -> None:
    for soql, code in (
        (f"SELECT Nope__c FROM {OBJECT}", "INVALID_FIELD"),
        ("SELECT Id FROM Nope__c", "INVALID_TYPE"),
        (f"SELECT Id FROM {OBJECT} WHERE", "MALFORMED_QUERY"),
    ):
        with pytest.raises(QueryFailed) as caught:
            wired.salesforce.query(soql)
        assert caught.value.error_class == code


def test_the_allowance_falls_by_what_is_asked_and_sent(wired: Wired) -> None:
    before = wired.salesforce.allowance()
    wired.triggered(SYNC_B)
    wired.stage.after(hours=1)
    after = wired.salesforce.allowance()
    assert before.allowed == after.allowed == 100_000
    assert after.remaining < before.remaining - 1
    wired.stage.salesforce.set_api_used(100_000)
    with pytest.raises(ServiceUnreachable):
        wired.salesforce.allowance()


def test_an_expired_session_is_renewed_for_reads_and_reported_for_effects(wired: Wired) -> None:
    first = str(wired.salesforce.query(f"SELECT Id FROM {OBJECT} LIMIT 1").rows[0][0])
    wired.stage.salesforce.expire_sessions()
    assert wired.salesforce.allowance().allowed == 100_000
    wired.stage.salesforce.expire_sessions()
    answer = wired.salesforce.delete(OBJECT, [first])
    assert isinstance(answer, No)
    assert answer.retry_after_s is not None
    assert isinstance(wired.salesforce.delete(OBJECT, [first]), Yes)


# ── every fault, on an effect and on a read ───────────────────────────────────────────────────

FAULTS = [
    (HttpFault(do="status", status=500), Unknown, ServiceUnreachable, 0),
    (HttpFault(do="status", status=429, headers={"Retry-After": "30"}), No, ServiceUnreachable, 0),
    (
        HttpFault(do="status", status=403, body='{"status":403,"message":"no"}'),
        No,
        ServiceRefused,
        0,
    ),
    (HttpFault(do="timeout_before_effect"), Unknown, ServiceUnreachable, 0),
    (HttpFault(do="timeout_after_effect"), Unknown, ServiceUnreachable, 1),
    (HttpFault(do="status_after_effect", status=502), Unknown, ServiceUnreachable, 1),
    (HttpFault(do="refuse"), No, ServiceUnreachable, 0),
    (HttpFault(do="delay", seconds=61), Unknown, ServiceUnreachable, 1),
    (HttpFault(do="delay", seconds=59), Yes, None, 1),
    (HttpFault(do="garbage"), Unknown, ServiceGarbled, 1),
    (HttpFault(do="html"), Unknown, ServiceGarbled, 0),
    (HttpFault(do="cut_json"), Unknown, ServiceGarbled, 1),
    (HttpFault(do="empty"), Unknown, ServiceGarbled, 1),
    (HttpFault(do="lag", seconds=60), Yes, None, 1),
    (HttpFault(do="expire_token"), No, ServiceRefused, 0),
]


@pytest.mark.parametrize(
    ("fault", "answer", "error", "runs"), FAULTS, ids=lambda v: getattr(v, "do", None)
)
def test_a_fault_on_census_is_told_for_what_it_is(
    wired: Wired, fault: HttpFault, answer: type, error: type[ServiceError] | None, runs: int
) -> None:
    wired.stage.fault = fault
    got = wired.census.trigger(SYNC_A)
    wired.stage.fault = None
    assert isinstance(got, answer), got
    if fault.status == 429:
        assert isinstance(got, No)
        assert got.retry_after_s == 30
    wired.stage.after(minutes=5)
    assert len(wired.census.runs(SYNC_A)) == runs
    wired.stage.fault = fault
    if error is None:
        assert wired.census.sync(SYNC_A).id == SYNC_A
        return
    with pytest.raises(error):
        wired.census.sync(SYNC_A)


@pytest.mark.parametrize(
    ("fault", "answer", "error", "gone"),
    [row for row in FAULTS if row[0].do not in {"lag", "expire_token"}],
    ids=lambda v: getattr(v, "do", None),
)
def test_a_fault_on_salesforce_is_told_for_what_it_is(
    wired: Wired, fault: HttpFault, answer: type, error: type[ServiceError] | None, gone: int
) -> None:
    first = str(wired.salesforce.query(f"SELECT Id FROM {OBJECT} LIMIT 1").rows[0][0])
    wired.stage.fault = fault
    got = wired.salesforce.delete(OBJECT, [first])
    wired.stage.fault = None
    assert isinstance(got, answer), got
    assert wired.count(f"Id = '{first}'") == 1 - gone
    wired.stage.fault = fault
    if error is None:
        assert wired.salesforce.allowance().allowed == 100_000
        return
    with pytest.raises(error):
        wired.salesforce.allowance()


def test_a_lost_answer_is_found_again_above_the_watermark_once_the_list_has_caught_up(
    wired: Wired,
) -> None:
    before = wired.triggered(SYNC_A)
    wired.stage.after(hours=1)
    wired.stage.fault = HttpFault(do="timeout_after_effect")
    assert isinstance(wired.census.trigger(SYNC_A), Unknown)
    wired.stage.fault = HttpFault(do="lag", seconds=90)
    assert wired.census.runs(SYNC_A, above=before) == []
    wired.stage.fault = None
    wired.stage.after(seconds=89)
    assert wired.census.runs(SYNC_A, above=before) == []
    wired.stage.after(seconds=1)
    (run,) = wired.census.runs(SYNC_A, above=before)
    assert run.trigger == "API"


def test_a_lost_answer_to_a_pause_is_settled_by_looking(wired: Wired) -> None:
    asked: list[str] = []

    def only_the_patch(method: str, path: str) -> HttpFault | None:
        asked.append(method)
        return HttpFault(do="timeout_after_effect") if method == "PATCH" else None

    wired.stage.app.on_request = only_the_patch
    assert isinstance(wired.census.set_paused(SYNC_A, True), Yes)
    assert asked == ["PATCH", "GET"]
