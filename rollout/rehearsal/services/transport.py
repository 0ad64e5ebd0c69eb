"""The mocked services as the transport of an httpx client, in process."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import httpx

from rollout.rehearsal.services.app import DELAY, DropConnection, ServicesApp

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


class RehearsalTransport(httpx.BaseTransport):
    """Hands requests to a ServicesApp and raises what a real socket would for a dropped one.

    A delay costs no time, virtual or real: it is a read time-out when it is longer than the
    request's own, else nothing.
    """

    def __init__(self, app: ServicesApp) -> None:
        self._app = app

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Raises: httpx.ReadTimeout, httpx.ConnectError."""
        timeout = request.extensions.get("timeout", {}).get("read")

        def wait(seconds: float) -> None:
            if timeout is not None and seconds > timeout:
                raise DropConnection("timeout", before=False)

        def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            environ[DELAY] = wait
            return self._app(environ, start_response)

        try:
            return httpx.WSGITransport(app).handle_request(request)
        except DropConnection as drop:
            how = drop.how
        # Outside the handler, so that the answer's absence has no other story than a socket's.
        if how == "refused":
            raise httpx.ConnectError("[Errno 111] Connection refused", request=request)
        raise httpx.ReadTimeout("The read operation timed out", request=request)
