"""Statements under way in the warehouse server: run in threads, waited for, cancelled, timed out."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Literal

from rollout.adapters.watchdog import Watchdog
from rollout.domain.errors import QueryFailed
from rollout.rehearsal.sandbox.statements import SLEEP, Outcome, Statement

State = Literal["running", "finished", "failed", "canceled", "timed_out"]
AT_ONCE = 64
"""Statements that run side by side; more wait."""

STATES = {
    "TABLE_OR_VIEW_NOT_FOUND": "42P01",
    "SCHEMA_NOT_FOUND": "42704",
    "DIVIDE_BY_ZERO": "22012",
    "CAST_INVALID_INPUT": "22018",
    "ARITHMETIC_OVERFLOW": "22003",
    "UNRESOLVED_ROUTINE": "42883",
    "UNRESOLVED_COLUMN": "42703",
    "AMBIGUOUS_REFERENCE": "42704",
    "MISSING_AGGREGATION": "42803",
    "PARSE_SYNTAX_ERROR": "42601",
    "DATATYPE_MISMATCH": "42K09",
    "UNBOUND_SQL_PARAMETER": "42P02",
    "INVALID_IDENTIFIER": "42602",
    "NOT_A_VIEW": "42809",
    "UNSUPPORTED_IN_REHEARSAL": "0A000",
    "INTERNAL_ERROR": "XX000",
}
"""Error class -> SQLSTATE. Source: Databricks' list of error conditions, for the classes given here."""


_NO_RESULT = QueryFailed("[INTERNAL_ERROR] the sandbox has no result", error_class="INTERNAL_ERROR")


class Operation:
    """One statement: `over` is set when it has ended; then `outcome`, or `error`, stands."""

    def __init__(self, statement: Statement, timeout_s: float | None) -> None:
        self.statement, self.timeout_s = statement, timeout_s
        self.state: State = "running"
        self.outcome: Outcome | None = None
        self.error: QueryFailed | None = None
        self.sent_rows = 0
        self.compressed = False
        self.over = threading.Event()
        self._stop: Callable[[], None] | None = None
        self._lock = threading.Lock()
        self._woken = threading.Event()
        statement.interruptible = self._interruptible

    def cancel(self, state: Literal["canceled", "timed_out"] = "canceled") -> None:
        """End it if it still runs. What it has begun to change by then is done all the same."""
        with self._lock:
            if self.state != "running":
                return
            self.state = state
            stop = self._stop
        self._woken.set()
        if stop is not None:
            stop()
        self.over.set()

    def perform(self, run: Callable[[Statement], Outcome]) -> None:
        try:
            slept = SLEEP.search(self.statement.sql)
            if slept is not None:
                self._woken.wait(float(slept[1]))
            if self.state == "running":
                self._settle(run(self.statement), None)
        except QueryFailed as error:
            self._settle(None, error)
        finally:
            # Also after a mistake of ours: nobody may wait for ever.
            self._settle(None, _NO_RESULT)

    @property
    def message(self) -> str:
        """What an error looks like: [CLASS] words SQLSTATE: xxxxx."""
        if self.state == "timed_out":
            return f"[STATEMENT_TIMEOUT] no result within {self.timeout_s:g} s. SQLSTATE: 57014"
        if self.error is None:
            return ""
        state = STATES.get(self.error.error_class, "42000")
        return f"{self.error} SQLSTATE: {state}"

    def _interruptible(self, stop: Callable[[], None]) -> None:
        with self._lock:
            self._stop = stop
            late = self.state != "running"
        if late:
            stop()

    def _settle(self, outcome: Outcome | None, error: QueryFailed | None) -> None:
        with self._lock:
            self._stop = None
            if self.state != "running":
                return
            self.outcome, self.error = outcome, error
            self.state = "finished" if error is None else "failed"
        self.over.set()


class Operations:
    """Runs statements; `run` is what a thread does with one."""

    def __init__(self, run: Callable[[Statement], Outcome]) -> None:
        self._run = run
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="statement")
        self._watchdog = Watchdog()

    def start(self, statement: Statement, timeout_s: float | None) -> Operation:
        """`timeout_s`: real seconds, None for no limit."""
        operation = Operation(statement, timeout_s)
        self._pool.submit(self._guarded, operation).add_done_callback(_tell)
        return operation

    def close(self) -> None:
        """Wait for what still runs; who calls this has cancelled it."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _guarded(self, operation: Operation) -> None:
        if operation.timeout_s is None:
            operation.perform(self._run)
            return
        with self._watchdog.guard(operation.timeout_s, lambda: operation.cancel("timed_out")):
            operation.perform(self._run)


def _tell(done: Future[None]) -> None:
    """A statement's own errors are its answer; anything else is a mistake of ours."""
    error = None if done.cancelled() else done.exception()
    if error is not None:
        sys.stderr.write(f"rollout sandbox: a statement failed: {type(error).__name__}: {error}\n")
