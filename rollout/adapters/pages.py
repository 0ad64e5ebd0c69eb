"""Pages for checks: files below the plan's folder, and GETs that lead nowhere they should not."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from rollout.adapters.addresses import AddressRules, Resolve, Target, system_resolve
from rollout.adapters.deadline import ADDRESS, DEADLINE, DeadlineTransport
from rollout.adapters.httpx_failures import MAYBE_SENT, NEVER_SENDABLE, NOT_SENT
from rollout.adapters.plan_files import read_below
from rollout.adapters.redaction import Redactor
from rollout.domain.errors import ServiceError, ServiceGarbled, ServiceUnreachable
from rollout.ports import Page

MOST_BYTES = 5 * 1024 * 1024
"""Of one page; what is larger is no document that a check could judge."""

AGAIN_AFTER_S = 5.0
_CONNECT_S = 10.0


@dataclass(frozen=True)
class PageLimits:
    """`most_bytes` of one page, `total_s` seconds for one at the very most."""

    most_bytes: int = MOST_BYTES
    total_s: float = 120.0


class Pages:
    """Reads for checks; no token is ever sent, no redirect followed, no name looked up twice.

    `root`: the plan's folder. `hosts`: those of the plan's connections. `production`: this machine
    itself is then out of bounds, and so is plain http.
    """

    def __init__(
        self,
        root: Path,
        *,
        hosts: Iterable[str] = (),
        production: bool = True,
        redactor: Redactor | None = None,
        limits: PageLimits = PageLimits(),
        resolve: Resolve = system_resolve,
        transport: httpx.BaseTransport | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        ca_file: str | None = None,
    ) -> None:
        self._root, self._limits, self._monotonic = root, limits, monotonic
        self._redactor = redactor or Redactor()
        named = frozenset(host.lower() for host in hosts)
        self._rules = AddressRules(named, loopback=not production, resolve=resolve)
        if transport is None:
            context = httpx.create_ssl_context(trust_env=False)
            if ca_file is not None:
                context.load_verify_locations(cafile=ca_file)
            transport = DeadlineTransport(monotonic, context)
        self._client = httpx.Client(
            transport=transport,
            trust_env=False,
            follow_redirects=False,
            headers={"Accept-Encoding": "identity", "User-Agent": "rollout"},
        )

    def close(self) -> None:
        self._client.close()

    def read(
        self,
        place: str,
        *,
        hosts: Sequence[str] = (),
        private: bool = False,
        timeout_s: float = 30.0,
    ) -> Page:
        if "://" not in place:
            return read_below(self._root, place, self._limits.most_bytes)
        target = self._rules.target(place, hosts, private=private)
        found = self._get(target, min(timeout_s, self._limits.total_s))
        if isinstance(found, ServiceError):
            # Raised here, outside any handler: an httpx exception as __context__ carries the request.
            raise found
        return found

    def _get(self, target: Target, total_s: float) -> Page | ServiceError:
        deadline = self._monotonic() + total_s
        where = target.url.copy_with(query=None)
        try:
            request = self._client.build_request(
                "GET",
                target.url,
                extensions={DEADLINE: deadline, ADDRESS: target.address},
                timeout=httpx.Timeout(total_s, connect=min(_CONNECT_S, total_s)),
            )
            response = self._client.send(request, stream=True)
            try:
                body = self._body(response, deadline)
            finally:
                response.close()
        except (*NOT_SENT, *NEVER_SENDABLE, *MAYBE_SENT) as error:
            said = self._say(where, f"no whole answer ({type(error).__name__})")
            return ServiceUnreachable(said, retry_after_s=AGAIN_AFTER_S)
        if body is None:
            said = (
                f"an answer of more than {self._limits.most_bytes:,} bytes, or one without an end"
            )
            return ServiceGarbled(self._say(where, said))
        return Page(
            place=self._redactor.line(str(where)),
            status=response.status_code,
            content_type=self._redactor.line(response.headers.get("content-type", ""), 100),
            body=body,
        )

    def _body(self, response: httpx.Response, deadline: float) -> bytes | None:
        received = bytearray()
        for part in response.iter_bytes():
            received += part
            if len(received) > self._limits.most_bytes or self._monotonic() > deadline:
                return None
        return bytes(received)

    def _say(self, where: httpx.URL, what: str) -> str:
        return self._redactor.line(f"GET {where}: {what}", 500)
