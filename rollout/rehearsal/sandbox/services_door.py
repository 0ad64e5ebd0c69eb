"""Census and Salesforce over HTTP: the rehearsal's own WSGI app, in front of a living world."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from rollout.domain.instants import to_text
from rollout.rehearsal.sandbox.fault_board import FaultBoard, Planned, as_http_fault
from rollout.rehearsal.sandbox.http_server import DRIP
from rollout.rehearsal.sandbox.living import LivingStage
from rollout.rehearsal.sandbox.request_log import Entry, RequestLog, auth_kind
from rollout.rehearsal.sandbox.signs import Signs
from rollout.rehearsal.services.app import DELAY
from rollout.rehearsal.services.faults import HttpFault

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_VERSION = re.compile(r"/api/v[12](?=/)")
_RUN = re.compile(r"/sync_runs/(\d+)")
_EFFECT = ("HTTP_IDEMPOTENCY_KEY", "HTTP_X_ROLLOUT_EFFECT")


class Exchange:
    """What is known of a request when it is over."""

    def __init__(self, environ: WSGIEnvironment, service: str, at: str) -> None:
        self.environ, self.service, self.at = environ, service, at
        self.began = perf_counter()
        self.status: int | None = None
        self.run_id: int | None = None
        self.fault: str | None = None
        self.rpc: str | None = None
        self.statement: str | None = None
        self.notice: str | None = None

    def entry(self, seq: int) -> Entry:
        environ = self.environ
        return Entry(
            seq=seq,
            at=self.at,
            service=self.service,
            method=environ["REQUEST_METHOD"],
            path=environ["PATH_INFO"],
            agent=environ.get("HTTP_USER_AGENT", ""),
            auth=auth_kind(environ.get("HTTP_AUTHORIZATION", "")),
            tls=environ["wsgi.url_scheme"] == "https",
            status=self.status,
            ms=round((perf_counter() - self.began) * 1000, 3),
            run_id=self.run_id,
            effect=next((environ[name] for name in _EFFECT if name in environ), None),
            rpc=self.rpc,
            statement=self.statement,
            notice=self.notice,
            fault=self.fault,
        )


@contextmanager
def logged(log: RequestLog, exchange: Exchange) -> Iterator[None]:
    """Write the request down when it is over, however it ended."""
    try:
        yield
    finally:
        log.add(exchange.entry)


class ServicesDoor:
    """One of the two services, as a WSGI app on a port of its own.

    A Census path may leave out /api/v1, as the ready line's base URL does. `refuse` closes the
    port for so many virtual seconds.
    """

    def __init__(
        self,
        living: LivingStage,
        board: FaultBoard,
        signs: Signs,
        log: RequestLog,
        service: Literal["census", "salesforce"],
        refuse: Callable[[float], None],
    ) -> None:
        self._living, self._board, self._signs, self._log = living, board, signs, log
        self._service: Literal["census", "salesforce"] = service
        self._refuse = refuse

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Raises: DropConnection."""
        if self._service == "census" and not _VERSION.match(environ["PATH_INFO"]):
            environ["PATH_INFO"] = "/api/v1" + environ["PATH_INFO"]
        exchange = Exchange(environ, self._service, to_text(self._living.clock.now()))
        with logged(self._log, exchange):
            if self._service == "salesforce" and not environ["PATH_INFO"].startswith("/services/"):
                start_response("404 Not Found", [("Content-Type", "text/plain")])
                return [b"not found"]
            return self._serve(environ, start_response, exchange)

    def _serve(
        self, environ: WSGIEnvironment, start_response: StartResponse, exchange: Exchange
    ) -> list[bytes]:
        waits: list[float] = []
        said: list[Any] = []
        planned: list[Planned] = []
        environ[DELAY] = waits.append
        app = self._living.stage.app

        def answer(
            status: str, headers: list[tuple[str, str]], *_: object
        ) -> Callable[[bytes], object]:
            said.extend((status, headers))
            return _no_write

        with self._living.moment() as now:
            exchange.at = to_text(now)

            def on_request(method: str, path: str) -> HttpFault | None:
                return self._fault(method, path, exchange, planned)

            app.on_request = on_request
            content = b"".join(app(environ, answer))
        exchange.status = int(said[0].split(" ", 1)[0])
        exchange.run_id = _run_id(environ["PATH_INFO"], content)
        for seconds in waits:
            self._living.pause(seconds)
        start_response(said[0], said[1])
        if planned and planned[0].order.do == "drip":
            environ[DRIP] = planned[0].order.seconds
        return [content]

    def _fault(
        self, method: str, path: str, exchange: Exchange, planned: list[Planned]
    ) -> HttpFault | None:
        self._signs.on_call(method, path)
        scripted = self._living.stage.faults.on_call(method, path)
        met = self._board.meet(self._service, f"{method} {path}")
        if met is None:
            exchange.fault = None if scripted is None else "scenario"
            return scripted
        exchange.fault = met.id
        planned.append(met)
        if met.order.do == "refuse":
            self._refuse(met.order.seconds)
        return as_http_fault(met.order)


def _run_id(path: str, content: bytes) -> int | None:
    """The run that a path names or that a trigger's answer gives."""
    found = _RUN.search(path)
    if found is not None:
        return int(found[1])
    if not path.endswith("/trigger"):
        return None
    try:
        return int(msgspec.json.decode(content)["data"]["sync_run_id"])
    except (msgspec.DecodeError, KeyError, TypeError, ValueError):
        return None


def _no_write(_data: bytes) -> None:
    raise AssertionError("the app returns its answer")
