"""Connections to a Databricks SQL warehouse: how they are opened, lent to one thread, and closed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from rollout.adapters.redaction import Redactor
from rollout.domain.errors import ServiceUnreachable

Connect = Callable[..., Any]


@dataclass(frozen=True, kw_only=True)
class DatabricksOptions:
    """How to reach a warehouse. Seconds; `extra` goes to the connector as it is (a CA file).

    `token` is a personal access token, or a `credentials_provider` gives one (a service
    principal): the connector keeps an opaque token for an hour and asks again for a JWT a minute
    before it expires. A JWT of a foreign issuer makes it call the workspace's token exchange
    first, which costs half a minute where that is blocked.
    `cold_start_s` is how long a stopped warehouse may take; `statement_timeout_s` is the server's
    own limit, in case nobody is left to cancel.
    """

    host: str
    http_path: str
    token: str = field(default="", repr=False)
    credentials_provider: Callable[[], Any] | None = None
    catalog: str | None = None
    schema: str | None = None
    use_cloud_fetch: bool = True
    cold_start_s: float = 600.0
    statement_timeout_s: int = 3600
    socket_timeout_s: float = 120.0
    user_agent: str = "rollout"
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def for_connector(self) -> dict[str, Any]:
        """Arguments of `databricks.sql.connect`.

        Telemetry would first fetch flags from the host, half a minute where that is blocked. The
        connector waits `_retry_delay_max` between retries, not at most that; 5 s is its minimum.
        Two requests per call and no more: patience is this adapter's, with a word to whoever waits.
        """
        credentials: dict[str, Any] = (
            {"credentials_provider": self.credentials_provider}
            if self.credentials_provider is not None
            else {"access_token": self.token}
        )
        return {
            "server_hostname": self.host,
            "http_path": self.http_path,
            **credentials,
            "catalog": self.catalog,
            "schema": self.schema,
            "enable_telemetry": False,
            "user_agent_entry": self.user_agent,
            "use_cloud_fetch": self.use_cloud_fetch,
            "session_configuration": {
                "STATEMENT_TIMEOUT": str(self.statement_timeout_s),
                "TIMEZONE": "UTC",
            },
            "_socket_timeout": self.socket_timeout_s,
            "_retry_delay_min": 1,
            "_retry_delay_max": 5,
            "_retry_delay_default": 1,
            "_retry_stop_after_attempts_count": 1,
            "_retry_stop_after_attempts_duration": 60,
            **self.extra,
        }


class Sessions:
    """Threads never share a connection: each call takes an idle one or opens one, so there are as
    many as threads that ask at once, and none is tied to a thread that has ended.

    `connect` and `guard` are the connector's and `send_statements_once` unless given.
    """

    def __init__(
        self,
        options: DatabricksOptions,
        redactor: Redactor,
        *,
        connect: Connect | None,
        guard: Callable[[Any], None] | None,
        tell: Callable[[str], None],
    ) -> None:
        self._options, self._redactor, self._tell = options, redactor, tell
        self._connect, self._guard = connect, guard
        self._lock = threading.Lock()
        self._idle: list[Any] = []
        self._closed = False

    @contextmanager
    def cursor(self) -> Iterator[Any]:
        """A cursor of a connection that nobody else uses meanwhile.

        The connection is kept only after success or an error in SQL; another one may mean that
        the session is gone. Raises: what the connector raises, ServiceUnreachable after `close`.
        """
        from rollout.adapters.databricks_failures import FOREIGN, read_failure

        connection = self._take()
        sound = False
        try:
            with self._closing(connection.cursor()) as cursor:
                yield cursor
            sound = True
        except FOREIGN as error:
            sound = read_failure(error, "a statement", self._redactor).kind == "sql"
            raise
        finally:
            with self._lock:
                keep = sound and not self._closed
                if keep:
                    self._idle.append(connection)
            if not keep:
                self._hang_up(connection)

    def close(self) -> None:
        """Close the idle ones now and the busy ones when their calls end."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            self._hang_up(connection)

    def _take(self) -> Any:
        with self._lock:
            if self._closed:
                raise ServiceUnreachable("databricks: this warehouse was closed")
            if self._idle:
                return self._idle.pop()
        connect, guard = self._connect, self._guard
        if connect is None:
            from databricks import sql

            connect = sql.connect
        if guard is None:
            from rollout.adapters.databricks_guard import send_statements_once

            guard = send_statements_once
        connection = connect(**self._options.for_connector())
        guarded = False
        try:
            guard(connection)
            guarded = True
        finally:
            if not guarded:
                self._hang_up(connection)
        return connection

    @contextmanager
    def _closing(self, cursor: Any) -> Iterator[Any]:
        """A result that cannot be closed is still a result: an effect must not look lost."""
        try:
            yield cursor
        finally:
            self._quietly(cursor.close, "closing a result")

    def _hang_up(self, connection: Any) -> None:
        self._quietly(connection.close, "closing a connection")

    def _quietly(self, close: Callable[[], None], what: str) -> None:
        from rollout.adapters.databricks_failures import FOREIGN, read_failure

        try:
            close()
        except FOREIGN as error:
            self._tell(read_failure(error, what, self._redactor).message)
