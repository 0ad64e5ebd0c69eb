"""No statement is sent twice: the connector's retries, kept away from ExecuteStatement.

Measured with databricks-sql-connector 4.9.0: when the answer to ExecuteStatement is lost, urllib3
sends the statement again and one INSERT writes two rows, whatever the retry settings say.
Importing this module loads the connector.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any

from databricks.sql.auth.retry import CommandType, DatabricksRetryPolicy
from urllib3.connectionpool import ConnectionPool
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError
from urllib3.response import BaseHTTPResponse


class NotSentAgain(HTTPError):
    """An ExecuteStatement that failed on its way. `status` is the HTTP status if there was one,
    `never_sent` is true when there was no connection to send it over.

    An HTTPError, because the connector hands those on as they are; anything else it would take for
    a reason to try once more by itself when the status was 429 or 503.
    """

    def __init__(self, status: int | None, cause: Exception | None) -> None:
        self.status = status
        self.never_sent = isinstance(cause, NewConnectionError | ConnectTimeoutError)
        what = f"answered {status}" if status is not None else type(cause).__name__
        super().__init__(f"the statement was not sent again ({what})")


class StatementsOnce(DatabricksRetryPolicy):
    """The connector's policy for everything but ExecuteStatement."""

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: BaseHTTPResponse | None = None,
        error: Exception | None = None,
        _pool: ConnectionPool | None = None,
        _stacktrace: TracebackType | None = None,
    ) -> Any:
        if self.command_type == CommandType.EXECUTE_STATEMENT:
            raise NotSentAgain(response.status if response is not None else None, error)
        return super().increment(method, url, response, error, _pool, _stacktrace)


class Unguarded(Exception):
    """The connection's retry policy is not where this version of the connector keeps it."""


def send_statements_once(connection: Any) -> None:
    """Give one connection the policy above; other users of the connector are not touched.

    The policy makes its successors with `type(self)`, so that the class survives each retry.
    Raises: Unguarded. A connection that could send a statement twice must not be used.
    """
    backend = getattr(getattr(connection, "session", None), "backend", None)
    transport = getattr(backend, "_transport", None)
    policy = getattr(transport, "retry_policy", None)
    if not isinstance(policy, DatabricksRetryPolicy):
        raise Unguarded(f"no retry policy to guard in {type(backend).__name__}")
    guarded = StatementsOnce(
        delay_min=policy.delay_min,
        delay_max=policy.delay_max,
        stop_after_attempts_count=policy.stop_after_attempts_count,
        stop_after_attempts_duration=policy.stop_after_attempts_duration,
        delay_default=policy.delay_default,
        force_dangerous_codes=[],
        # The default of the connector is one dict shared by all policies, which urllib3 fills.
        urllib3_kwargs={},
    )
    # What runs first is OpenSession's clean-up or a statement; both set this before they send.
    guarded.command_type = None
    guarded.start_retry_timer()
    assert backend is not None
    assert transport is not None
    backend.retry_policy = guarded
    transport.retry_policy = guarded
