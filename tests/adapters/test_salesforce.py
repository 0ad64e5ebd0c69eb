from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.adapters.http import HttpClient
from rollout.adapters.redaction import Redactor
from rollout.adapters.salesforce import (
    LIMIT_WAIT_S,
    SalesforceRecordStore,
    salesforce_complaint,
    salesforce_judge,
)
from rollout.adapters.salesforce_login import SalesforceLogin
from rollout.adapters.soql import selected_columns, soql_datetime, soql_literal
from rollout.domain.effects import No, Unknown, Yes
from rollout.domain.errors import (
    KindMisused,
    QueryFailed,
    ServiceError,
    ServiceGarbled,
    ServiceRefused,
    ServiceUnreachable,
)
from rollout.ports import ApiAllowance, Row, RowResult

BASE = "https://acme.my.salesforce.test"
TOKEN = "00DCANARY!AQ.CanaryCanaryCanary"
IDS = ["a01000000000001AAA", "a01000000000002AAA", "a01000000000003AAA"]
NAIVE = datetime(2026, 1, 6, tzinfo=UTC).replace(tzinfo=None)
Reply = httpx.Response | Exception
Handler = Callable[[httpx.Request], Reply]


def client(handler: Handler, token: Any = TOKEN, **options: Any) -> HttpClient:
    def respond(request: httpx.Request) -> httpx.Response:
        reply = handler(request)
        if isinstance(reply, Exception):
            raise reply
        return reply

    return HttpClient(
        BASE,
        service="salesforce",
        token=token,
        transport=httpx.MockTransport(respond),
        read_complaint=salesforce_complaint,
        judge=salesforce_judge,
        **options,
    )


def store(handler: Handler) -> SalesforceRecordStore:
    return SalesforceRecordStore(client(handler))


def in_turn(*replies: Reply) -> tuple[Handler, list[httpx.Request]]:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> Reply:
        seen.append(request)
        return replies[len(seen) - 1]

    return handler, seen


def found(*records: dict[str, Any], kind: str = "Account__c", **more: Any) -> httpx.Response:
    items = [{"attributes": {"type": kind, "url": "/x"}, **record} for record in records]
    body = {"totalSize": len(records), "done": True, "records": items, **more}
    return httpx.Response(200, json=body)


def refused(status: int, code: str, message: str = "because") -> httpx.Response:
    return httpx.Response(status, json=[{"message": message, "errorCode": code}])


# ---- SOQL texts


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "'plain'"),
        ("O'Hare", r"'O\'Hare'"),
        ("a\\' OR Name != '", r"'a\\\' OR Name != \''"),
        ("two\nlines\r\t", r"'two\nlines\r\t'"),
        ("", "''"),
        (True, "TRUE"),
        (False, "FALSE"),
        (None, "NULL"),
        (17, "17"),
        (-1.5, "-1.5"),
        (1e-7, "0.0000001"),
        (date(2026, 1, 6), "2026-01-06"),
        (datetime(2026, 1, 6, 18, 0, 34, 123456, tzinfo=UTC), "2026-01-06T18:00:34.123Z"),
    ],
)
def test_values_are_written_the_way_soql_reads_them(value: Any, text: str) -> None:
    assert soql_literal(value) == text


@given(st.text())
def test_no_text_can_end_its_own_literal(value: str) -> None:
    inner = soql_literal(value)[1:-1]
    position = 0
    while position < len(inner):
        assert inner[position] not in "'\n\r"
        position += 2 if inner[position] == "\\" else 1
    assert position == len(inner)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), NAIVE])
def test_a_value_soql_cannot_hold_is_refused(value: Any) -> None:
    with pytest.raises(ValueError):
        soql_literal(value)


def test_an_instant_of_another_zone_is_written_in_utc() -> None:
    instant = datetime.fromisoformat("2026-01-06T10:00:34-08:00")
    assert soql_datetime(instant) == "2026-01-06T18:00:34.000Z"


