"""The REST API of the mocked Salesforce: the paths, shapes and error codes a client sees."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from rollout.domain.errors import QueryFailed
from rollout.rehearsal.services.answers import BodyProblem, json_answer, json_object
from rollout.rehearsal.services.salesforce import OBJECT, PAGE, Cursor, SalesforceMock
from rollout.rehearsal.services.salesforce_answers import (
    description,
    records_of,
    results_of,
    user_info,
)
from rollout.rehearsal.services.soql_tree import SoqlProblem

MOST_RECORDS = 200
LONGEST_URI = 16_384
"""Bytes of a request line; Salesforce answers 414 above it. Long lists of ids must be cut."""
VERSIONS = [f"{number}.0" for number in range(50, 67)]
_READ_ONLY = {
    "CreatedDate",
    "CreatedById",
    "LastModifiedDate",
    "LastModifiedById",
    "SystemModstamp",
    "IsDeleted",
}
_GONE = ("INVALID_QUERY_LOCATOR", "invalid query locator")

_ROUTES = Map(
    [
        Rule("/services/data", methods=["GET"], endpoint="versions"),
        Rule("/services/oauth2/token", methods=["POST"], endpoint="token"),
        Rule("/services/oauth2/userinfo", methods=["GET"], endpoint="user_info"),
        *(
            Rule(f"/services/data/v<version>{path}", methods=[method], endpoint=endpoint)
            for method, path, endpoint in (
                ("GET", "/query", "query"),
                ("GET", "/queryAll", "query_all"),
                ("GET", "/query/<locator>", "more"),
                ("GET", "/queryAll/<locator>", "more"),
                ("GET", "/limits", "limits"),
                ("GET", "/sobjects/<name>/describe", "describe"),
                ("PATCH", "/composite/sobjects", "update"),
                ("DELETE", "/composite/sobjects", "delete"),
            )
        ),
    ],
    strict_slashes=False,
)
_OPEN = {"versions", "token"}
_OPEN_PATHS = {"/services/data", "/services/oauth2/token"}


class _Refused(Exception):
    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.status = code, status


def _errors(code: str, message: str, status: int) -> Response:
    return json_answer([{"message": message, "errorCode": code}], status)


class SalesforceApi:
    """Answers requests below /services with what a SalesforceMock has."""

    def __init__(self, salesforce: SalesforceMock) -> None:
        self._salesforce = salesforce

    def answer(self, request: Request) -> Response:
        """One answer to a request that `refusal` has let through; never raises for what a client
        can do wrong."""
        try:
            endpoint, matched = _ROUTES.bind("").match(request.path, request.method)
        except HTTPException:
            return self._missing()
        values = dict(matched)
        if values.pop("version", VERSIONS[-1]) not in VERSIONS:
            return self._missing()
        if endpoint not in _OPEN:
            self._salesforce.spend(1)
        handler: Callable[..., Response] = getattr(self, f"_{endpoint}")
        try:
            response = handler(request, **values)
        except SoqlProblem as problem:
            response = _errors(problem.code, str(problem), 400)
        except QueryFailed as problem:  # SOQL that was understood, SQL that was not
            response = _errors("UNKNOWN_EXCEPTION", str(problem), 500)
        except _Refused as problem:
            response = _errors(problem.code, str(problem), problem.status)
        except BodyProblem as problem:
            response = _errors("JSON_PARSER_ERROR", str(problem), 400)
        used, most = self._salesforce.api_used, self._salesforce.api_limit
        response.headers["Sforce-Limit-Info"] = f"api-usage={used}/{most}"
        return response

    def refusal(self, request: Request) -> Response | None:
        """Why a request is not served: too long, no session, or no API requests left."""
        if len(request.path) + len(request.query_string) > LONGEST_URI:
            page = "<h1>Bad Message 414</h1><pre>reason: URI Too Long</pre>"
            return Response(page, status=414, content_type="text/html;charset=iso-8859-1")
        if request.path.rstrip("/") in _OPEN_PATHS:
            return None
        given = request.authorization
        session = given.token if given is not None and given.type == "bearer" else None
        if session is None or not self._salesforce.is_open(session):
            return _errors("INVALID_SESSION_ID", "Session expired or invalid", 401)
        if self._salesforce.api_used >= self._salesforce.api_limit:
            return _errors("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", 403)
        return None

    def _missing(self) -> Response:
        return _errors("NOT_FOUND", "The requested resource does not exist", 404)

    def _versions(self, request: Request) -> Response:
        return json_answer(
            [{"label": f"v{v}", "url": f"/services/data/v{v}", "version": v} for v in VERSIONS]
        )

    def _token(self, request: Request) -> Response:
        form = request.form
        if form.get("grant_type") != "client_credentials":
            return json_answer(
                {
                    "error": "unsupported_grant_type",
                    "error_description": "grant type not supported",
                },
                400,
            )
        session = self._salesforce.log_in(form.get("client_secret", ""))
        if not form.get("client_id") or session is None:
            return json_answer(
                {"error": "invalid_client", "error_description": "invalid client credentials"}, 400
            )
        issued = int(self._salesforce.clock.now().timestamp() * 1000)
        return json_answer(
            {
                "access_token": session,
                "instance_url": request.host_url.rstrip("/"),
                "token_type": "Bearer",
                "issued_at": str(issued),
            }
        )

    def _limits(self, request: Request) -> Response:
        most = self._salesforce.api_limit
        left = max(0, most - self._salesforce.api_used)
        return json_answer({"DailyApiRequests": {"Max": most, "Remaining": left}})

    def _user_info(self, request: Request) -> Response:
        return json_answer(user_info(request.host_url.rstrip("/")))

    def _describe(self, request: Request, name: str) -> Response:
        if name.lower() != OBJECT.lower():
            return self._missing()
        fields = self._salesforce.schema().fields
        return json_answer(description(fields, _READ_ONLY, self._salesforce.rights))

    def _query(self, request: Request) -> Response:
        return self._run(request, deleted_too=False)

    def _query_all(self, request: Request) -> Response:
        return self._run(request, deleted_too=True)

    def _run(self, request: Request, *, deleted_too: bool) -> Response:
        text = request.args.get("q")
        if not text:
            raise _Refused("MALFORMED_QUERY", "unexpected token: '<EOF>'")
        cursor = self._salesforce.query(text, deleted_too=deleted_too)
        if cursor.compiled.form == "count":
            total = cursor.rows[0][0]
            return json_answer({"totalSize": total, "done": True, "records": []})
        return self._page(request, cursor, None, 0)

    def _more(self, request: Request, locator: str) -> Response:
        name, _, place = locator.rpartition("-")
        cursor = self._salesforce.cursor(name)
        if cursor is None or not place.isdigit() or int(place) >= len(cursor.rows):
            raise _Refused(*_GONE)
        return self._page(request, cursor, name, int(place))

    def _page(self, request: Request, cursor: Cursor, locator: str | None, low: int) -> Response:
        high = min(low + PAGE, len(cursor.rows))
        base = "/".join(request.path.split("/")[:4])  # /services/data/vXX.X
        body = {
            "totalSize": len(cursor.rows),
            "done": high == len(cursor.rows),
            "records": records_of(cursor, low, high, base),
        }
        if high < len(cursor.rows):
            locator = locator or self._salesforce.keep(cursor)
            body["nextRecordsUrl"] = f"{base}/query/{locator}-{high}"
        return json_answer(body)

    def _update(self, request: Request) -> Response:
        body = json_object(request)
        records = body.get("records")
        if not isinstance(records, list) or not all(isinstance(item, dict) for item in records):
            raise _Refused("INVALID_INPUT", "records must be a list of objects")
        self._check_collection(body.get("allOrNone", False), len(records))
        self._check_right("updateable")
        rows = [self._row(record) for record in records]
        _check_distinct([row["Id"] for row in rows])
        return json_answer(results_of(self._salesforce.update(rows)))

    def _delete(self, request: Request) -> Response:
        ids = [part.strip() for part in request.args.get("ids", "").split(",") if part.strip()]
        if not ids:
            raise _Refused("INVALID_INPUT", "ids must name the records to delete")
        whole = request.args.get("allOrNone", "false").lower() == "true"
        self._check_collection(whole, len(ids))
        self._check_right("deletable")
        _check_distinct(ids)
        return json_answer(results_of(self._salesforce.delete(ids)))

    def _check_collection(self, all_or_none: object, count: int) -> None:
        if count > MOST_RECORDS:
            raise _Refused(
                "EXCEEDED_ID_LIMIT",
                f"record limit reached. cannot submit more than {MOST_RECORDS} records into this call",
            )
        if all_or_none is not False:
            # The world has no transactions over a collection; partial success is what is used.
            raise _Refused("INVALID_INPUT", "this rehearsal serves allOrNone=false only")

    def _check_right(self, right: str) -> None:
        if right not in self._salesforce.rights:
            raise _Refused("INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights", 403)

    def _row(self, record: dict[str, Any]) -> dict[str, Any]:
        """One record's fields by their proper names, its values of the right type."""
        attributes = record.get("attributes")
        kind = attributes.get("type") if isinstance(attributes, dict) else None
        if kind != OBJECT:
            raise _Refused("INVALID_TYPE", f"sObject type '{kind}' is not supported.")
        fields = self._salesforce.schema().fields
        names = {name.lower(): name for name in fields}
        row: dict[str, Any] = {}
        for given, value in record.items():
            if given == "attributes":
                continue
            name = names.get(given.lower())
            if name is None:
                raise _Refused(
                    "INVALID_FIELD", f"No such column '{given}' on sobject of type {OBJECT}"
                )
            if name in _READ_ONLY:
                raise _Refused(
                    "INVALID_FIELD_FOR_INSERT_UPDATE", f"Unable to create/update fields: {name}"
                )
            row[name] = _typed(name, fields[name], value)
        if not isinstance(row.get("Id"), str):
            raise _Refused("MISSING_ARGUMENT", "Id not specified in an update call")
        return row


def _typed(name: str, kind: str, value: Any) -> Any:
    wrong = (kind == "boolean" and not isinstance(value, bool)) or (
        kind == "number" and value is not None and not _is_number(value)
    )
    if wrong:
        raise _Refused("JSON_PARSER_ERROR", f"Cannot deserialize instance of {kind} for {name}")
    return value


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _check_distinct(ids: Sequence[str]) -> None:
    if len(set(ids)) < len(ids):
        raise _Refused("DUPLICATE_VALUE", "duplicate id specified in the list")
