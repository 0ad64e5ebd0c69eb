"""The mocked Salesforce: sessions, allowance, queries by page, collections, error shapes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from small_services import SPEC, TOKEN, Services, services

from rollout.rehearsal.services.faults import HttpFault
from rollout.rehearsal.services.salesforce import TOOL_USER
from rollout.rehearsal.world import ValidationRule, WorldSpec

BASE = "/services/data/v60.0"


@pytest.fixture
def stage() -> Iterator[Services]:
    with services() as made:
        yield made


def call(
    stage: Services, method: str, path: str, token: str = TOKEN, **options: Any
) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return stage.http.request(method, path, headers=headers, **options)


def query(stage: Services, soql: str, resource: str = "query") -> Any:
    answer = call(stage, "GET", f"{BASE}/{resource}", params={"q": soql})
    assert answer.status_code == 200, answer.text
    return answer.json()


def error(answer: httpx.Response) -> tuple[int, str]:
    (problem,) = answer.json()
    assert problem.keys() == {"message", "errorCode"}
    assert problem["message"]
    return answer.status_code, problem["errorCode"]


def some_ids(stage: Services, count: int) -> list[str]:
    found = query(stage, f"SELECT Id FROM Product_Property__c ORDER BY Id LIMIT {count}")
    return [record["Id"] for record in found["records"]]


def changes(*pairs: tuple[str, Any], field: str = "Name") -> dict[str, Any]:
    return {
        "allOrNone": False,
        "records": [
            {"attributes": {"type": "Product_Property__c"}, "id": key, field: value}
            for key, value in pairs
        ],
    }


# ── sessions and the allowance ────────────────────────────────────────────────────────────────


def test_without_a_session_there_is_only_a_refusal(stage: Services) -> None:
    for token in ("wrong", TOKEN + "x"):
        assert error(call(stage, "GET", f"{BASE}/limits", token)) == (401, "INVALID_SESSION_ID")
    assert stage.http.get(f"{BASE}/limits").status_code == 401


def test_versions_need_no_session(stage: Services) -> None:
    answer = stage.http.get("/services/data/")
    assert {"label", "url", "version"} <= answer.json()[-1].keys()


def test_a_login_opens_a_session_that_ends_when_it_expires(stage: Services) -> None:
    form = {"grant_type": "client_credentials", "client_id": "rehearsal", "client_secret": TOKEN}
    session = stage.http.post("/services/oauth2/token", data=form).json()
    assert session["token_type"] == "Bearer"
    assert session["instance_url"] == "https://app.getcensus.com"
    token = session["access_token"]
    assert call(stage, "GET", f"{BASE}/limits", token).status_code == 200
    stage.fault = HttpFault(do="expire_token")
    assert error(call(stage, "GET", f"{BASE}/limits", token)) == (401, "INVALID_SESSION_ID")
    stage.fault = None
    assert error(call(stage, "GET", f"{BASE}/limits", token)) == (401, "INVALID_SESSION_ID")
    again = stage.http.post("/services/oauth2/token", data=form).json()["access_token"]
    assert again != token
    assert call(stage, "GET", f"{BASE}/limits", again).status_code == 200


@pytest.mark.parametrize(
    ("form", "word"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type"),
        (
            {"grant_type": "client_credentials", "client_id": "x", "client_secret": "y"},
            "invalid_client",
        ),
        ({"grant_type": "client_credentials", "client_secret": TOKEN}, "invalid_client"),
    ],
)
def test_a_wrong_login_is_refused(stage: Services, form: dict[str, str], word: str) -> None:
    answer = stage.http.post("/services/oauth2/token", data=form)
    assert (answer.status_code, answer.json()["error"]) == (400, word)


def test_every_request_costs_one_for_a_day(stage: Services) -> None:
    first = call(stage, "GET", f"{BASE}/limits")
    assert first.json()["DailyApiRequests"] == {"Max": 100_000, "Remaining": 99_999}
    assert first.headers["Sforce-Limit-Info"] == "api-usage=1/100000"
    assert call(stage, "GET", f"{BASE}/limits").json()["DailyApiRequests"]["Remaining"] == 99_998
    stage.after(hours=24)
    assert call(stage, "GET", f"{BASE}/limits").json()["DailyApiRequests"]["Remaining"] == 99_999


def test_no_requests_left_is_403(stage: Services) -> None:
    stage.salesforce.set_api_used(99_999)
    assert call(stage, "GET", f"{BASE}/limits").status_code == 200
    assert error(call(stage, "GET", f"{BASE}/limits")) == (403, "REQUEST_LIMIT_EXCEEDED")


@pytest.mark.parametrize("path", [f"{BASE}/nothing", "/services/data/v9.0/limits", "/services/x"])
def test_an_unknown_resource_is_404(stage: Services, path: str) -> None:
    assert error(call(stage, "GET", path)) == (404, "NOT_FOUND")


def test_a_uri_that_is_too_long_is_414(stage: Services) -> None:
    soql = "SELECT Id FROM Product_Property__c WHERE Id IN ('" + "','".join(["a" * 18] * 900) + "')"
    answer = call(stage, "GET", f"{BASE}/query", params={"q": soql})
    assert answer.status_code == 414
    assert answer.headers["Content-Type"].startswith("text/html")


# ── queries ───────────────────────────────────────────────────────────────────────────────────


def test_count_is_a_size_without_records(stage: Services) -> None:
    assert query(stage, "SELECT COUNT() FROM Product_Property__c") == {
        "totalSize": SPEC.target_rows,
        "done": True,
        "records": [],
    }


def test_records_carry_their_attributes_and_salesforce_types(stage: Services) -> None:
    (record,) = query(
        stage,
        "SELECT id, Name, idv_enabled__c, Active_Property_Count__c, CreatedDate "
        "FROM Product_Property__c WHERE Active_Property_Count__c != NULL LIMIT 1",
    )["records"]
    assert record["attributes"] == {
        "type": "Product_Property__c",
        "url": f"{BASE}/sobjects/Product_Property__c/{record['Id']}",
    }
    assert isinstance(record["IDV_Enabled__c"], bool)
    assert isinstance(record["Active_Property_Count__c"], float)
    assert record["CreatedDate"].endswith(".000+0000")


def test_aggregates_are_named(stage: Services) -> None:
    (row,) = query(
        stage,
        "SELECT COUNT(Id) total, MAX(CreatedDate), COUNT_DISTINCT(Name) FROM Product_Property__c",
    )["records"]
    assert row["attributes"] == {"type": "AggregateResult"}
    assert row["total"] == SPEC.target_rows
    assert row["expr0"].endswith("+0000")
    assert isinstance(row["expr1"], int)


def test_a_long_answer_comes_in_pages_of_2000_as_it_was_when_asked() -> None:
    spec = WorldSpec(
        properties=4600,
        target_rows=4500,
        create_queue=10,
        update_queue=10,
        high_priority=2,
        wrong_flags=2,
        shared_ids=4,
        company_gaps=0,
        organic=False,
    )
    with services(spec=spec) as stage:
        page = query(stage, "SELECT Id FROM Product_Property__c")
        ids = [record["Id"] for record in page["records"]]
        stage.world.truth.delete(ids[:10] + some_ids(stage, 4), by=TOOL_USER, at=stage.clock.now())
        sizes = [len(ids)]
        while not page["done"]:
            page = call(stage, "GET", page["nextRecordsUrl"]).json()
            assert page["totalSize"] == 4500
            sizes.append(len(page["records"]))
            ids += [record["Id"] for record in page["records"]]
        assert sizes == [2000, 2000, 500]
        assert "nextRecordsUrl" not in page
        assert len(set(ids)) == 4500
        answer = call(
            stage,
            "GET",
            f"{BASE}/query",
            params={"q": "SELECT Name, Id, COUNT(Id) FROM Product_Property__c GROUP BY Name, Id"},
        )
        assert error(answer) == (400, "EXCEEDED_ID_LIMIT")
        first = query(stage, "SELECT Id FROM Product_Property__c")["nextRecordsUrl"]
        for _ in range(10):
            query(stage, "SELECT Id FROM Product_Property__c")
        assert error(call(stage, "GET", first)) == (400, "INVALID_QUERY_LOCATOR")


@pytest.mark.parametrize("locator", ["01gRH0000000001AAA-2000", "nonsense", "a-b", "-5"])
def test_an_unknown_locator_is_refused(stage: Services, locator: str) -> None:
    answer = call(stage, "GET", f"{BASE}/query/{locator}")
    assert error(answer) == (400, "INVALID_QUERY_LOCATOR")


@pytest.mark.parametrize(
    ("soql", "code"),
    [
        ("SELECT Nope FROM Product_Property__c", "INVALID_FIELD"),
        ("SELECT Id FROM Nope__c", "INVALID_TYPE"),
        ("SELEC Id FROM Product_Property__c", "MALFORMED_QUERY"),
        ("", "MALFORMED_QUERY"),
    ],
)
def test_a_wrong_query_is_400_with_its_code(stage: Services, soql: str, code: str) -> None:
    answer = call(stage, "GET", f"{BASE}/query", params={"q": soql})
    assert error(answer) == (400, code)


def test_a_renamed_field_is_gone_at_once(stage: Services) -> None:
    query(stage, "SELECT Company_Name__c FROM Product_Property__c")
    stage.world.run_statement(
        "ALTER TABLE sfdc.main.product_property RENAME COLUMN Company_Name__c TO Company__c",
        on="salesforce",
    )
    answer = call(
        stage,
        "GET",
        f"{BASE}/query",
        params={"q": "SELECT Company_Name__c FROM Product_Property__c"},
    )
    assert error(answer) == (400, "INVALID_FIELD")
    query(stage, "SELECT Company__c FROM Product_Property__c")


# ── collections ───────────────────────────────────────────────────────────────────────────────


def test_an_update_answers_row_by_row(stage: Services) -> None:
    first, second = some_ids(stage, 2)
    body = changes((first, "New"), ("a0P000000000000AAA", "Lost"), (second, ""))
    answer = call(stage, "PATCH", f"{BASE}/composite/sobjects", json=body)
    good, lost, empty = answer.json()
    assert good == {"id": first, "success": True, "errors": []}
    assert lost["errors"][0]["statusCode"] == "ENTITY_IS_DELETED"
    assert empty["errors"][0]["statusCode"] == "REQUIRED_FIELD_MISSING"
    assert "id" not in lost
    (record,) = query(
        stage, f"SELECT Name, LastModifiedById FROM Product_Property__c WHERE Id = '{first}'"
    )["records"]
    assert (record["Name"], record["LastModifiedById"]) == ("New", TOOL_USER)


def test_a_reason_without_a_code_is_a_validation_rule(stage: Services) -> None:
    rule = ValidationRule(("Name",), "r.\"Name\" = 'bad'", "Names must be good", ("updated",))
    stage.world.truth.validation.append(rule)
    body = changes((some_ids(stage, 1)[0], "bad"))
    (row,) = call(stage, "PATCH", f"{BASE}/composite/sobjects", json=body).json()
    assert row["errors"][0]["statusCode"] == "FIELD_CUSTOM_VALIDATION_EXCEPTION"
    assert row["errors"][0]["message"] == "Names must be good"


def test_a_query_that_breaks_inside_is_500(stage: Services) -> None:
    stage.salesforce.schema()
    cursor = stage.world.warehouse_cursor()
    cursor.execute("ALTER TABLE sfdc.main.product_property RENAME IsDeleted TO Gone").fetchall()
    cursor.close()
    answer = call(stage, "GET", f"{BASE}/query", params={"q": "SELECT Id FROM Product_Property__c"})
    assert error(answer) == (500, "UNKNOWN_EXCEPTION")


def test_a_delete_moves_records_to_the_bin(stage: Services) -> None:
    first, second = some_ids(stage, 2)
    params = {"ids": f"{first},{second}", "allOrNone": "false"}
    answer = call(stage, "DELETE", f"{BASE}/composite/sobjects", params=params)
    assert [row["success"] for row in answer.json()] == [True, True]
    again = call(stage, "DELETE", f"{BASE}/composite/sobjects", params=params).json()
    assert [row["errors"][0]["statusCode"] for row in again] == ["ENTITY_IS_DELETED"] * 2
    soql = f"SELECT COUNT() FROM Product_Property__c WHERE Id = '{first}'"
    assert query(stage, soql)["totalSize"] == 0
    assert query(stage, soql, "queryAll")["totalSize"] == 1


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (changes(*[(f"a{n}", "x") for n in range(201)]), "EXCEEDED_ID_LIMIT"),
        (changes(("a", "x"), ("a", "y")), "DUPLICATE_VALUE"),
        (changes(("a", "x"), field="Nope__c"), "INVALID_FIELD"),
        (changes(("a", "x"), field="CreatedDate"), "INVALID_FIELD_FOR_INSERT_UPDATE"),
        (changes(("a", "yes"), field="IDV_Enabled__c"), "JSON_PARSER_ERROR"),
        (changes(("a", "3"), field="Active_Property_Count__c"), "JSON_PARSER_ERROR"),
        ({"records": [{"attributes": {"type": "Product_Property__c"}}]}, "MISSING_ARGUMENT"),
        ({"records": [{"id": "a"}]}, "INVALID_TYPE"),
        ({"records": "all"}, "INVALID_INPUT"),
        ({"allOrNone": True, "records": []}, "INVALID_INPUT"),
    ],
)
def test_a_wrong_update_is_refused_as_a_whole(
    stage: Services, body: dict[str, Any], code: str
) -> None:
    answer = call(stage, "PATCH", f"{BASE}/composite/sobjects", json=body)
    assert error(answer) == (400, code)


def test_a_body_that_is_no_json_is_refused(stage: Services) -> None:
    answer = call(stage, "PATCH", f"{BASE}/composite/sobjects", content=b"{")
    assert error(answer) == (400, "JSON_PARSER_ERROR")


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({}, "INVALID_INPUT"),
        ({"ids": "a,a"}, "DUPLICATE_VALUE"),
        ({"ids": "a", "allOrNone": "true"}, "INVALID_INPUT"),
        ({"ids": ",".join(f"a{n}" for n in range(201))}, "EXCEEDED_ID_LIMIT"),
    ],
)
def test_a_wrong_delete_is_refused_as_a_whole(
    stage: Services, params: dict[str, str], code: str
) -> None:
    answer = call(stage, "DELETE", f"{BASE}/composite/sobjects", params=params)
    assert error(answer) == (400, code)


# ── rights ────────────────────────────────────────────────────────────────────────────────────


def test_an_object_is_described_with_what_the_user_may_do(stage: Services) -> None:
    said = call(stage, "GET", f"{BASE}/sobjects/Product_Property__c/describe").json()
    assert {said[flag] for flag in ("createable", "updateable", "deletable")} == {True}
    fields = {field["name"]: field for field in said["fields"]}
    assert fields["Name"]["updateable"] is True
    assert fields["LastModifiedById"]["updateable"] is False
    assert error(call(stage, "GET", f"{BASE}/sobjects/Account/describe")) == (404, "NOT_FOUND")


@pytest.mark.parametrize("token", [TOKEN, "client credentials"])
def test_a_session_is_told_whose_it_is_however_it_was_got(stage: Services, token: str) -> None:
    form = {"grant_type": "client_credentials", "client_id": "a", "client_secret": TOKEN}
    if token != TOKEN:
        token = stage.http.post("/services/oauth2/token", data=form).json()["access_token"]
    said = call(stage, "GET", "/services/oauth2/userinfo", token).json()
    assert said["user_id"] == TOOL_USER
    refused = call(stage, "GET", "/services/oauth2/userinfo", "wrong")
    assert error(refused) == (401, "INVALID_SESSION_ID")


def test_what_the_user_may_not_do_is_not_done(stage: Services) -> None:
    stage.salesforce.rights.clear()
    (key,) = some_ids(stage, 1)
    update = call(stage, "PATCH", f"{BASE}/composite/sobjects", json=changes((key, "new")))
    delete = call(stage, "DELETE", f"{BASE}/composite/sobjects", params={"ids": key})
    assert error(update) == error(delete) == (403, "INSUFFICIENT_ACCESS_OR_READONLY")
    assert some_ids(stage, 1) == [key]