@pytest.mark.parametrize(
    ("soql", "names"),
    [
        ("SELECT Id FROM A", ["Id"]),
        ("select id , Owner.Name from A where X__c = 'a, b FROM c'", ["id", "Owner.Name"]),
        ("SELECT COUNT(Id) FROM A", ["expr0"]),
        (
            "SELECT S__c, COUNT(Id), MAX(D) m, MIN(D) FROM A GROUP BY S__c",
            ["S__c", "expr0", "m", "expr1"],
        ),
        ("SELECT toLabel(Status), FORMAT(Amount) a FROM A", ["Status", "a"]),
        ("SELECT From__c, Valid_From__c\nFROM A", ["From__c", "Valid_From__c"]),
        ("SELECT CALENDAR_YEAR(convertTimezone(CreatedDate)) y FROM A", ["y"]),
    ],
)
def test_columns_come_from_the_select(soql: str, names: list[str]) -> None:
    columns = selected_columns(soql)
    assert columns is not None
    assert [column.name for column in columns] == names


@pytest.mark.parametrize(
    "soql",
    [
        "SELECT Id, (SELECT Id FROM Kids__r) FROM A",
        "SELECT TYPEOF What WHEN Account THEN Phone END FROM Event",
    ],
)
def test_what_is_no_flat_table_is_refused_before_it_is_asked(soql: str) -> None:
    handler, seen = in_turn()
    with pytest.raises(QueryFailed) as caught:
        store(handler).query(soql)
    assert caught.value.error_class == "NOT_A_TABLE"
    assert seen == []


# ---- queries


def test_a_query_gives_a_table_without_attributes() -> None:
    handler, seen = in_turn(
        found(
            {
                "Id": "1",
                "Owner": {"attributes": {"type": "User"}, "Name": "Ada"},
                "CreatedDate": "2026-01-06T18:00:34.000+0000",
                "Amount__c": 1.5,
                "On__c": False,
            },
            {
                "Id": "2",
                "Owner": None,
                "CreatedDate": "2026-01-06T18:00:34.125+0000",
                "Amount__c": None,
                "On__c": True,
            },
        )
    )
    soql = "SELECT Id, Owner.Name, CreatedDate, Amount__c, On__c FROM Account__c"
    table = store(handler).query(soql)
    assert table.columns == ["Id", "Owner.Name", "CreatedDate", "Amount__c", "On__c"]
    assert table.rows == [
        ("1", "Ada", "2026-01-06T18:00:34Z", 1.5, False),
        ("2", None, "2026-01-06T18:00:34.125000Z", None, True),
    ]
    assert not table.truncated
    assert seen[0].url.path == "/services/data/v62.0/query"
    assert parse_qs(seen[0].url.query.decode()) == {"q": [soql]}
    assert seen[0].headers["authorization"] == f"Bearer {TOKEN}"


def test_columns_are_named_as_the_select_writes_them() -> None:
    table = store(lambda _: found({"Id": "1", "Name": "x"})).query("SELECT id, NAME FROM A")
    assert table.dicts() == [{"id": "1", "NAME": "x"}]


def test_an_empty_result_still_has_columns() -> None:
    table = store(lambda _: found()).query("SELECT Id, Owner.Name FROM A")
    assert (table.columns, table.rows) == (["Id", "Owner.Name"], [])


def test_a_count_is_one_row() -> None:
    counted = httpx.Response(200, json={"totalSize": 17875, "done": True, "records": []})
    table = store(lambda _: counted).query("SELECT COUNT() FROM Product_Property__c")
    assert (table.columns, table.rows) == (["count"], [(17875,)])


def test_aggregates_keep_their_aliases() -> None:
    record = {"Status__c": "on", "n": 3, "expr0": "2026-01-06T18:00:34.000+0000"}
    soql = "SELECT Status__c, COUNT(Id) n, MAX(CreatedDate) FROM A GROUP BY Status__c"
    table = store(lambda _: found(record, kind="AggregateResult")).query(soql)
    assert table.dicts() == [{"Status__c": "on", "n": 3, "expr0": "2026-01-06T18:00:34Z"}]


def test_a_grouped_parent_field_stands_under_its_last_name() -> None:
    reply = found({"Name": "Ada", "n": 2}, kind="AggregateResult")
    table = store(lambda _: reply).query(
        "SELECT Owner.Name, COUNT(Id) n FROM A GROUP BY Owner.Name"
    )
    assert table.dicts() == [{"Owner.Name": "Ada", "n": 2}]


def test_a_compound_value_is_json_text() -> None:
    table = store(lambda _: found({"BillingAddress": {"city": "Reno"}})).query(
        "SELECT BillingAddress FROM A"
    )
    assert table.rows == [('{"city": "Reno"}',)]


