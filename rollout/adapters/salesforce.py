"""Salesforce' REST API as a RecordStore: the target's own records, not the warehouse's copy."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from rollout.adapters.documents import Fields
from rollout.adapters.http import HttpClient, Request, Sent
from rollout.adapters.replies import Complaint, plain_complaint
from rollout.adapters.salesforce_login import SalesforceLogin
from rollout.adapters.soql import Column, is_count, selected_columns
from rollout.domain.effects import Answer, No, Unknown, Yes
from rollout.domain.errors import (
    KindMisused,
    QueryFailed,
    ServiceError,
    ServiceGarbled,
    ServiceRefused,
    ServiceUnreachable,
)
from rollout.domain.evidence import Scalar
from rollout.ports import ApiAllowance, Row, RowResult, Table

MOST_ROWS: Final = 200
"""Records in one collection call. Source: Salesforce REST API, sObject Collections."""
LONGEST_QUERY: Final = 15_000
"""Characters of an encoded query; a URI with its headers may have 16,384 bytes."""
LIMIT_WAIT_S: Final = 900.0
"""The daily allowance rolls over 24 hours; asking sooner than every quarter hour is no use."""

_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?")
_NAME = re.compile(r"[A-Za-z]\w*")
_NEXT = re.compile(r"/services/data/v[0-9]{1,3}\.0/query(?:All)?/[A-Za-z0-9_-]+")
_INSTANT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{3}))?(?:\+0000|Z)")


def salesforce_complaint(status: int, document: Any) -> Complaint:
    """`[{"errorCode": …, "message": …}]`, or the OAuth form of the login."""
    if isinstance(document, list) and document and isinstance(document[0], Mapping):
        code, message = document[0].get("errorCode"), document[0].get("message")
        return Complaint(
            message=message if isinstance(message, str) else "",
            code=code if isinstance(code, str) else "",
        )
    return plain_complaint(status, document)


def salesforce_judge(status: int, complaint: Complaint, message: str) -> ServiceError | None:
    """For `HttpClient(judge=…)`: the error codes that mean something of their own."""
    if complaint.code == "REQUEST_LIMIT_EXCEEDED":
        return ServiceUnreachable(message, retry_after_s=LIMIT_WAIT_S)
    if status == 401 or complaint.code == "INVALID_SESSION_ID":
        return ServiceRefused(message, status=401)
    if status == 400 and complaint.code:
        return QueryFailed(message, error_class=complaint.code)
    return None


class SalesforceRecordStore:
    """Reads by SOQL, writes by sObject Collections.

    `client` has the instance's URL as its base, `salesforce_complaint` and `salesforce_judge`.
    With a `login`, a read whose token was refused asks once more with a new one; an effect never
    does, it is a `No` that may be sent again.
    """

    def __init__(
        self, client: HttpClient, *, version: str = "v62.0", login: SalesforceLogin | None = None
    ) -> None:
        if not re.fullmatch(r"v[0-9]{1,3}\.0", version):
            raise KindMisused(f"salesforce: {version!r} is no API version like v62.0")
        self._client, self._login = client, login
        self._root = f"/services/data/{version}"

    def close(self) -> None:
        self._client.close()

    def query(self, soql: str, *, max_rows: int = 50_000, deleted_too: bool = False) -> Table:
        """Rows in the order of the query; columns are named as the SELECT writes them. With
        `deleted_too` those in the bin are among them (`queryAll`).

        Values of a parent are `Owner.Name`; instants are ISO 8601 in UTC; a compound value
        (an address) is JSON text.
        Raises: QueryFailed, ServiceError.
        """
        columns = selected_columns(soql)
        if len(quote(soql, safe="")) > LONGEST_QUERY:
            raise QueryFailed(
                f"salesforce: a query of {len(soql):,} characters does not fit into one request",
                error_class="QUERY_TOO_LONG",
            )
        page = self._page(f"{self._root}/{'queryAll' if deleted_too else 'query'}", {"q": soql})
        if is_count(soql):
            return Table(["count"], [(page.integer("totalSize"),)])
        total, records = page.integer("totalSize"), _records(page)
        seen: set[str] = set()
        while not page.flag("done") and len(records) <= max_rows:
            path = self._next(page, seen)
            page = self._page(path, None)
            records += _records(page)
        if page.flag("done") and len(records) != total:
            raise ServiceGarbled(f"salesforce: {len(records)} of {total} records arrived")
        return _table(columns, records, max_rows)

    def update(self, object_name: str, rows: Sequence[Row]) -> Answer[list[RowResult]]:
        if not _NAME.fullmatch(object_name):
            raise KindMisused(f"salesforce: {object_name!r} is no object's name")
        ids = _ids_of([str(row.get("Id", "")) for row in rows])
        if not ids:
            return Yes([])
        records = [
            {"attributes": {"type": object_name}, "id": row["Id"], **_values(row)} for row in rows
        ]
        body = {"allOrNone": False, "records": records}
        request = Request("PATCH", f"{self._root}/composite/sobjects", json=body)
        return self._send(request, ids)

    def delete(self, object_name: str, ids: Sequence[str]) -> Answer[list[RowResult]]:
        if not _NAME.fullmatch(object_name):
            raise KindMisused(f"salesforce: {object_name!r} is no object's name")
        wanted = _ids_of(ids)
        if not wanted:
            return Yes([])
        query = {"ids": ",".join(wanted), "allOrNone": "false"}
        return self._send(Request("DELETE", f"{self._root}/composite/sobjects", query), wanted)

    def allowance(self) -> ApiAllowance:
        limits = self._page(f"{self._root}/limits", None).object("DailyApiRequests")
        return ApiAllowance(limits.integer("Max"), limits.integer("Remaining"))

    def _page(self, path: str, query: Mapping[str, str | int] | None) -> Fields:
        return Fields(self._get(path, query), "salesforce: answer")

    def _get(self, path: str, query: Mapping[str, str | int] | None) -> Any:
        if self._login is None:
            return self._client.get_json(path, query)
        try:
            return self._client.get_json(path, query)
        except ServiceRefused as error:
            if error.status != 401:
                raise
        self._login.forget()
        return self._client.get_json(path, query)

    def _next(self, page: Fields, seen: set[str]) -> str:
        """The next page: a path on this host, of this shape, that was not read before."""
        path = page.text("nextRecordsUrl")
        if not _NEXT.fullmatch(path) or path in seen:
            raise ServiceGarbled("salesforce: the next page is not a query page of this instance")
        seen.add(path)
        return path

    def _send(self, request: Request, ids: list[str]) -> Answer[list[RowResult]]:
        answer = self._client.send_effect(request)
        if isinstance(answer, Sent):
            return self._results(answer, ids)
        if isinstance(answer, No) and self._login is not None and "answered 401" in answer.reason:
            self._login.forget()
            return No(answer.reason, retry_after_s=1.0)
        return answer

    def _results(self, answer: Sent, ids: list[str]) -> Yes[list[RowResult]] | Unknown:
        what = f"salesforce: answer for {len(ids)} records"
        if not isinstance(answer.body, list) or len(answer.body) != len(ids):
            return Unknown(f"{what}: not one result per record")
        try:
            return Yes(
                [
                    self._result(Fields(item, f"{what}: [{i}]"), ids[i])
                    for i, item in enumerate(answer.body)
                ]
            )
        except ServiceGarbled as error:
            return Unknown(str(error))

    def _result(self, fields: Fields, wanted: str) -> RowResult:
        answered = fields.optional_text("id")
        if answered is not None and answered[:15] != wanted[:15]:
            raise ServiceGarbled(f"{fields.what}: the result is about another record")
        if fields.flag("success"):
            return RowResult(wanted, True)
        errors = fields.objects("errors")
        texts = [
            ": ".join(filter(None, (e.optional_text("statusCode"), e.optional_text("message"))))
            for e in errors
        ]
        return RowResult(wanted, False, self._client.redactor.line("; ".join(texts), 500))


def _records(page: Fields) -> list[Mapping[str, Any]]:
    records = [record.document for record in page.objects("records")]
    if not records and not page.flag("done"):
        raise ServiceGarbled("salesforce: an empty page that is not the last one")
    return records


def _table(columns: list[Column] | None, records: list[Mapping[str, Any]], max_rows: int) -> Table:
    if columns is None:
        names = dict.fromkeys(name for record in records for name in record)
        columns = [Column(name, (name,)) for name in names if name != "attributes"]
    plain = _plain(columns)
    rows = [
        tuple(map(_scalar, found))
        if (found := plain(record)) is not None
        else tuple(_lookup(record, column) for column in columns)
        for record in records[:max_rows]
    ]
    return Table([column.name for column in columns], rows, truncated=len(records) > max_rows)


def _plain(columns: Sequence[Column]) -> Callable[[Mapping[str, Any]], tuple[Any, ...] | None]:
    """Takes a record's values when each column is a field of that very name; None when one is not.
    Whole objects come through here, twenty thousand records at a time."""
    names = tuple(column.path[0] for column in columns)
    if any(len(column.path) != 1 for column in columns):
        return lambda _record: None

    def values(record: Mapping[str, Any]) -> tuple[Any, ...] | None:
        try:
            return tuple([record[name] for name in names])
        except KeyError:
            return None

    return values


def _lookup(record: Mapping[str, Any], column: Column) -> Scalar:
    """The value at the column's path; SOQL does not mind the case of a name, JSON does.

    In a grouped query `Owner.Name` stands under `Name`. A missing parent is null, a missing field
    is not.
    """
    value: Any = record
    for step in column.path:
        if value is None:
            return None
        found = _member(value, step)
        if found is None:
            last = _member(record, column.path[-1]) if _is_grouped(record) else None
            if last is None:
                raise ServiceGarbled(f"salesforce: a record without the field {column.name}")
            return _scalar(last[0])
        value = found[0]
    return _scalar(value)


def _is_grouped(record: Mapping[str, Any]) -> bool:
    attributes = record.get("attributes")
    return isinstance(attributes, Mapping) and attributes.get("type") == "AggregateResult"


def _member(document: Any, name: str) -> tuple[Any] | None:
    if not isinstance(document, Mapping):
        return None
    if name in document:
        return (document[name],)
    same = [key for key in document if key.lower() == name.lower()]
    return (document[same[0]],) if same else None


def _scalar(value: Any) -> Scalar:
    if isinstance(value, str):
        found = _INSTANT.fullmatch(value) if value[10:11] == "T" else None
        if found is None:
            return value
        milliseconds = found[2] if found[2] not in (None, "000") else ""
        return f"{found[1]}{'.' + milliseconds + '000' if milliseconds else ''}Z"
    if value is None or isinstance(value, bool | int | float):
        return value
    return json.dumps(value, sort_keys=True)


def _ids_of(ids: Sequence[str]) -> list[str]:
    if len(ids) > MOST_ROWS:
        raise KindMisused(f"salesforce: {len(ids)} records in one call, {MOST_ROWS} are allowed")
    for wrong in (text for text in ids if not _ID.fullmatch(text)):
        raise KindMisused(f"salesforce: {wrong!r} is no record id of 15 or 18 characters")
    return list(ids)


def _values(row: Row) -> Row:
    for name, value in row.items():
        if not _NAME.fullmatch(name) or name == "attributes":
            raise KindMisused(f"salesforce: {name!r} is no field of the record itself")
        if isinstance(value, float) and not math.isfinite(value):
            raise KindMisused(f"salesforce: {name} is {value}, which no field can hold")
    return {name: value for name, value in row.items() if name != "Id"}
