# ruff: noqa: N802 - the methods are named as the Thrift service names its calls
"""A very small Databricks SQL warehouse over Thrift on loopback, for the real connector.

It serves the connector's own Thrift processor, answers every statement with one Arrow table and
misbehaves on demand. What it proves is what the connector sends, not what Databricks answers.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pyarrow as pa
from databricks.sql.thrift_api.TCLIService import TCLIService as GeneratedService
from databricks.sql.thrift_api.TCLIService import ttypes as generated_types
from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.transport.TTransport import TMemoryBuffer

# The generated modules have no types.
ttypes: Any = generated_types
TCLIService: Any = GeneratedService
OK = ttypes.TStatus(statusCode=ttypes.TStatusCode.SUCCESS_STATUS)
GUID = b"0123456789abcdef"


class SmallWarehouse:
    """`faults[rpc]` is used up one by one: a status number, "drop" before or "drop_after" doing it."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table
        self.statements: list[str] = []
        self.calls: list[str] = []
        self.agents: set[str] = set()
        self.configuration: dict[str, str] = {}
        self.parameters: list[Any] = []
        self.faults: dict[str, list[int | str]] = defaultdict(list)
        self.error: str | None = None
        self.pending = 0

    def OpenSession(self, request: Any) -> Any:
        self.configuration = request.configuration
        handle = ttypes.TSessionHandle(ttypes.THandleIdentifier(guid=GUID, secret=GUID))
        return ttypes.TOpenSessionResp(
            status=OK,
            serverProtocolVersion=ttypes.TProtocolVersion.SPARK_CLI_SERVICE_PROTOCOL_V8,
            sessionHandle=handle,
            canUseMultipleCatalogs=True,
        )

    def CloseSession(self, _: Any) -> Any:
        return ttypes.TCloseSessionResp(status=OK)

    def ExecuteStatement(self, request: Any) -> Any:
        self.statements.append(request.statement)
        self.parameters = request.parameters or []
        operation = ttypes.TOperationHandle(
            operationId=ttypes.THandleIdentifier(guid=GUID, secret=GUID),
            operationType=ttypes.TOperationType.EXECUTE_STATEMENT,
            hasResultSet=True,
        )
        return ttypes.TExecuteStatementResp(status=OK, operationHandle=operation)

    def GetOperationStatus(self, _: Any) -> Any:
        state = ttypes.TOperationState.FINISHED_STATE
        if self.pending:
            self.pending -= 1
            state = ttypes.TOperationState.RUNNING_STATE
        elif self.error is not None:
            state = ttypes.TOperationState.ERROR_STATE
        return ttypes.TGetOperationStatusResp(
            status=OK, operationState=state, displayMessage=self.error
        )

    def FetchResults(self, _: Any) -> Any:
        batches = [
            ttypes.TSparkArrowBatch(batch.serialize().to_pybytes(), batch.num_rows)
            for batch in self.table.to_batches()
        ]
        rows = ttypes.TRowSet(startRowOffset=0, rows=[], arrowBatches=batches)
        return ttypes.TFetchResultsResp(
            status=OK, hasMoreRows=False, results=rows, resultSetMetadata=self._metadata()
        )

    def CancelOperation(self, _: Any) -> Any:
        return ttypes.TCancelOperationResp(status=OK)

    def CloseOperation(self, _: Any) -> Any:
        return ttypes.TCloseOperationResp(status=OK)

    def _metadata(self) -> Any:
        text = ttypes.TTypeDesc(
            [
                ttypes.TTypeEntry(
                    primitiveEntry=ttypes.TPrimitiveTypeEntry(ttypes.TTypeId.STRING_TYPE)
                )
            ]
        )
        columns = [
            ttypes.TColumnDesc(columnName=name, typeDesc=text, position=place)
            for place, name in enumerate(self.table.column_names, 1)
        ]
        return ttypes.TGetResultSetMetadataResp(
            status=OK,
            schema=ttypes.TTableSchema(columns),
            resultFormat=ttypes.TSparkRowSetType.ARROW_BASED_SET,
            lz4Compressed=False,
            arrowSchema=self.table.schema.serialize().to_pybytes(),
        )


@contextmanager
def served(warehouse: SmallWarehouse) -> Iterator[str]:
    """The URL of the warehouse while the block runs."""
    processor = TCLIService.Processor(warehouse)

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that has gone is what some tests are about."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            called = TBinaryProtocol(TMemoryBuffer(body)).readMessageBegin()[0]
            warehouse.calls.append(called)
            warehouse.agents.add(self.headers["User-Agent"])
            fault = warehouse.faults[called].pop(0) if warehouse.faults[called] else None
            if isinstance(fault, int):
                return self._send(fault, b"busy")
            if fault == "drop":
                return self._drop()
            answer = TMemoryBuffer()
            processor.process(TBinaryProtocol(TMemoryBuffer(body)), TBinaryProtocol(answer))
            return self._drop() if fault == "drop_after" else self._send(200, answer.getvalue())

        def _send(self, status: int, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def _drop(self) -> None:
            self.close_connection = True

        def log_message(self, *_: Any) -> None:
            return None

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/sql/1.0/warehouses/w"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