def test_all_fields_are_named_by_the_records() -> None:
    table = store(lambda _: found({"Id": "1", "X__c": 2})).query(
        "SELECT FIELDS(ALL) FROM A LIMIT 1"
    )
    assert table.columns == ["Id", "X__c"]


def test_a_record_without_a_selected_field_is_garbled_not_null() -> None:
    with pytest.raises(ServiceGarbled, match="without the field Name"):
        store(lambda _: found({"Id": "1"})).query("SELECT Id, Name FROM A")


def paged(*pages: list[str], total: int | None = None) -> tuple[Handler, list[httpx.Request]]:
    count = sum(len(page) for page in pages) if total is None else total
    replies = []
    for number, page in enumerate(pages, 1):
        last = number == len(pages)
        more = (
            {} if last else {"nextRecordsUrl": f"/services/data/v62.0/query/01gX-{number * 2000}"}
        )
        records = [{"attributes": {"type": "A"}, "Id": item} for item in page]
        body = {"totalSize": count, "done": last, "records": records, **more}
        replies.append(httpx.Response(200, json=body))
    return in_turn(*replies)


def test_pages_are_followed_to_the_end() -> None:
    handler, seen = paged(["1", "2"], ["3", "4"], ["5"])
    table = store(handler).query("SELECT Id FROM A")
    assert [row[0] for row in table.rows] == ["1", "2", "3", "4", "5"]
    assert [str(request.url) for request in seen[1:]] == [
        f"{BASE}/services/data/v62.0/query/01gX-2000",
        f"{BASE}/services/data/v62.0/query/01gX-4000",
    ]


@pytest.mark.parametrize(("most", "asked", "cut"), [(4, 3, True), (5, 3, False), (1, 1, True)])
def test_pages_beyond_what_was_asked_for_are_not_read(most: int, asked: int, cut: bool) -> None:
    handler, seen = paged(["1", "2"], ["3", "4"], ["5"])
    table = store(handler).query("SELECT Id FROM A", max_rows=most)
    assert len(table.rows) == most
    assert (len(seen), table.truncated) == (asked, cut)


@pytest.mark.parametrize(
    "following",
    [
        "https://evil.example.test/services/data/v62.0/query/01g-2000",
        "//evil.example.test/services/data/v62.0/query/01g-2000",
        "/services/data/v62.0/query/../../../secret",
        "/services/data/v62.0/sobjects/User",
        "/services/data/v62.0/query/01g-2000?x=1",
        "query/01g",
        None,
        7,
    ],
)
def test_a_next_page_elsewhere_is_not_followed(following: Any) -> None:
    body = {
        "totalSize": 2,
        "done": False,
        "nextRecordsUrl": following,
        "records": [{"attributes": {}, "Id": "1"}],
    }
    handler, seen = in_turn(httpx.Response(200, json=body))
    with pytest.raises(ServiceGarbled):
        store(handler).query("SELECT Id FROM A")
    assert len(seen) == 1


def test_pages_that_go_in_circles_and_empty_ones_are_garbled() -> None:
    circle = {
        "totalSize": 9,
        "done": False,
        "nextRecordsUrl": "/services/data/v62.0/query/01g-1",
        "records": [{"Id": "1"}],
    }
    with pytest.raises(ServiceGarbled, match="not a query page"):
        store(lambda _: httpx.Response(200, json=circle)).query("SELECT Id FROM A")
    empty = {**circle, "records": []}
    with pytest.raises(ServiceGarbled, match="empty page"):
        store(lambda _: httpx.Response(200, json=empty)).query("SELECT Id FROM A")


def test_fewer_records_than_promised_are_garbled() -> None:
    handler, _ = paged(["1", "2"], total=3)
    with pytest.raises(ServiceGarbled, match="2 of 3 records"):
        store(handler).query("SELECT Id FROM A")


