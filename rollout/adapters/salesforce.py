"""Salesforce' REST API as a RecordStore: the target's own records, not the warehouse's copy."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from rollout.adapters.documents import Fields
from rollout.adapters.http import HttpClient, Request, Sent
from rollout.adapters.replies import Complaint, plain_complaint
from rollout.adapters.salesforce_login import SalesforceLogin
from rollout.adapters.salesforce_table import table_of
from rollout.adapters.salesforce_user import USER_INFO, SessionUser, rights_of, user_of
from rollout.adapters.salesforce_versions import TRIED, offered, to_speak
from rollout.adapters.soql import is_count, selected_columns
from rollout.domain.effects import Answer, No, Unknown, Yes
from rollout.domain.errors import (
    KindMisused,
    QueryFailed,
    ServiceError,
    ServiceGarbled,
    ServiceRefused,
    ServiceUnreachable,
)
from rollout.ports import ApiAllowance, Row, RowResult, Table

MOST_ROWS: Final = 200
"""Records in one collection call. Source: Salesforce REST API, sObject Collections."""
LONGEST_QUERY: Final = 15_000
"""Characters of an encoded query; a URI with its headers may have 16,384 bytes."""
LIMIT_WAIT_S: Final = 900.0
"""The daily allowance rolls over 24 hours; asking sooner than every quarter hour is no use."""
AGAIN_AFTER_S: Final = 5.0

_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?")
_NAME = re.compile(r"[A-Za-z]\w*")
_NEXT = re.compile(r"/services/data/v[0-9]{1,3}\.0/query(?:All)?/[A-Za-z0-9_-]+")


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
    `version` None: the one it was tried with where the instance offers that, asked once.
    With a `login`, a read whose token was refused asks once more with a new one; an effect never
    does, it is a `No` that may be sent again.
    """

    def __init__(
        self,
        client: HttpClient,
        *,
        version: str | None = TRIED,
        login: SalesforceLogin | None = None,
    ) -> None:
        if version is not None and not re.fullmatch(r"v[0-9]{1,3}\.0", version):
            raise KindMisused(f"salesforce: {version!r} is no API version like v62.0")
        self._client, self._login = client, login
        self._version = version

    def close(self) -> None:
        self._client.close()

    def versions(self) -> list[str]:
        """Of the API, as the instance offers them, oldest first. Raises: ServiceError."""
        return offered(self._get("/services/data", None))

    def version(self) -> str:
        """The one that is spoken. Raises: ServiceError while nobody says which there are."""
        if self._version is None:
            self._version = to_speak(self.versions())
        return self._version

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
        return table_of(columns, records, max_rows)

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
        return self._send("PATCH", ids, json=body)

    def delete(self, object_name: str, ids: Sequence[str]) -> Answer[list[RowResult]]:
        if not _NAME.fullmatch(object_name):
            raise KindMisused(f"salesforce: {object_name!r} is no object's name")
        wanted = _ids_of(ids)
        if not wanted:
            return Yes([])
        query = {"ids": ",".join(wanted), "allOrNone": "false"}
        return self._send("DELETE", wanted, query=query)

    def allowance(self) -> ApiAllowance:
        limits = self._page(f"{self._root}/limits", None).object("DailyApiRequests")
        return ApiAllowance(limits.integer("Max"), limits.integer("Remaining"))

    def user(self) -> SessionUser:
        """Whose session this is. Raises: ServiceError."""
        return user_of(self._page(USER_INFO, None))

    def rights(self, object_name: str) -> frozenset[str]:
        """What the user may do with the object's records: create, edit, delete. Raises: ServiceError."""
        if not _NAME.fullmatch(object_name):
            raise KindMisused(f"salesforce: {object_name!r} is no object's name")
        return rights_of(self._page(f"{self._root}/sobjects/{object_name}/describe", None))

    @property
    def _root(self) -> str:
        return f"/services/data/{self.version()}"

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

    def _send(
        self,
        method: str,
        ids: list[str],
        *,
        query: Mapping[str, str | int] | None = None,
        json: Any = None,
    ) -> Answer[list[RowResult]]:
        try:
            path = f"{self._root}/composite/sobjects"
        except ServiceRefused as error:
            return No(f"not sent: {error}")
        except ServiceError as error:
            return No(f"not sent: {error}", getattr(error, "retry_after_s", None) or AGAIN_AFTER_S)
        answer = self._client.send_effect(Request(method, path, query or {}, json))
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
