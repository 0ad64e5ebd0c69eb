"""What went wrong in the connector, in this package's words. Importing it loads the connector."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final, Literal

from databricks.sql import exc
from thrift.Thrift import TException
from urllib3.exceptions import HTTPError

from rollout.adapters.databricks_guard import NotSentAgain, Unguarded
from rollout.adapters.redaction import Redactor
from rollout.domain.errors import (
    QueryFailed,
    ServiceError,
    ServiceGarbled,
    ServiceRefused,
    ServiceUnreachable,
)

Kind = Literal["sql", "session", "busy", "refused", "unreachable", "garbled"]

FOREIGN: Final = (exc.Error, HTTPError, TException, Unguarded, OSError, ValueError, LookupError)
"""All that the connector lets out: its own errors, urllib3's (exhausted retries, refused
connections), and what its decoding of an odd answer runs into."""

AGAIN_AFTER_S: Final = 5.0
_CLASS = re.compile(r"\[([A-Z][A-Z0-9_.]+)\]")
_STATE = re.compile(r"SQLSTATE: ?([0-9A-Z]{5})")
_TOO_MANY = re.compile(r"too many (\d{3}) error responses")
_LOST_SESSION = re.compile(
    r"Invalid SessionHandle|Session handle.{0,80}not been initialized|closed (connection|cursor)",
    re.IGNORECASE | re.DOTALL,
)
_REJECTED = frozenset({"07", "0A", "21", "22", "23", "26", "28", "42"})
"""SQLSTATE classes of statements that were wrong: nothing was written. Others (internal errors, a
hook that failed after the commit) do not say so."""


@dataclass(frozen=True)
class Failure:
    """`never_sent`: no connection; `state`: SQLSTATE, "" when there is none."""

    kind: Kind
    message: str
    error_class: str = ""
    state: str = ""
    status: int | None = None
    never_sent: bool = False

    @property
    def changed_nothing(self) -> bool:
        """Whether a statement that failed like this, on being submitted, certainly did nothing."""
        if self.kind == "sql":
            return self.state[:2] in _REJECTED
        return self.never_sent or self.kind in ("session", "refused") or self.status == 429

    def as_error(self) -> ServiceError:
        if self.kind == "sql":
            return QueryFailed(self.message, error_class=self.error_class)
        if self.kind == "refused":
            return ServiceRefused(self.message, status=self.status)
        if self.kind == "garbled":
            return ServiceGarbled(self.message)
        return ServiceUnreachable(self.message, retry_after_s=AGAIN_AFTER_S)


def read_failure(error: Exception, what: str, redactor: Redactor) -> Failure:
    """`what` was being done: "connect", "a statement"."""
    text = str(error) or type(error).__name__
    message = redactor.line(f"databricks: {what}: {text}", 1000)
    if isinstance(error, NotSentAgain):
        return _by_status(error.status, message, never_sent=error.never_sent)
    if isinstance(error, HTTPError | OSError):
        found = _TOO_MANY.search(text)
        return _by_status(int(found[1]) if found else None, message)
    if isinstance(error, Unguarded):
        return Failure("refused", message)
    if not isinstance(error, exc.Error):
        return Failure("garbled", message)
    if _LOST_SESSION.search(text):
        return Failure("session", message)
    if isinstance(error, exc.RequestError):
        status = _http_code(error)
        if status is not None and str(status) not in message:  # its text never names it
            message = redactor.line(f"databricks: {what}: answered {status}: {text}", 1000)
        return _by_status(status, message)
    return _in_sql(error, text, message)


def _in_sql(error: exc.Error, text: str, message: str) -> Failure:
    """A statement that is wrong fails as ServerOperationError while it runs, but as a plain
    DatabaseError when the server rejects it at once: the text tells."""
    named, state = _CLASS.search(text), _STATE.search(text)
    known = isinstance(error, exc.ServerOperationError | exc.NotSupportedError)
    if known or named is not None or state is not None or isinstance(error, exc.ProgrammingError):
        return Failure("sql", message, named[1] if named else "", state[1] if state else "")
    if isinstance(error, exc.DataError):
        return Failure("garbled", message)
    if "Operation status" in text:
        return Failure("sql", message, "CANCELED")
    return Failure("unreachable", message)


def _by_status(status: int | None, message: str, *, never_sent: bool = False) -> Failure:
    if status in (429, 503):
        return Failure("busy", message, status=status)
    if status is not None and (400 <= status < 500 or status == 501):
        return Failure("refused", message, status=status)
    return Failure("unreachable", message, status=status, never_sent=never_sent)


def _http_code(error: exc.RequestError) -> int | None:
    context: Any = error.context
    code = context.get("http-code") if isinstance(context, dict) else None
    return code if isinstance(code, int) else None