def test_a_query_that_does_not_fit_into_a_request_is_not_sent() -> None:
    handler, seen = in_turn()
    keys = ",".join(f"'{number:018}'" for number in range(1000))
    with pytest.raises(QueryFailed) as caught:
        store(handler).query(f"SELECT Id FROM A WHERE Id IN ({keys})")
    assert caught.value.error_class == "QUERY_TOO_LONG"
    assert seen == []


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (refused(400, "MALFORMED_QUERY"), QueryFailed),
        (refused(400, "INVALID_FIELD"), QueryFailed),
        (refused(400, "INVALID_TYPE"), QueryFailed),
        (refused(401, "INVALID_SESSION_ID"), ServiceRefused),
        (refused(403, "REQUEST_LIMIT_EXCEEDED"), ServiceUnreachable),
        (refused(403, "API_DISABLED_FOR_ORG"), ServiceRefused),
        (refused(404, "NOT_FOUND"), ServiceRefused),
        (refused(503, "SERVER_UNAVAILABLE"), ServiceUnreachable),
        (httpx.Response(414, text="<h1>Bad Message 414</h1>"), ServiceRefused),
        (httpx.Response(302, headers={"location": "https://login"}), ServiceRefused),
        (httpx.Response(200, text="<html>Maintenance</html>"), ServiceGarbled),
        (httpx.Response(200, text='{"totalSize": 1, "done": tr'), ServiceGarbled),
        (httpx.Response(200, json=[]), ServiceGarbled),
        (httpx.Response(200, json={"totalSize": "1", "done": True, "records": []}), ServiceGarbled),
        (httpx.Response(200, json={"totalSize": 0, "done": "yes", "records": []}), ServiceGarbled),
        (httpx.Response(200, json={"totalSize": 0, "done": True, "records": {}}), ServiceGarbled),
        (httpx.ReadTimeout("late"), ServiceUnreachable),
        (httpx.ConnectError("refused"), ServiceUnreachable),
    ],
    ids=str,
)
def test_every_way_a_query_can_fail(reply: Reply, error: type[ServiceError]) -> None:
    with pytest.raises(error):
        store(lambda _: reply).query("SELECT Id FROM A")


def test_a_failed_query_keeps_the_error_code_and_no_token() -> None:
    reply = refused(400, "INVALID_FIELD", f"No such column 'X' ({TOKEN})")
    with pytest.raises(QueryFailed, match="No such column") as caught:
        store(lambda _: reply).query("SELECT X FROM A")
    assert caught.value.error_class == "INVALID_FIELD"
    assert "Canary" not in str(caught.value)


def test_a_used_up_allowance_says_when_to_come_back() -> None:
    with pytest.raises(ServiceUnreachable) as caught:
        store(lambda _: refused(403, "REQUEST_LIMIT_EXCEEDED")).query("SELECT Id FROM A")
    assert caught.value.retry_after_s == LIMIT_WAIT_S


def test_the_allowance_is_read_from_the_limits() -> None:
    handler, seen = in_turn(
        httpx.Response(200, json={"DailyApiRequests": {"Max": 100_000, "Remaining": 81_234}})
    )
    assert store(handler).allowance() == ApiAllowance(100_000, 81_234)
    assert seen[0].url.path == "/services/data/v62.0/limits"


@pytest.mark.parametrize("body", [{}, {"DailyApiRequests": {"Max": 1}}, {"DailyApiRequests": 3}])
def test_limits_without_the_numbers_are_garbled(body: Any) -> None:
    with pytest.raises(ServiceGarbled):
        store(lambda _: httpx.Response(200, json=body)).allowance()


# ---- updates and deletes


def results(*flags: bool) -> httpx.Response:
    return httpx.Response(
        200,
        json=[
            {"id": IDS[i], "success": True, "errors": []}
            if ok
            else {
                "success": False,
                "errors": [{"statusCode": "ENTITY_IS_DELETED", "message": "gone", "fields": []}],
            }
            for i, ok in enumerate(flags)
        ],
    )


def test_an_update_is_one_patch_that_may_succeed_in_part() -> None:
    handler, seen = in_turn(results(True, False))
    rows: list[Row] = [{"Id": IDS[0], "Name": "A", "On__c": True}, {"Id": IDS[1], "Name": None}]
    answer = store(handler).update("Product_Property__c", rows)
    assert answer == Yes(
        [RowResult(IDS[0], True), RowResult(IDS[1], False, "ENTITY_IS_DELETED: gone")]
    )
    assert (seen[0].method, seen[0].url.path) == (
        "PATCH",
        "/services/data/v62.0/composite/sobjects",
    )
    kind = {"type": "Product_Property__c"}
    assert json.loads(seen[0].content) == {
        "allOrNone": False,
        "records": [
            {"attributes": kind, "id": IDS[0], "Name": "A", "On__c": True},
            {"attributes": kind, "id": IDS[1], "Name": None},
        ],
    }


