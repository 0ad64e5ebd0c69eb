"""The plan's connections for real: opened when first used, and all closed at the end."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

from rollout.adapters.census import CensusSyncService, census_base_url, census_judge
from rollout.adapters.databricks import DatabricksWarehouse
from rollout.adapters.databricks_sessions import DatabricksOptions
from rollout.adapters.files import OutputFiles
from rollout.adapters.http import HttpClient
from rollout.adapters.notifications import AppriseNotifier
from rollout.adapters.pages import Pages
from rollout.adapters.redaction import Redactor
from rollout.adapters.salesforce import (
    SalesforceRecordStore,
    salesforce_complaint,
    salesforce_judge,
)
from rollout.adapters.salesforce_login import SalesforceLogin
from rollout.adapters.secrets import expand_secrets
from rollout.domain.errors import KindMisused, PlanProblems
from rollout.domain.plan import Plan
from rollout.live.connection_settings import (
    host_and_port,
    not_for_a_sandbox,
    not_for_production,
    required,
    with_scheme,
)
from rollout.live.profiles import PROD, PRODUCTION, Profile
from rollout.live.service_principal import ServicePrincipal
from rollout.ports import (
    Clock,
    FileStore,
    Notifier,
    PageReader,
    SyncService,
    Warehouse,
)

T = TypeVar("T")

PUBLISHED = "published"
"""The folder of generated files."""

Tell = Callable[[str], None]


def tell_nobody(_: str) -> None:
    """For callers that do not listen."""


class LiveConnections:
    """Implements `ports.Connections` over the network; safe from many threads.

    Secrets are read from `environ` and from files below `base` (0600), and every one of them is
    masked in whatever any adapter says. `tell` hears why it takes
    long. Methods raise: KindMisused for an unknown name or another service; PlanProblems for
    missing variables and settings that cannot work.
    """

    def __init__(
        self,
        plan: Plan,
        environ: Mapping[str, str],
        base: Path,
        *,
        clock: Clock,
        profile: Profile = PRODUCTION,
        tell: Tell = tell_nobody,
    ) -> None:
        self._documents = {
            name: profile.replaced(name, document) for name, document in plan.connections.items()
        }
        self._profile, self._environ, self._base = profile, environ, base
        self._clock, self._tell = clock, tell
        self.redactor = Redactor()
        self._lock = threading.RLock()
        self._opened: dict[str, Any] = {}
        self._closing: list[Callable[[], None]] = []
        self._pages: Pages | None = None
        problems = not_for_a_sandbox(profile, plan.connections)
        for name, document in self._documents.items():
            problems += not_for_production(profile, name, document)
        if problems:
            raise PlanProblems(problems)
        self._learn_secrets()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def warehouse(self, name: str) -> Warehouse:
        return self._get(name, "databricks", self._databricks)

    def sync_service(self, name: str) -> SyncService:
        return self._get(name, "census", self._census)

    def record_store(self, name: str) -> SalesforceRecordStore:
        return self._get(name, "salesforce", self._salesforce)

    def notifier(self, name: str) -> Notifier:
        return self._get(name, "notify", self._notifier)

    def pages(self) -> PageReader:
        """Documents below `base`, and pages on the hosts of the plan's connections."""
        with self._lock:
            if self._pages is None:
                self._pages = Pages(
                    self._base,
                    hosts=self._hosts(),
                    production=self._profile.name == PROD,
                    redactor=self.redactor,
                )
            return self._pages

    def files(self) -> FileStore:
        """Generated files, below `published` beside the documents."""
        return OutputFiles(self._base / PUBLISHED)

    def names(self) -> Iterable[str]:
        return list(self._documents)

    def uses(self, name: str) -> str:
        """The service behind a connection."""
        return str(self._documents[name].get("uses", ""))

    def document(self, name: str) -> dict[str, Any]:
        """The connection's settings with their secrets filled in. Raises: PlanProblems."""
        expanded = expand_secrets(
            self._documents[name], connection=name, environ=self._environ, base=self._base
        )
        for secret in expanded.secrets:
            self.redactor.add(secret)
        problems = not_for_production(self._profile, name, expanded.document)
        if problems:
            raise PlanProblems(problems)
        filled: dict[str, Any] = expanded.document
        return filled

    def read_settings(self) -> None:
        """Raises: PlanProblems with whatever is missing of any connection."""
        problems: list[str] = []
        for name in self._documents:
            try:
                self.document(name)
            except PlanProblems as found:
                problems += found.problems
        if problems:
            raise PlanProblems(problems)

    def _learn_secrets(self) -> None:
        """Mask all of them from the start: one service may send back what another was given. What
        is missing is said when its connection is used."""
        for name in self._documents:
            with suppress(PlanProblems):
                self.document(name)
                if self.uses(name) == "notify":
                    self.notifier(name)  # an address holds secrets in its parts

    def close(self) -> None:
        """Hang up everywhere; calls under way end by themselves."""
        with self._lock:
            closing, self._closing = self._closing, []
            self._opened.clear()
        for close in reversed(closing):
            close()

    def _get(self, name: str, service: str, build: Callable[[str, dict[str, Any]], T]) -> T:
        if name not in self._documents or self.uses(name) != service:
            raise KindMisused(f"the plan has no connection {name!r} that uses {service}")
        with self._lock:
            if name not in self._opened:
                self._opened[name] = build(name, self.document(name))
            found: T = self._opened[name]
            return found

    def _hosts(self) -> list[str]:
        """Of the connections whose settings are there."""
        found: list[str] = []
        for name in self._documents:
            try:
                said = self.document(name)
            except PlanProblems:
                continue
            given = (str(said.get(key) or "") for key in ("base_url", "instance", "host"))
            hosts = (urlsplit(with_scheme(text)).hostname for text in given if text)
            found += [host for host in hosts if host]
        return found

    def _databricks(self, name: str, said: dict[str, Any]) -> DatabricksWarehouse:
        # Else Python prints what the connector logs of a failed request, unmasked, on stderr.
        logging.getLogger("databricks").addHandler(logging.NullHandler())
        host, port = host_and_port(name, required(name, said, "host"))
        extra: dict[str, Any] = {"_port": port} if port is not None else {}
        if said.get("ca_file"):
            extra["_tls_trusted_ca_file"] = str(said["ca_file"])
        token = str(said.get("token") or "")
        options = DatabricksOptions(
            host=host,
            http_path=required(name, said, "http_path"),
            token=token,
            credentials_provider=None if token else self._service_principal(name, said),
            catalog=said.get("catalog"),
            schema=said.get("schema"),
            extra=extra,
        )
        warehouse = DatabricksWarehouse(options, redactor=self.redactor, on_wait=self._tell)
        self._closing.append(warehouse.close)
        return warehouse

    def _service_principal(self, name: str, said: dict[str, Any]) -> ServicePrincipal:
        client_id = required(name, said, "client_id")
        client = HttpClient(
            with_scheme(required(name, said, "host")),
            service=name,
            redactor=self.redactor,
            ca_file=said.get("ca_file"),
        )
        self._closing.append(client.close)
        return ServicePrincipal(client, client_id, required(name, said, "client_secret"))

    def _census(self, name: str, said: dict[str, Any]) -> CensusSyncService:
        api = "v2" if said.get("api", "v1") == "v2" else "v1"
        base_url = census_base_url(str(said.get("region", "us")), str(said.get("api", "v1")))
        if said.get("base_url"):
            base_url = str(said["base_url"]).rstrip("/")
            if not urlsplit(base_url).path:
                base_url += f"/api/{api}"
        client = HttpClient(
            base_url,
            service=name,
            token=required(name, said, "token"),
            redactor=self.redactor,
            now=self._clock.now,
            judge=census_judge,
            ca_file=said.get("ca_file"),
        )
        self._closing.append(client.close)
        return CensusSyncService(client, api="v2" if api == "v2" else "v1")

    def _salesforce(self, name: str, said: dict[str, Any]) -> SalesforceRecordStore:
        login = self._login(name, said) if not said.get("token") else None
        client = self._salesforce_client(name, said, login)
        version = str(said["version"]) if said.get("version") else None
        return SalesforceRecordStore(client, version=version, login=login)

    def _login(self, name: str, said: dict[str, Any]) -> SalesforceLogin:
        return SalesforceLogin(
            self._salesforce_client(name, said, None, token=False),
            required(name, said, "client_id"),
            required(name, said, "client_secret"),
        )

    def _salesforce_client(
        self, name: str, said: dict[str, Any], login: SalesforceLogin | None, *, token: bool = True
    ) -> HttpClient:
        client = HttpClient(
            with_scheme(required(name, said, "instance")),
            service=name,
            token=login if login is not None else str(said.get("token") or "") if token else "",
            redactor=self.redactor,
            now=self._clock.now,
            read_complaint=salesforce_complaint,
            judge=salesforce_judge,
            ca_file=said.get("ca_file"),
        )
        self._closing.append(client.close)
        return client

    def _notifier(self, name: str, said: dict[str, Any]) -> AppriseNotifier:
        urls = said.get("urls") or said.get("url")
        given = [urls] if isinstance(urls, str) else list(urls or [])
        return AppriseNotifier({name: [str(url) for url in given]}, self.redactor)
