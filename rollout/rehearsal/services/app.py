"""Census and Salesforce as one WSGI app, with faults between them and the client."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from threading import RLock
from typing import TYPE_CHECKING, Any

from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request, Response

from rollout.domain.instants import from_text, to_text
from rollout.rehearsal.services.answers import json_answer
from rollout.rehearsal.services.census import CensusMock
from rollout.rehearsal.services.census_api import CensusApi
from rollout.rehearsal.services.faults import DropConnection, HttpFault
from rollout.rehearsal.services.salesforce import SalesforceMock
from rollout.rehearsal.services.salesforce_api import SalesforceApi

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

__all__ = ["DELAY", "DropConnection", "HttpFault", "ServicesApp"]

DELAY = "rollout.delay"
"""environ key of a callable that lets seconds pass: a server sleeps, the in-process transport
raises DropConnection when the client would not wait so long."""
_HTML = "<!DOCTYPE html><html><head><title>Sign in</title></head><body>Sign in</body></html>"
_GARBAGE = b"\x00\xff\xfe{{{\x93 not json"
_READS = {"GET", "HEAD", "OPTIONS"}


class ServicesApp:
    """Dispatches /api/... to Census and /services/... to Salesforce.

    `on_request(method, path)` names what goes wrong with a request, before it is handled; Census
    paths come without /api/v1 or /api/v2, Salesforce paths as they are. `journal` gets each request
    that will change something ({"at", "method", "path", "body"}), once it is authorized and before
    it is applied; logins are not journaled, their bodies carry the secret.
    Requests are handled one at a time.
    """

    def __init__(
        self,
        census: CensusMock,
        salesforce: SalesforceMock,
        *,
        on_request: Callable[[str, str], HttpFault | None] | None = None,
        journal: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        self.census, self.salesforce = census, salesforce
        self.on_request, self.journal = on_request, journal
        self._apis: Mapping[str, CensusApi | SalesforceApi] = {
            "api": CensusApi(census),
            "services": SalesforceApi(salesforce),
        }
        self._lock = RLock()
        census.on_api_calls = salesforce.spend

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request.

        Raises: DropConnection when the client must see no answer.
        """
        request = Request(environ)
        with self._lock:
            self.census.world.catch_up()
            fault = None
            if self.on_request is not None:
                fault = self.on_request(request.method, _short_path(request.path))
            response = self._serve(request, fault)
        if fault is not None and fault.do == "delay":
            wait: Callable[[float], None] | None = environ.get(DELAY)
            if wait is not None:
                wait(fault.seconds)
        return response(environ, start_response)

    def replay(self, entry: Mapping[str, Any]) -> None:
        """Apply a journaled request again, at its instant and without faults; its answer is lost."""
        with self._lock:
            self.census.clock.advance_to(from_text(entry["at"]))
            self.census.world.catch_up()
            builder = EnvironBuilder(
                path=entry["path"],
                method=entry["method"],
                data=entry["body"],
                content_type="application/json",
            )
            request = Request(builder.get_environ())
            api = self._api(request)
            if api is not None:
                api.answer(request)

    def _serve(self, request: Request, fault: HttpFault | None) -> Response:
        if fault is None:
            return self._handle(request)
        early = self._instead(request, fault)
        return early if early is not None else self._after(self._handle(request), fault)

    def _instead(self, request: Request, fault: HttpFault) -> Response | None:
        """The faults that keep a request from the service, or change how it will be taken."""
        if fault.do == "timeout_before_effect":
            raise DropConnection("timeout", before=True)
        if fault.do == "refuse":
            raise DropConnection("refused", before=True)
        if fault.do == "status":
            return _status(fault)
        if fault.do == "html":
            return Response(fault.body or _HTML, content_type="text/html; charset=utf-8")
        if fault.do == "expire_token":
            if self._api(request) is self._apis["services"]:
                self.salesforce.expire_sessions()
            else:
                self.census.refuse_token(fault.seconds)
                return json_answer({"status": 401}, 401)
        if fault.do == "lag":
            self.census.list_behind(fault.seconds)
        return None

    def _after(self, response: Response, fault: HttpFault) -> Response:
        """The faults that happen to an answer once the service has done its work."""
        if fault.do == "timeout_after_effect":
            raise DropConnection("timeout", before=False)
        if fault.do == "status_after_effect":
            return _status(fault)
        if fault.do == "garbage":
            return Response(fault.body.encode() or _GARBAGE, content_type="application/json")
        if fault.do == "cut_json":
            whole = response.get_data()
            return Response(whole[: len(whole) // 2], content_type="application/json")
        if fault.do == "empty":
            return Response(b"", content_type="application/json")
        return response

    def _handle(self, request: Request) -> Response:
        api = self._api(request)
        if api is None:
            return Response("not found", status=404)
        refusal = api.refusal(request)
        if refusal is not None:
            return refusal
        self._write_down(request)
        return api.answer(request)

    def _api(self, request: Request) -> CensusApi | SalesforceApi | None:
        return self._apis.get(request.path.split("/", 2)[1])

    def _write_down(self, request: Request) -> None:
        login = request.path.startswith("/services/oauth2/")
        if self.journal is None or request.method in _READS or login:
            return
        query = request.query_string.decode("ascii", "replace")
        self.journal(
            {
                "at": to_text(self.census.clock.now()),
                "method": request.method,
                "path": f"{request.path}?{query}" if query else request.path,
                "body": request.get_data(as_text=True),
            }
        )


def _status(fault: HttpFault) -> Response:
    answer = Response(fault.body, status=fault.status, content_type="application/json")
    answer.headers.update(dict(fault.headers))
    return answer


def _short_path(path: str) -> str:
    """
    >>> _short_path("/api/v1/syncs/7/trigger"), _short_path("/services/data/v60.0/limits")
    ('/syncs/7/trigger', '/services/data/v60.0/limits')
    """
    for prefix in ("/api/v1", "/api/v2"):
        if path.startswith(prefix + "/"):
            return path[len(prefix) :]
    return path