def test_a_delete_is_one_request_that_may_succeed_in_part() -> None:
    handler, seen = in_turn(results(True, False, True))
    answer = store(handler).delete("Product_Property__c", IDS)
    assert isinstance(answer, Yes)
    assert [result.ok for result in answer.value] == [True, False, True]
    assert seen[0].method == "DELETE"
    assert dict(seen[0].url.params) == {"ids": ",".join(IDS), "allOrNone": "false"}


def test_nothing_to_change_sends_nothing() -> None:
    handler, seen = in_turn()
    assert store(handler).update("A", []) == Yes([])
    assert store(handler).delete("A", []) == Yes([])
    assert seen == []


def test_more_than_200_records_are_refused_before_they_are_sent() -> None:
    handler, seen = in_turn()
    ids = [f"a01{number:012}AAA" for number in range(201)]
    with pytest.raises(KindMisused, match="201 records"):
        store(handler).delete("A", ids)
    with pytest.raises(KindMisused, match="201 records"):
        store(handler).update("A", [{"Id": item} for item in ids])
    assert seen == []


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"Id": ""},
        {"Id": "x"},
        {"Id": f"{IDS[0]},{IDS[1]}"},
        {"Id": IDS[0], "Owner.Name": "x"},
        {"Id": IDS[0], "attributes": "x"},
        {"Id": IDS[0], "N__c": float("nan")},
    ],
    ids=repr,
)
def test_a_row_that_cannot_be_meant_is_refused(row: dict[str, Any]) -> None:
    with pytest.raises(KindMisused):
        store(lambda _: results(True)).update("A", [row])


@pytest.mark.parametrize("name", ["", "A B", "A/../B", "9A"])
def test_an_object_name_is_a_name(name: str) -> None:
    with pytest.raises(KindMisused):
        store(lambda _: results(True)).update(name, [{"Id": IDS[0]}])
    with pytest.raises(KindMisused):
        store(lambda _: results(True)).delete(name, [IDS[0]])


NOT_DONE: dict[str, Reply] = {
    "malformed": refused(400, "JSON_PARSER_ERROR"),
    "no session": refused(401, "INVALID_SESSION_ID"),
    "no right": refused(403, "INSUFFICIENT_ACCESS"),
    "limit": refused(403, "REQUEST_LIMIT_EXCEEDED"),
    "429": httpx.Response(429),
    "refused": httpx.ConnectError("refused"),
}
PERHAPS_DONE: dict[str, Reply] = {
    "500": refused(500, "UNKNOWN_EXCEPTION"),
    "503": refused(503, "SERVER_UNAVAILABLE"),
    "read time-out": httpx.ReadTimeout("late"),
    "reset": httpx.ReadError("reset"),
    "page": httpx.Response(200, text="<html>"),
    "cut": httpx.Response(200, text='[{"id": "a0'),
    "fewer results": results(),
    "more results": results(True, True),
    "no list": httpx.Response(200, json={}),
    "empty": httpx.Response(200),
    "another record": httpx.Response(200, json=[{"id": IDS[1], "success": True, "errors": []}]),
    "no flag": httpx.Response(200, json=[{"id": IDS[0]}]),
    "flag as text": httpx.Response(200, json=[{"id": IDS[0], "success": "true"}]),
    "errors missing": httpx.Response(200, json=[{"success": False}]),
}


@pytest.mark.parametrize("name", NOT_DONE)
def test_what_certainly_did_not_happen_is_no(name: str) -> None:
    for effect in ("update", "delete"):
        handler, seen = in_turn(NOT_DONE[name])
        answer = change(effect, handler)
        assert isinstance(answer, No)
        assert (answer.retry_after_s is not None) is (name in ("limit", "429", "refused"))
        assert len(seen) == 1


@pytest.mark.parametrize("name", PERHAPS_DONE)
def test_what_may_have_happened_is_unknown(name: str) -> None:
    for effect in ("update", "delete"):
        handler, seen = in_turn(PERHAPS_DONE[name])
        assert isinstance(change(effect, handler), Unknown)
        assert len(seen) == 1


