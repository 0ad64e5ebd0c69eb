"""The simulated network below the real HTTP library, to compare with the one in the library's place."""

from __future__ import annotations

import json

import httpx

from .network import Asked, Network


class OverHttpx(httpx.BaseTransport):
    """What the library makes of a request, and of an answer."""

    def __init__(self, network: Network) -> None:
        self.network = network

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content) if request.content else {}
        asked = Asked(request.method, request.url.path, dict(request.url.params), body)
        found = self.network.send(asked)
        return httpx.Response(found.status_code, content=found.content, headers=found.headers)
