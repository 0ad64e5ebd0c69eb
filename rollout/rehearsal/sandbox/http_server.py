"""A threaded HTTP/1.1 server for WSGI apps that keeps connections, speaks TLS, and can hang up.

wsgiref's server closes after each answer, which costs a TLS handshake a call, and no common server
lets an app break a connection without an answer: that is what a lost answer looks like.
"""

from __future__ import annotations

import os
import socket
import ssl
import struct
import sys
import threading
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler
from io import BytesIO
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from rollout.rehearsal.services.faults import DropConnection

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

DRIP = "rollout.drip"
"""environ key of real seconds over which the app wants its answer to trickle."""
DRIP_PIECES = 50
IDLE_S = 300.0
HANDSHAKE_S = 10.0
LARGEST_REQUEST = 64 * 1024 * 1024
_RESET = struct.pack("ii", 1, 0)
_GONE = (ConnectionError, TimeoutError, ssl.SSLError)


class LoopbackServer(ThreadingMixIn, WSGIServer):
    """Listens on 127.0.0.1:`port` (0 = any free one) from the start; answers once `begin` is called.

    Raises: OSError when the port is taken.
    """

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(
        self, app: WSGIApplication, port: int = 0, tls: ssl.SSLContext | None = None
    ) -> None:
        self._tls = tls
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._shut = threading.Event()
        self.ending = threading.Event()
        super().__init__(("127.0.0.1", port), _Handler)
        self.set_app(app)
        self.port = self.server_port
        self._thread: threading.Thread | None = None

    def server_bind(self) -> None:
        """As HTTPServer's, without its look-up of the host's full name, which may ask the network."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]
        self.setup_environ()

    @property
    def url(self) -> str:
        return f"{'http' if self._tls is None else 'https'}://127.0.0.1:{self.port}"

    def begin(self) -> None:
        """Answer, in threads of its own."""
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Stop listening and hang up on everybody."""
        self.ending.set()
        if self._thread is not None:
            self.shutdown()
            self._thread.join()
        self.server_close()
        self.hang_up()

    def hang_up(self) -> None:
        """Close every connection there is; a request under way gets no answer."""
        with self._lock:
            for connection in self._open:
                _shutdown(connection)

    def refuse(self) -> None:
        """New connections are refused until `accept_again`, and there is nobody on the old ones."""
        with self._lock:
            if not self._shut.is_set():
                self._shut.set()
                self.shutdown()
                self.socket.close()
        self.hang_up()

    def accept_again(self) -> None:
        """Listen on the same port again. Raises: OSError when somebody took it meanwhile."""
        with self._lock:
            if not self._shut.is_set():
                return
            self.socket = socket.socket(self.address_family, self.socket_type)
            self.server_bind()
            self.server_activate()
            self._shut.clear()
        self.begin()

    def finish_request(self, request: Any, client_address: Any) -> None:
        """One connection, in its own thread: a client that stalls its handshake stalls nobody."""
        connection: socket.socket = request
        connection.settimeout(HANDSHAKE_S)
        if self._tls is not None:
            connection = self._tls.wrap_socket(connection, server_side=True)
        connection.settimeout(IDLE_S)
        with self._lock:
            self._open.add(connection)
        try:
            super().finish_request(connection, client_address)
        finally:
            with self._lock:
                self._open.discard(connection)
            _shutdown(connection)
            connection.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is nothing special; a mistake of ours is told on stderr."""
        error = sys.exc_info()[1]
        if not isinstance(error, _GONE):
            sys.stderr.write(
                f"rollout sandbox: a request failed: {type(error).__name__}: {error}\n"
            )


class _Handler(WSGIRequestHandler):
    """Reads a whole request, asks the app, sends a whole answer."""

    server: LoopbackServer
    protocol_version = "HTTP/1.1"
    server_version = "rollout-sandbox"
    sys_version = ""
    disable_nagle_algorithm = True  # else the second packet of an answer waits 40 ms for an ACK
    wbufsize = -1

    def handle(self) -> None:
        # Not wsgiref's, which serves one request and hangs up.
        BaseHTTPRequestHandler.handle(self)

    def serve(self) -> None:
        body = self._body()
        if body is None:
            return
        environ = self.get_environ()
        environ["wsgi.input"] = BytesIO(body)
        environ["wsgi.input_terminated"] = True
        environ["wsgi.url_scheme"] = self.server.url.partition(":")[0]
        environ["HTTP_HOST"] = self.headers.get("Host", "")
        environ["SERVER_PROTOCOL"] = self.request_version
        said: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
            said.append((status, headers))

        try:
            content = b"".join(_whole(self.server.get_app()(environ, start_response)))  # type: ignore[misc]
        except DropConnection as drop:
            self._drop(drop)
            return
        self._send(*said[-1], content, float(environ.get(DRIP, 0)))

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = do_HEAD = do_OPTIONS = serve  # noqa: N815 - http.server's names

    def _body(self) -> bytes | None:
        """The request's body; None when it was refused."""
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdigit():
            self._refuse("411 Length Required")
            return None
        if int(length) > LARGEST_REQUEST:
            self._refuse("413 Content Too Large")
            return None
        return self.rfile.read(int(length))

    def _refuse(self, status: str) -> None:
        self.close_connection = True
        self._send(status, [("Connection", "close")], b"")

    def _send(
        self,
        status: str,
        headers: Iterable[tuple[str, str]],
        content: bytes,
        drip_s: float = 0,
    ) -> None:
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        for name, value in headers:
            if name.lower() != "content-length":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if drip_s:
            self._trickle(content, drip_s)
        elif self.command != "HEAD":
            self.wfile.write(content)
        self.wfile.flush()

    def _trickle(self, content: bytes, seconds: float) -> None:
        size = max(1, -(-len(content) // DRIP_PIECES))
        for start in range(0, len(content), size):
            self.wfile.write(content[start : start + size])
            self.wfile.flush()
            if self.server.ending.wait(seconds / DRIP_PIECES):
                return

    def _drop(self, drop: DropConnection) -> None:
        """No answer. A refused connection looks like a reset, as it was accepted long ago."""
        self.close_connection = True
        if drop.how == "refused":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            os.close(self.connection.detach())

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
        """The sandbox keeps a journal of its own."""


def _whole(parts: Iterable[bytes]) -> list[bytes]:
    try:
        return list(parts)
    finally:
        close = getattr(parts, "close", None)
        if close is not None:
            close()


def _shutdown(connection: socket.socket) -> None:
    try:
        # The plain socket's: an SSLSocket's own would take the TLS state from a reading thread.
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
    except OSError:
        return  # gone already
