"""The one HTTP client of the adapters: it says yes, no or unknown, and never asks twice."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx

from rollout.adapters.deadline import DEADLINE, DeadlineTransport
from rollout.adapters.endpoint import confined_url, parse_base_url, require_usable_token
from rollout.adapters.httpx_failures import (
    MAY_HAVE_HAPPENED,
    MAYBE_SENT,
    NEVER_SENDABLE,
    NOT_SENT,
)
from rollout.adapters.redaction import Redactor
from rollout.adapters.replies import (
    Complaint,
    Reply,
    Unreadable,
    plain_complaint,
    read_json,
    retry_after,
)
from rollout.domain.effects import No, Unknown
from rollout.domain.errors import ServiceError, ServiceGarbled, ServiceRefused, ServiceUnreachable


@dataclass(frozen=True)
class Request:
    """`path` starts with a slash and is relative to the base URL; `params` become the query."""

    method: str
    path: str
    params: Mapping[str, str | int] = field(default_factory=dict)
    json: Any = None
    form: Mapping[str, str] | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Sent:
    """A 2xx answer to an effect. `body` is its JSON, None when the answer was empty."""

    status: int
    body: Any


@dataclass(frozen=True)
class HttpLimits:
    """Seconds and bytes. `total_s` bounds a whole request, slow-drip answers included."""

    connect_s: float = 10.0
    read_s: float = 60.0
    total_s: float = 120.0
    body_bytes: int = 20 * 1024 * 1024
    again_after_s: float = 5.0


@dataclass(frozen=True)
class _Trouble:
    """No whole answer. `sent` is False only when the server certainly never saw the request."""

    sent: bool
    reason: str
    garbled: bool = False
    again_after_s: float | None = None


Judge = Callable[[int, Complaint, str], ServiceError | None]
"""(status, complaint, finished message) -> the error to use instead of the usual one."""


def _usual(status: int, complaint: Complaint, message: str) -> ServiceError | None:
    return None


class HttpClient:
    """Speaks to one host only: no redirects, no proxy, no netrc, no retries, no kept connections.

    `token` is a text or a callable that returns the current one; it goes out as
    `Authorization: Bearer`. `service` names the system in messages, which are masked.
    Source: reference on secrets and HTTP: a netrc entry replaces an explicit header, a proxy
    variable diverts it, a redirect carries it away; hence trust_env and follow_redirects off.

    Raises: PlanProblems for a base URL that is not https (loopback excepted) or carries a user.
    """

    def __init__(
        self,
        base_url: str,
        *,
        service: str,
        token: str | Callable[[], str] = "",
        redactor: Redactor | None = None,
        transport: httpx.BaseTransport | None = None,
        limits: HttpLimits = HttpLimits(),
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] | None = None,
        read_complaint: Callable[[int, Any], Complaint] = plain_complaint,
        judge: Judge = _usual,
        ca_file: str | None = None,
    ) -> None:
        self.redactor = redactor or Redactor()
        self.service = service
        self._base = parse_base_url(base_url, service, self.redactor)
        if isinstance(token, str):
            require_usable_token(token, service)
            self.redactor.add(token)
        self._token = token
        self._limits, self._monotonic, self._now = limits, monotonic, now
        self._complaint, self._judge = read_complaint, judge
        if transport is None:
            context = httpx.create_ssl_context(trust_env=False)
            if ca_file is not None:
                context.load_verify_locations(cafile=ca_file)
            transport = DeadlineTransport(monotonic, context)
        self._client = httpx.Client(
            transport=transport,
            trust_env=False,
            follow_redirects=False,
            timeout=httpx.Timeout(limits.read_s, connect=limits.connect_s),
            headers={
                "Accept": "application/json",
                "Accept-Encoding": "identity",
                "User-Agent": "rollout",
            },
        )

    @property
    def host(self) -> str:
        return self._base.host

    def close(self) -> None:
        self._client.close()

    def get_json(self, path: str, params: Mapping[str, str | int] | None = None) -> Any:
        """One GET, its JSON.

        Raises: ServiceUnreachable (come back later), ServiceRefused (with `status`),
        ServiceGarbled.
        """
        return self._read(Request("GET", path, params or {}))

    def post_form(self, path: str, form: Mapping[str, str]) -> Any:
        """One POST that changes nothing (a login), its JSON. Raises as `get_json`."""
        return self._read(Request("POST", path, form=form), authorized=False)

    def send_effect(self, request: Request) -> Sent | No | Unknown:
        """One request that changes something, sent at most once; never raises ServiceError."""
        try:
            outcome = self._exchange(request)
        except ServiceError as error:  # there is no token to send it with
            return No(str(error), getattr(error, "retry_after_s", None))
        if isinstance(outcome, _Trouble):
            if outcome.sent:
                return Unknown(self._say(request, outcome.reason))
            return No(self._say(request, outcome.reason), outcome.again_after_s)
        if 200 <= outcome.status < 300:
            return self._accepted(request, outcome)
        if outcome.status >= 500 or outcome.status < 200 or outcome.status in MAY_HAVE_HAPPENED:
            return Unknown(self._words(request, outcome)[1])
        return self._declined(request, outcome)

    def _accepted(self, request: Request, reply: Reply) -> Sent | Unknown:
        if not reply.body:
            return Sent(reply.status, None)
        try:
            return Sent(reply.status, read_json(reply))
        except Unreadable as error:
            return Unknown(self._say(request, f"answered {reply.status} with {error}"))

    def _declined(self, request: Request, reply: Reply) -> No:
        complaint, message = self._words(request, reply)
        judged = self._judge(reply.status, complaint, message)
        if judged is not None:
            return No(str(judged), getattr(judged, "retry_after_s", None))
        if reply.status in (425, 429):
            return No(message, retry_after(reply.headers, self._now_or_none()))
        return No(message)

    def _read(self, request: Request, authorized: bool = True) -> Any:
        outcome = self._exchange(request, authorized)
        problem: ServiceError
        if isinstance(outcome, _Trouble):
            reason = self._say(request, outcome.reason)
            if outcome.garbled:
                problem = ServiceGarbled(reason)
            else:
                wait = outcome.again_after_s or self._limits.again_after_s
                problem = ServiceUnreachable(reason, retry_after_s=wait)
        elif 200 <= outcome.status < 300:
            try:
                return read_json(outcome)
            except Unreadable as error:
                said = f"answered {outcome.status} with {error}"
                problem = ServiceGarbled(self._say(request, said))
        else:
            problem = self._problem(request, outcome)
        # Raised here, outside any handler: an httpx exception as __context__ would carry the
        # request and its headers into whatever prints the traceback.
        raise problem

    def _problem(self, request: Request, reply: Reply) -> ServiceError:
        complaint, message = self._words(request, reply)
        judged = self._judge(reply.status, complaint, message)
        if judged is not None:
            return judged
        if reply.status in (425, 429) or reply.status >= 500:
            wait = retry_after(reply.headers, self._now_or_none())
            return ServiceUnreachable(message, retry_after_s=wait)
        if reply.status < 300:
            return ServiceGarbled(message)
        return ServiceRefused(message, status=reply.status)

    def _exchange(self, request: Request, authorized: bool = True) -> Reply | _Trouble:
        deadline = self._monotonic() + self._limits.total_s
        headers = self._authorization() if authorized else {}
        try:
            built = self._client.build_request(
                request.method,
                confined_url(self._base, request.path),
                params=dict(request.params) or None,
                json=request.json,
                data=dict(request.form) if request.form is not None else None,
                headers=headers,
                extensions={DEADLINE: deadline},
            )
        except (httpx.InvalidURL, ValueError, TypeError) as error:  # NaN in the body, say
            return _Trouble(False, f"the request cannot be built ({_name(error)})")
        try:
            response = self._client.send(built, stream=True)
            try:
                return self._receive(response, deadline)
            finally:
                response.close()
        except NOT_SENT as error:
            again = self._limits.again_after_s
            return _Trouble(False, f"no connection ({_name(error)})", again_after_s=again)
        except NEVER_SENDABLE as error:
            return _Trouble(False, f"the request cannot be sent ({_name(error)})")
        except MAYBE_SENT as error:
            garbled = isinstance(error, httpx.DecodingError)
            return _Trouble(True, f"no whole answer ({_name(error)})", garbled=garbled)

    def _receive(self, response: httpx.Response, deadline: float) -> Reply | _Trouble:
        most = self._limits.body_bytes
        received = bytearray()
        for part in response.iter_bytes():
            received += part
            if len(received) > most:
                return _Trouble(True, f"an answer of more than {most:,} bytes", garbled=True)
            if self._monotonic() > deadline:
                reason = f"no whole answer within {self._limits.total_s:g} s"
                return _Trouble(True, reason)
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Reply(response.status_code, headers, bytes(received))

    def _authorization(self) -> dict[str, str]:
        token = self._token if isinstance(self._token, str) else self._token()
        return {"Authorization": f"Bearer {token}"} if token else {}

    def _words(self, request: Request, reply: Reply) -> tuple[Complaint, str]:
        try:
            complaint = self._complaint(reply.status, read_json(reply))
        except Unreadable:
            complaint = Complaint()
        said = f"answered {reply.status}"
        if 300 <= reply.status < 400:
            said += "; the redirect was not followed"
        about = ": ".join(text for text in (complaint.code, complaint.message) if text)
        return complaint, self._say(request, f"{said}: {about}" if about else said)

    def _say(self, request: Request, what: str) -> str:
        return self.redactor.line(f"{self.service}: {request.method} {request.path} {what}", 500)

    def _now_or_none(self) -> datetime | None:
        return self._now() if self._now is not None else None


def _name(error: Exception) -> str:
    """The class says enough; the text of a foreign exception may quote a header."""
    return type(error).__name__