def change(effect: str, handler: Handler) -> Any:
    if effect == "update":
        return store(handler).update("A", [{"Id": IDS[0], "Name": "x"}])
    return store(handler).delete("A", IDS[:1])


def test_ids_of_15_and_18_characters_are_the_same_record() -> None:
    reply = httpx.Response(200, json=[{"id": IDS[0], "success": True, "errors": []}])
    answer = store(lambda _: reply).delete("A", [IDS[0][:15]])
    assert answer == Yes([RowResult(IDS[0][:15], True)])


VERSIONS = [
    {"label": f"v{n}", "url": f"/services/data/v{n}.0", "version": f"{n}.0"} for n in (61, 63, 64)
]


def test_the_version_is_found_once_and_spoken_from_then_on() -> None:
    handler, seen = in_turn(
        httpx.Response(200, json=VERSIONS),
        found({"Id": IDS[0]}),
        httpx.Response(200, json=[{"id": IDS[0], "success": True, "errors": []}]),
    )
    records = SalesforceRecordStore(client(handler), version=None)
    assert len(records.query("SELECT Id FROM Account__c").rows) == 1
    assert isinstance(records.delete("Account__c", IDS[:1]), Yes)
    assert [request.url.path for request in seen] == [
        "/services/data",
        "/services/data/v63.0/query",
        "/services/data/v63.0/composite/sobjects",
    ]
    assert records.version() == "v63.0"


def test_a_version_that_the_plan_names_is_not_looked_for() -> None:
    handler, seen = in_turn(found({"Id": IDS[0]}))
    SalesforceRecordStore(client(handler), version="v61.0").query("SELECT Id FROM Account__c")
    assert [request.url.path for request in seen] == ["/services/data/v61.0/query"]


@pytest.mark.parametrize(
    "answer",
    [
        {"versions": []},
        [],
        [{"label": "Fall"}, "v62.0", None],
        [{"version": 62.0}, {"version": "62"}, {"version": "../62.0"}],
    ],
)
def test_an_answer_without_versions_is_garbled_and_nothing_is_sent(answer: Any) -> None:
    def handler(request: httpx.Request) -> Reply:
        assert request.url.path == "/services/data"
        return httpx.Response(200, json=answer)

    records = SalesforceRecordStore(client(handler), version=None)
    with pytest.raises(ServiceGarbled, match="names no version"):
        records.query("SELECT Id FROM Account__c")
    said = records.update("Account__c", [{"Id": IDS[0], "Name": "n"}])
    assert isinstance(said, No)
    assert said.reason.startswith("not sent: ")
    assert said.retry_after_s is not None


@pytest.mark.parametrize(("status", "again"), [(401, False), (404, False), (503, True)])
def test_without_a_version_an_effect_is_not_sent(status: int, again: bool) -> None:
    records = SalesforceRecordStore(client(lambda _: httpx.Response(status)), version=None)
    said = records.delete("Account__c", IDS[:1])
    assert isinstance(said, No)
    assert "not sent: " in said.reason
    assert (said.retry_after_s is not None) is again


def test_a_version_is_a_version() -> None:
    with pytest.raises(KindMisused):
        SalesforceRecordStore(client(lambda _: found()), version="latest")


# ---- login


def logging_in(
    *grants: Reply, answers: Handler
) -> tuple[SalesforceRecordStore, list[httpx.Request]]:
    asked: list[httpx.Request] = []
    redactor = Redactor()

    def grant(request: httpx.Request) -> Reply:
        asked.append(request)
        return grants[len(asked) - 1]

    door = client(grant, token="", redactor=redactor)
    login = SalesforceLogin(door, "client-id", "client-secret-canary")
    speaking = client(answers, token=login, redactor=redactor)
    return SalesforceRecordStore(speaking, login=login), asked


def granted(token: str, instance: str = BASE) -> httpx.Response:
    return httpx.Response(
        200, json={"access_token": token, "instance_url": instance, "token_type": "Bearer"}
    )


def accepts(token: str) -> Handler:
    def handler(request: httpx.Request) -> Reply:
        if request.headers["authorization"] == f"Bearer {token}":
            return found({"Id": "1"}) if request.method == "GET" else results(True)
        return refused(401, "INVALID_SESSION_ID", f"expired {request.headers['authorization']}")

    return handler


