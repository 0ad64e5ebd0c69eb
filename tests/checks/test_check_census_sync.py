from __future__ import annotations

from typing import Any

import pytest
from fakes_services import (
    FakeConnections,
    FakeSyncService,
    context,
    judged,
    look,
    sync_config,
    verdict,
)
from pydantic import ValidationError

from rollout.checks.census_sync import CensusSync
from rollout.domain.errors import ServiceError
from rollout.domain.evidence import Verdict
from rollout.kinds import CheckContext
from rollout.ports import Schedule

SYNC = CensusSync()
ASK: dict[str, Any] = {"sync": "sync_a"}
MAPPING = {"rds_property_id": "Snappt_Property_ID__c", "idv_enabled": "IDV_Enabled__c"}


def on(**changes: Any) -> CheckContext:
    return context(FakeConnections(FakeSyncService(config=sync_config(**changes))))


def test_a_sync_as_approved_passes() -> None:
    ask = {**ASK, "mapping": MAPPING, "schedule": "never", "paused": False}
    seen = look(SYNC, ask, on())
    assert judged(SYNC, seen).verdict is Verdict.PASS
    assert seen.metrics["differences"] == 0
    assert seen.metrics["mapping_ok"] is True


def test_a_pilot_by_name_that_reads_production_fails() -> None:
    seen = look(
        SYNC, {**ASK, "source": "crm.sfdc_dbx.pilot_create"}, on(label="pilot_properties_to_create")
    )
    assert judged(SYNC, seen).verdict is Verdict.FAIL
    assert seen.metrics["source"] == "crm.sfdc_dbx.properties_to_create"
    assert seen.sample == [
        {
            "setting": "source",
            "expected": "crm.sfdc_dbx.pilot_create",
            "found": "crm.sfdc_dbx.properties_to_create",
        }
    ]


def dataset(query: str | None, **detail: Any) -> CheckContext:
    return on(source="dataset:42", source_detail={"name": "pilot", "query": query, **detail})


def test_a_dataset_is_judged_by_the_relation_it_reads() -> None:
    ask = {**ASK, "source": "crm.sfdc_dbx.pilot_create"}
    seen = look(SYNC, ask, dataset("SELECT * FROM crm.sfdc_dbx.properties_to_create"))
    assert seen.metrics["source"] == "crm.sfdc_dbx.properties_to_create"
    assert judged(SYNC, seen).verdict is Verdict.FAIL
    assert verdict(SYNC, ask, dataset("select *\nfrom crm.sfdc_dbx.pilot_create;")) is Verdict.PASS


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM crm.sfdc_dbx.properties_to_create WHERE state = 'CA'",
        "SELECT name AS company_name FROM crm.sfdc_dbx.properties_to_create",
        "SELECT * FROM crm.sfdc_dbx.properties_to_create, crm.sfdc_dbx.other",
    ],
)
def test_a_query_that_is_not_the_whole_relation_is_another_source(query: str) -> None:
    assert verdict(SYNC, ASK, dataset(query)) is Verdict.FAIL
    assert verdict(SYNC, {**ASK, "source": query}, dataset(query)) is Verdict.PASS


def test_the_number_of_a_dataset_alone_is_no_approved_source() -> None:
    where = dataset("SELECT * FROM crm.sfdc_dbx.properties_to_create")
    assert verdict(SYNC, {**ASK, "source": "dataset:42"}, where) is Verdict.FAIL


@pytest.mark.parametrize("query", [None, ""])
def test_a_dataset_whose_query_cannot_be_read_is_inconclusive(query: str | None) -> None:
    where = dataset(query, query_problem="403")
    said = judged(SYNC, look(SYNC, {**ASK, "source": "dataset:42"}, where))
    assert said.verdict is Verdict.INCONCLUSIVE
    assert "cannot be read: 403" in said.reason


def test_quotes_and_case_of_a_relation_do_not_matter() -> None:
    assert verdict(SYNC, ASK, on(source="CRM.`sfdc_dbx`.PROPERTIES_TO_CREATE")) is Verdict.PASS


