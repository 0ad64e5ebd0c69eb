"""An HTTP transport whose requests end: no read, write or connect outlives the request's deadline.

httpx' own time-outs are per operation: a server that sends one header byte every minute keeps a
request alive for ever (seen with a loopback server). Here every socket operation gets at most
what is left until the deadline.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import httpcore
import httpx

DEADLINE = "rollout_deadline"
"""Request extension: the instant on the monotonic clock at which the request must be over."""

ADDRESS = "rollout_address"
"""Request extension: connect to this address; the host's name is not looked up a second time."""


class DeadlineTransport(httpx.BaseTransport):
    """One connection per request, no proxy, no retries, HTTP/1.1.

    Connections are not kept: a POST on an idle connection that the server has just dropped would
    come back as a reset, which is indistinguishable from "done, and the answer was lost".
    """

    def __init__(self, monotonic: Callable[[], float], verify: ssl.SSLContext) -> None:
        self._monotonic = monotonic
        self._verify = verify

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        deadline = float(request.extensions.get(DEADLINE, self._monotonic() + 60.0))
        pool = httpcore.ConnectionPool(
            ssl_context=self._verify,
            max_connections=1,
            max_keepalive_connections=0,
            retries=0,
            http2=False,
            network_backend=_DeadlineBackend(
                deadline, self._monotonic, request.extensions.get(ADDRESS)
            ),
        )
        asked = httpcore.Request(
            method=request.method.encode("ascii"),
            url=httpcore.URL(
                scheme=request.url.raw_scheme,
                host=request.url.raw_host,
                port=request.url.port,
                target=request.url.raw_path,
            ),
            headers=request.headers.raw,
            content=request.read(),
            extensions={"timeout": request.extensions.get("timeout", {})},
        )
        try:
            answer = pool.handle_request(asked)
        except _FOREIGN as error:
            pool.close()
            failure = _as_httpx(error)
        else:
            assert isinstance(answer.stream, Iterable)
            return httpx.Response(
                status_code=answer.status,
                headers=answer.headers,
                stream=_Body(answer.stream, pool),
            )
        raise failure


class _Body(httpx.SyncByteStream):
    def __init__(self, parts: Iterable[bytes], pool: httpcore.ConnectionPool) -> None:
        self._parts, self._pool = parts, pool

    def __iter__(self) -> Iterator[bytes]:
        failure: httpx.HTTPError | None = None
        try:
            yield from self._parts
        except _FOREIGN as error:
            failure = _as_httpx(error)
        if failure is not None:
            raise failure

    def close(self) -> None:
        close = getattr(self._parts, "close", None)
        if close is not None:
            close()
        self._pool.close()


class _DeadlineBackend(httpcore.NetworkBackend):
    def __init__(
        self, deadline: float, monotonic: Callable[[], float], address: str | None = None
    ) -> None:
        self._clock = _Left(deadline, monotonic)
        self._plain = httpcore.SyncBackend()
        self._address = address

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore.NetworkStream:
        left = self._clock.clip(timeout, httpcore.ConnectTimeout)
        to = self._address or host
        stream = self._plain.connect_tcp(to, port, left, local_address, socket_options)
        return _DeadlineStream(stream, self._clock)


class _DeadlineStream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, clock: _Left) -> None:
        self._stream, self._clock = stream, clock

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._clock.clip(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._clock.clip(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        left = self._clock.clip(timeout, httpcore.ConnectTimeout)
        secured = self._stream.start_tls(ssl_context, server_hostname, left)
        return _DeadlineStream(secured, self._clock)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Left:
    """How long an operation may still take."""

    def __init__(self, deadline: float, monotonic: Callable[[], float]) -> None:
        self._deadline, self._monotonic = deadline, monotonic

    def clip(self, timeout: float | None, late: type[httpcore.TimeoutException]) -> float:
        left = self._deadline - self._monotonic()
        if left <= 0:
            raise late("the deadline of the whole request has passed")
        return left if timeout is None else min(timeout, left)


_FOREIGN = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
    httpcore.ConnectionNotAvailable,
)


def _as_httpx(error: Exception) -> httpx.HTTPError:
    """The httpx exception of the same name; httpcore and httpx share their vocabulary."""
    same_name = getattr(httpx, type(error).__name__, httpx.TransportError)
    assert issubclass(same_name, httpx.HTTPError)
    return same_name(str(error))
