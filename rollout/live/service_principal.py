"""Databricks' OAuth for machines: a service principal's token when a session opens."""

from __future__ import annotations

from collections.abc import Callable

from rollout.adapters.documents import Fields
from rollout.adapters.endpoint import is_usable_token
from rollout.adapters.http import HttpClient
from rollout.domain.errors import ServiceGarbled


class ServicePrincipal:
    """A credentials provider for the connector, which keeps the headers as long as they are good.

    `client` speaks to the workspace without a token. Source: Databricks' OAuth machine-to-machine
    flow, client credentials with the scope `all-apis` at `/oidc/v1/token`.
    """

    def __init__(self, client: HttpClient, client_id: str, client_secret: str) -> None:
        client.redactor.add(client_secret)
        self._client, self._id, self._secret = client, client_id, client_secret

    def auth_type(self) -> str:
        """The connector asks for it by this name."""
        return "oauth-m2m"

    def __call__(self) -> Callable[[], dict[str, str]]:
        return self.headers

    def headers(self) -> dict[str, str]:
        """Raises: ServiceUnreachable, ServiceRefused, ServiceGarbled."""
        form = {
            "grant_type": "client_credentials",
            "scope": "all-apis",
            "client_id": self._id,
            "client_secret": self._secret,
        }
        answer = Fields(self._client.post_form("/oidc/v1/token", form), "databricks: login")
        token = answer.text("access_token")
        self._client.redactor.add(token)
        if not is_usable_token(token):
            raise ServiceGarbled("databricks: login: the token cannot stand in a header")
        return {"Authorization": f"Bearer {token}"}

    def __repr__(self) -> str:
        return f"ServicePrincipal({self._client.host})"