def test_a_login_happens_once_and_sends_the_secret_in_the_body() -> None:
    accounts, asked = logging_in(granted("token-one"), answers=accepts("token-one"))
    for _ in range(3):
        assert accounts.query("SELECT Id FROM A").rows == [("1",)]
    assert len(asked) == 1
    assert str(asked[0].url) == f"{BASE}/services/oauth2/token"
    assert parse_qs(asked[0].content.decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": ["client-id"],
        "client_secret": ["client-secret-canary"],
    }
    assert "authorization" not in asked[0].headers


def test_an_expired_token_is_replaced_once_for_a_read() -> None:
    accounts, asked = logging_in(
        granted("token-one"), granted("token-two"), answers=accepts("token-two")
    )
    assert accounts.query("SELECT Id FROM A").rows == [("1",)]
    assert len(asked) == 2


def test_a_second_refusal_of_a_read_is_final_and_quotes_no_token() -> None:
    accounts, asked = logging_in(
        granted("token-one"), granted("token-two"), answers=accepts("token-three")
    )
    with pytest.raises(ServiceRefused) as caught:
        accounts.query("SELECT Id FROM A")
    assert caught.value.status == 401
    assert "token-" not in str(caught.value)
    assert len(asked) == 2


def test_an_expired_token_makes_an_effect_a_no_that_works_the_next_time() -> None:
    accounts, asked = logging_in(
        granted("token-one"), granted("token-two"), answers=accepts("token-two")
    )
    first = accounts.delete("A", IDS[:1])
    assert isinstance(first, No)
    assert first.retry_after_s == 1.0
    assert len(asked) == 1, "no effect is sent twice behind the engine's back"
    assert isinstance(accounts.delete("A", IDS[:1]), Yes)


@pytest.mark.parametrize(
    ("grant", "error"),
    [
        (
            httpx.Response(
                400, json={"error": "invalid_client", "error_description": "client-secret-canary"}
            ),
            ServiceError,
        ),
        (httpx.ConnectError("refused"), ServiceUnreachable),
        (httpx.Response(200, json={"instance_url": BASE}), ServiceGarbled),
        (httpx.Response(200, text="<html>"), ServiceGarbled),
        (granted("token-one", "https://other.my.salesforce.test"), ServiceRefused),
        (granted("token-one", "https://half:x"), ServiceRefused),
        (granted("token one"), ServiceGarbled),
    ],
    ids=str,
)
def test_no_login_no_read_and_no_effect(grant: Reply, error: type[Exception]) -> None:
    accounts, _ = logging_in(grant, grant, answers=accepts("token-one"))
    with pytest.raises(error) as caught:
        accounts.query("SELECT Id FROM A")
    for secret in ("client-secret-canary", "token-one", "token one"):
        assert secret not in str(caught.value)


def test_an_effect_without_a_login_is_no() -> None:
    accounts, _ = logging_in(httpx.ConnectError("refused"), answers=accepts("token-one"))
    answer = accounts.delete("A", IDS[:1])
    assert isinstance(answer, No)
    assert answer.retry_after_s == 5.0


def test_closing_the_store_closes_its_client() -> None:
    accounts = store(lambda _: found())
    accounts.close()
    with pytest.raises(RuntimeError):
        accounts.query("SELECT Id FROM A")


def test_a_login_shows_nothing_of_itself() -> None:
    door = client(lambda _: granted("x"), token="")
    assert repr(SalesforceLogin(door, "i", "hunter2")) == "SalesforceLogin(acme.my.salesforce.test)"


def test_rows_in_the_bin_are_asked_of_another_door_page_by_page() -> None:
    first = found(
        {"Id": IDS[0]},
        done=False,
        totalSize=2,
        nextRecordsUrl="/services/data/v62.0/queryAll/01g-1",
    )
    handler, seen = in_turn(first, found({"Id": IDS[1]}, totalSize=2))
    table = store(handler).query("SELECT Id FROM Account__c", deleted_too=True)
    assert [row[0] for row in table.rows] == IDS[:2]
    assert [r.url.path.rsplit("/", 2)[1] for r in seen] == ["v62.0", "queryAll"]
    assert seen[0].url.path.endswith("/queryAll")