@pytest.mark.parametrize(
    ("changes", "metric"),
    [
        ({"operation": "mirror"}, "operation_ok"),
        ({"key": "Name"}, "key_ok"),
        ({"target": "Property__c"}, "target_ok"),
        ({"source": "crm.sfdc_dbx.properties_to_update"}, "source_ok"),
    ],
)
def test_one_setting_that_is_not_as_approved_fails(changes: dict[str, str], metric: str) -> None:
    seen = look(SYNC, ASK, on(**changes))
    assert seen.metrics[metric] is False
    assert judged(SYNC, seen).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    "mappings",
    [
        {"rds_property_id": "Snappt_Property_ID__c"},
        {**MAPPING, "payroll_enabled": "Payroll_Enabled__c"},
        {**MAPPING, "idv_enabled": "Fraud_Enabled__c"},
        {},
    ],
    ids=["one less", "one more", "another field", "none"],
)
def test_a_mapping_that_is_not_the_approved_one_fails(mappings: dict[str, str]) -> None:
    seen = look(SYNC, {**ASK, "mapping": MAPPING}, on(mappings=mappings))
    assert seen.metrics["mapping_ok"] is False
    assert judged(SYNC, seen).verdict is Verdict.FAIL
    assert str(seen.sample[0]["setting"]).startswith("mapping of ")


def test_a_schedule_that_runs_beside_the_manual_run_fails() -> None:
    seen = look(SYNC, {**ASK, "schedule": "never"}, on(schedule=Schedule("quarter_hourly")))
    assert judged(SYNC, seen).verdict is Verdict.FAIL
    assert seen.metrics["schedule"] == "quarter_hourly"


def test_a_trigger_beside_the_clock_is_a_difference_of_schedule() -> None:
    sequence = {"other_triggers": {"sync_sequence": {"sync_id": 7}}}
    seen = look(SYNC, {**ASK, "schedule": "never"}, on(source_detail=sequence))
    assert judged(SYNC, seen).verdict is Verdict.FAIL
    assert seen.sample[0]["found"] == "sync_sequence"


def test_the_time_of_a_schedule_counts_when_it_is_given() -> None:
    found = Schedule("expression", cron="*/30 * * * *")
    ask = {**ASK, "schedule": {"frequency": "expression", "cron": "*/15 * * * *"}}
    seen = look(SYNC, ask, on(schedule=found))
    assert seen.metrics["schedule"] == "expression */30 * * * *"
    assert judged(SYNC, seen).verdict is Verdict.FAIL
    assert verdict(SYNC, {**ASK, "schedule": "expression"}, on(schedule=found)) is Verdict.PASS


def test_paused_is_a_difference_only_when_something_was_expected() -> None:
    assert verdict(SYNC, {**ASK, "paused": True}, on()) is Verdict.FAIL
    seen = look(SYNC, ASK, on(paused=True))
    assert judged(SYNC, seen).verdict is Verdict.PASS
    assert "paused_ok" not in seen.metrics


def test_a_condition_on_a_setting_without_an_expectation_does_not_pass() -> None:
    assert verdict(SYNC, ASK, on(), {"mapping_ok": "is true"}) is Verdict.INCONCLUSIVE


def test_a_sync_that_does_not_tell_its_source_is_inconclusive() -> None:
    assert verdict(SYNC, ASK, on(source=" ")) is Verdict.INCONCLUSIVE


def test_the_answer_of_another_sync_is_inconclusive() -> None:
    assert verdict(SYNC, ASK, on(id=7)) is Verdict.INCONCLUSIVE


def test_a_dead_service_is_an_error() -> None:
    with pytest.raises(ServiceError):
        look(SYNC, ASK, context(FakeConnections(FakeSyncService(down=True))))


@pytest.mark.parametrize("inputs", [{"mapping": {}}, {"schedule": {"frequncy": "never"}}])
def test_an_expectation_of_nothing_is_refused(inputs: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        CensusSync.Inputs.model_validate({**ASK, **inputs})
