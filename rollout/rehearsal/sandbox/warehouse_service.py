# ruff: noqa: N802 - the methods are named as the Thrift service names its calls
"""A Databricks SQL warehouse as the connector's own Thrift service; DuckDB answers.

Source: reference on the connector, section 3, and the connector's calls as measured there: direct
results for `execute`, polling for `execute_async`, metadata with every fetch.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from threading import Lock, local
from typing import Any

from rollout.domain.errors import QueryFailed
from rollout.rehearsal.sandbox.operations import Operation, Operations
from rollout.rehearsal.sandbox.statements import Namespace, Statement
from rollout.rehearsal.sandbox.warehouse_values import (
    OK,
    parameter_values,
    result_metadata,
    row_set,
    rows_within,
    types,
)

DIRECT_S = 5.0
"""How long `execute` is kept waiting before it is told to poll."""
LONG_POLL_S = 1.0
"""How long a question for a statement's state is kept waiting. The client asks again at once."""
FETCH_S = 60.0
MOST_ROWS, MOST_BYTES = 100_000, 100 * 1024 * 1024

_STATES = {
    "running": "RUNNING_STATE",
    "finished": "FINISHED_STATE",
    "failed": "ERROR_STATE",
    "canceled": "CANCELED_STATE",
    "timed_out": "TIMEDOUT_STATE",
}


@dataclass
class Session:
    namespace: Namespace
    timeout_s: float | None
    operations: dict[bytes, Operation] = field(default_factory=dict)


