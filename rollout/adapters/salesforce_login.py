"""Salesforce' client credentials flow: a token when one is needed, a new one when it expired."""

from __future__ import annotations

import threading

import httpx

from rollout.adapters.documents import Fields
from rollout.adapters.endpoint import is_usable_token
from rollout.adapters.http import HttpClient
from rollout.domain.errors import ServiceGarbled, ServiceRefused


class SalesforceLogin:
    """Callable that returns the current access token; give it to `HttpClient(token=…)`.

    `client` speaks to the My Domain URL without a token; the flow gives no refresh token, an
    expired one is replaced by asking again. Threads share one token.
    Source: Salesforce' OAuth 2.0 client credentials flow, which only works on My Domain URLs;
    that is why another `instance_url` is refused instead of followed.
    """

    def __init__(self, client: HttpClient, client_id: str, client_secret: str) -> None:
        client.redactor.add(client_secret)
        self._client, self._id, self._secret = client, client_id, client_secret
        self._lock = threading.Lock()
        self._token: str | None = None

    def __call__(self) -> str:
        """Raises: ServiceUnreachable, ServiceRefused, ServiceGarbled."""
        with self._lock:
            if self._token is None:
                self._token = self._ask()
            return self._token

    def forget(self) -> None:
        """The token was refused; the next call asks for a new one."""
        with self._lock:
            self._token = None

    def _ask(self) -> str:
        form = {
            "grant_type": "client_credentials",
            "client_id": self._id,
            "client_secret": self._secret,
        }
        answer = Fields(self._client.post_form("/services/oauth2/token", form), "salesforce: login")
        token = answer.text("access_token")
        self._client.redactor.add(token)
        if not is_usable_token(token):
            raise ServiceGarbled("salesforce: login: the token cannot stand in a header")
        instance = answer.optional_text("instance_url")
        host = _host(instance) if instance is not None else self._client.host
        if host != self._client.host:
            raise ServiceRefused(
                f"salesforce: login: the instance is {host}, not {self._client.host}; "
                "set base_url to the instance's My Domain URL"
            )
        return token

    def __repr__(self) -> str:
        return f"SalesforceLogin({self._client.host})"


def _host(url: str) -> str:
    try:
        return httpx.URL(url).host
    except httpx.InvalidURL:
        return "unreadable"
