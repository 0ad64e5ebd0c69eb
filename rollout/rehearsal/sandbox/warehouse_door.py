"""The warehouse's WSGI app: who may come in, what goes wrong on the way, and the Thrift call itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
from databricks.sql.thrift_api.TCLIService import TCLIService as GeneratedService
from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.Thrift import TException
from thrift.transport.TTransport import TMemoryBuffer
from werkzeug.wrappers import Request, Response

from rollout.domain.instants import to_text
from rollout.rehearsal.sandbox.fault_board import FaultBoard, Order, Planned, filled
from rollout.rehearsal.sandbox.http_server import DRIP
from rollout.rehearsal.sandbox.living import LivingStage
from rollout.rehearsal.sandbox.request_log import LONGEST_STATEMENT, RequestLog
from rollout.rehearsal.sandbox.services_door import Exchange, logged
from rollout.rehearsal.sandbox.signs import Signs
from rollout.rehearsal.sandbox.warehouse_service import WarehouseService
from rollout.rehearsal.services.faults import DropConnection

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

HTTP_PATH = "/sql/1.0/warehouses/sandbox"
LOGIN_PATH = "/oidc/v1/token"
_PATHS = re.compile(r"/sql/1\.0/(warehouses|endpoints)/[^/]+")
_REASON = "X-Databricks-Reason-Phrase"
AFTER_EFFECT_S = 600.0
_GOODBYES = ("CloseOperation", "CloseSession")
"""Taken by a warehouse that is down too: there is nothing to be said about what is gone."""
_TCLIService: Any = GeneratedService


class WarehouseDoor:
    """`token` opens it, as do tokens it gave for a client secret that equals `token`."""

    def __init__(
        self,
        living: LivingStage,
        board: FaultBoard,
        signs: Signs,
        log: RequestLog,
        service: WarehouseService,
        *,
        token: str,
        refuse: Callable[[float], None],
    ) -> None:
        self._living, self._board, self._signs, self._log = living, board, signs, log
        self._service, self._token, self._refuse = service, token, refuse
        self._processor = _TCLIService.Processor(service)
        self._refused_until: datetime | None = None

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Raises: DropConnection."""
        exchange = Exchange(environ, "warehouse", to_text(self._living.clock.now()))
        with logged(self._log, exchange):
            response = self._answer(Request(environ), exchange)
            exchange.status = response.status_code
            return response(environ, start_response)

    def refuse_token(self, seconds: float) -> None:
        """Refuse every token for so many virtual seconds."""
        self._refused_until = self._living.clock.now() + timedelta(seconds=seconds)

    def _answer(self, request: Request, exchange: Exchange) -> Response:
        if request.path == LOGIN_PATH:
            return self._log_in(request)
        if request.method != "POST" or not _PATHS.fullmatch(request.path):
            return Response("not found", status=404)
        body = request.get_data()
        exchange.rpc, exchange.statement = _called(body)
        call = " ".join(part for part in (exchange.rpc, exchange.statement) if part)
        planned = self._board.meet("warehouse", call)
        if planned is not None:
            exchange.fault = planned.id
            early = self._instead(planned.order)
            if early is not None:
                return early
        refused = self._no_entry(request, exchange.rpc)
        if refused is not None:
            return refused
        if exchange.rpc == "ExecuteStatement":
            with self._living.moment():
                self._signs.on_statement()
        content = self._process(body)
        return self._after(content, planned, request.environ)

    def _no_entry(self, request: Request, rpc: str | None) -> Response | None:
        now = self._living.clock.now()
        self._board.fire_due()
        if self._refused_until is not None and now < self._refused_until:
            return _forbidden()
        if request.headers.get("Authorization", "") != f"Bearer {self._token}":
            return _forbidden()
        with self._living.moment() as at:
            if self._living.stage.switches.warehouse_is_down(at) and rpc not in _GOODBYES:
                return Response(status=503, headers={"Retry-After": "1", _REASON: "starting"})
        return None

    def _instead(self, order: Order) -> Response | None:
        """The faults that keep a call from the warehouse."""
        if order.do == "timeout_before_effect":
            raise DropConnection("timeout", before=True)
        if order.do == "refuse":
            self._refuse(order.seconds)
            raise DropConnection("refused", before=True)
        if order.do == "status":
            return _status(order)
        if order.do == "html":
            return Response(filled(order) or "<html>Sign in</html>", content_type="text/html")
        if order.do == "expire_token":
            self.refuse_token(order.seconds)
            return _forbidden()
        return None

    def _after(self, content: bytes, planned: Planned | None, environ: Any) -> Response:
        """The faults that happen to an answer once the statement has been done."""
        if planned is None:
            return _thrift(content)
        order = planned.order
        if order.do == "timeout_after_effect":
            started = self._service.started()
            if started is not None:
                started.over.wait(AFTER_EFFECT_S)
            raise DropConnection("timeout", before=False)
        if order.do == "status_after_effect":
            return _status(order)
        if order.do == "delay":
            self._living.pause(order.seconds)
        if order.do == "drip":
            environ[DRIP] = order.seconds
        if order.do == "garbage":
            return _thrift(filled(order).encode() or b"\x00\xff\xfe no thrift")
        if order.do == "cut_json":
            return _thrift(content[: len(content) // 2])
        return _thrift(b"" if order.do == "empty" else content)

    def _process(self, body: bytes) -> bytes:
        answer = TMemoryBuffer()
        self._processor.process(_protocol(TMemoryBuffer(body)), _protocol(answer))
        return bytes(answer.getvalue())

    def _log_in(self, request: Request) -> Response:
        """OAuth for a service principal; any client id will do."""
        form = request.form
        given = request.authorization.password if request.authorization else None
        if form.get("grant_type") != "client_credentials" or self._token not in (
            given,
            form.get("client_secret"),
        ):
            return Response('{"error": "invalid_client"}', status=401, mimetype="application/json")
        document = {"access_token": self._token, "token_type": "Bearer", "expires_in": 3600}
        return Response(msgspec.json.encode(document), mimetype="application/json")


def _status(order: Order) -> Response:
    return Response(filled(order), status=order.status, headers=order.headers)


def _called(body: bytes) -> tuple[str | None, str | None]:
    """The call's name, and the statement of an ExecuteStatement, on one line."""
    protocol = _protocol(TMemoryBuffer(body))
    try:
        name = str(protocol.readMessageBegin()[0])
        if name != "ExecuteStatement":
            return name, None
        arguments = _TCLIService.ExecuteStatement_args()
        arguments.read(protocol)
    except (EOFError, TypeError, ValueError, TException):
        return None, None
    text = " ".join((arguments.req.statement or "").split())
    return name, text[:LONGEST_STATEMENT]


def _protocol(buffer: TMemoryBuffer) -> Any:
    # Without limits of its own: thrift caps texts at 15 MiB, an Arrow batch may be larger.
    return TBinaryProtocol(buffer, string_length_limit=None, container_length_limit=None)


def _thrift(content: bytes) -> Response:
    return Response(content, content_type="application/x-thrift")


def _forbidden() -> Response:
    return Response(status=403, headers={_REASON: "Invalid access token."})