class WarehouseService:
    """The calls; safe to use from many threads."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations
        self._lock = Lock()
        self._sessions: dict[bytes, Session] = {}
        self._mine = local()

    def OpenSession(self, request: Any) -> Any:
        session = Session(Namespace(), _seconds(request.configuration))
        try:
            _begin_in(session.namespace, request.initialNamespace)
        except QueryFailed as error:
            return types.TOpenSessionResp(
                status=_error(str(error)),
                serverProtocolVersion=types.TProtocolVersion.SPARK_CLI_SERVICE_PROTOCOL_V8,
            )
        handle = _handle()
        with self._lock:
            self._sessions[handle.guid] = session
        return types.TOpenSessionResp(
            status=OK,
            serverProtocolVersion=types.TProtocolVersion.SPARK_CLI_SERVICE_PROTOCOL_V8,
            sessionHandle=types.TSessionHandle(handle),
            canUseMultipleCatalogs=True,
            initialNamespace=request.initialNamespace,
            configuration={},
        )

    def CloseSession(self, request: Any) -> Any:
        with self._lock:
            session = self._sessions.pop(request.sessionHandle.sessionId.guid, None)
        if session is None:
            return types.TCloseSessionResp(status=_invalid("SessionHandle"))
        _cancel_all(session)
        return types.TCloseSessionResp(status=OK)

    def ExecuteStatement(self, request: Any) -> Any:
        session = self._sessions.get(request.sessionHandle.sessionId.guid)
        if session is None:
            return types.TExecuteStatementResp(status=_invalid("SessionHandle"))
        try:
            parameters = parameter_values(request.parameters)
        except QueryFailed as error:
            return types.TExecuteStatementResp(status=_error(str(error)))
        statement = Statement(request.statement, parameters, session.namespace)
        operation = self._operations.start(statement, session.timeout_s)
        operation.compressed = bool(request.canDecompressLZ4Result)
        self._mine.started = operation
        handle = _handle()
        with self._lock:
            session.operations[handle.guid] = operation
        answer = types.TExecuteStatementResp(
            status=OK,
            operationHandle=types.TOperationHandle(
                operationId=handle,
                operationType=types.TOperationType.EXECUTE_STATEMENT,
                hasResultSet=True,
            ),
        )
        if request.getDirectResults is not None:
            operation.over.wait(DIRECT_S)
            answer.directResults = self._direct(session, handle.guid, operation, request)
        return answer

    def GetOperationStatus(self, request: Any) -> Any:
        operation = self._operation(request.operationHandle)
        if operation is None:
            return types.TGetOperationStatusResp(status=_invalid("OperationHandle"))
        operation.over.wait(LONG_POLL_S)
        return _status(operation)

    def FetchResults(self, request: Any) -> Any:
        operation = self._operation(request.operationHandle)
        if operation is None:
            return types.TFetchResultsResp(status=_invalid("OperationHandle"))
        operation.over.wait(FETCH_S)
        if operation.outcome is None:
            return types.TFetchResultsResp(status=_error(operation.message or "no result"))
        return _rows(operation, request.maxRows, request.maxBytes)

    def GetResultSetMetadata(self, request: Any) -> Any:
        operation = self._operation(request.operationHandle)
        if operation is None or operation.outcome is None:
            return types.TGetResultSetMetadataResp(status=_invalid("OperationHandle"))
        return _metadata(operation)

    def CancelOperation(self, request: Any) -> Any:
        operation = self._operation(request.operationHandle)
        if operation is None:
            return types.TCancelOperationResp(status=_invalid("OperationHandle"))
        operation.cancel()
        return types.TCancelOperationResp(status=OK)

    def CloseOperation(self, request: Any) -> Any:
        guid = request.operationHandle.operationId.guid
        with self._lock:
            for session in self._sessions.values():
                operation = session.operations.pop(guid, None)
                if operation is not None:
                    operation.cancel()
                    return types.TCloseOperationResp(status=OK)
        return types.TCloseOperationResp(status=_invalid("OperationHandle"))

    def started(self) -> Operation | None:
        """The statement that this thread began last."""
        return getattr(self._mine, "started", None)

    @property
    def open_sessions(self) -> int:
        return len(self._sessions)

    def lose_sessions(self) -> None:
        """Forget every session, as a warehouse that was restarted."""
        with self._lock:
            lost, self._sessions = list(self._sessions.values()), {}
        for session in lost:
            _cancel_all(session)

    def close(self) -> None:
        self.lose_sessions()
        self._operations.close()

    def _operation(self, handle: Any) -> Operation | None:
        guid = handle.operationId.guid
        with self._lock:
            found = (s.operations[guid] for s in self._sessions.values() if guid in s.operations)
            return next(found, None)

    def _direct(self, session: Session, guid: bytes, operation: Operation, request: Any) -> Any:
        """All of a small result at once; its operation is closed then."""
        direct = types.TSparkDirectResults(operationStatus=_status(operation))
        if operation.outcome is not None:
            wanted = request.getDirectResults
            direct.resultSetMetadata = _metadata(operation)
            direct.resultSet = _rows(operation, wanted.maxRows, wanted.maxBytes)
            if not direct.resultSet.hasMoreRows:
                direct.closeOperation = types.TCloseOperationResp(status=OK)
                with self._lock:
                    session.operations.pop(guid, None)
        return direct


def _begin_in(namespace: Namespace, wanted: Any) -> None:
    """Raises: QueryFailed for a catalog that is not there."""
    if wanted is not None and wanted.catalogName:
        namespace.use("CATALOG", wanted.catalogName)
    if wanted is not None and wanted.schemaName:
        namespace.use("SCHEMA", wanted.schemaName)


def _status(operation: Operation) -> Any:
    outcome = operation.outcome
    return types.TGetOperationStatusResp(
        status=OK,
        operationState=getattr(types.TOperationState, _STATES[operation.state]),
        displayMessage=operation.message or None,
        errorMessage=operation.message or None,
        sqlState=operation.message[-5:] or None,
        hasResultSet=outcome is not None,
        numModifiedRows=None if outcome is None else outcome.changed,
    )


def _metadata(operation: Operation) -> Any:
    assert operation.outcome is not None
    return result_metadata(operation.outcome.table.schema, compressed=operation.compressed)


def _rows(operation: Operation, most_rows: int | None, most_bytes: int | None) -> Any:
    """The next rows; each call goes on where the one before ended."""
    assert operation.outcome is not None
    table, offset = operation.outcome.table, operation.sent_rows
    left = table.slice(offset)
    count = rows_within(left, most_rows or MOST_ROWS, most_bytes or MOST_BYTES)
    operation.sent_rows = offset + count
    return types.TFetchResultsResp(
        status=OK,
        hasMoreRows=operation.sent_rows < table.num_rows,
        results=row_set(table, offset, count, compressed=operation.compressed),
        resultSetMetadata=_metadata(operation),
    )


def _cancel_all(session: Session) -> None:
    for operation in session.operations.values():
        operation.cancel()


def _seconds(configuration: dict[str, str] | None) -> float | None:
    """STATEMENT_TIMEOUT of a session; 0 and nonsense mean no limit."""
    text = (configuration or {}).get("STATEMENT_TIMEOUT", "")
    return float(text) if text.isdigit() and int(text) else None


def _handle() -> Any:
    return types.THandleIdentifier(guid=secrets.token_bytes(16), secret=secrets.token_bytes(16))


def _invalid(what: str) -> Any:
    return types.TStatus(
        statusCode=types.TStatusCode.INVALID_HANDLE_STATUS,
        errorMessage=f"Invalid {what}: nobody knows it here",
    )


def _error(message: str) -> Any:
    return types.TStatus(statusCode=types.TStatusCode.ERROR_STATUS, errorMessage=message)
