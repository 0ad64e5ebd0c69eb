from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import httpx
import pyarrow as pa
import pytest
from databricks import sql
from databricks.sql import exc
from sandbox_process import SandboxProcess, sandbox, small_scenario

from rollout.adapters.databricks import DatabricksWarehouse
from rollout.domain.effects import Unknown, Yes
from rollout.domain.errors import (
    QueryFailed,
    ServiceError,
    ServiceRefused,
    ServiceUnreachable,
)

SPEED = 600


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    scenario = small_scenario(tmp_path_factory.mktemp("sandbox"))
    with sandbox("--scenario", scenario, speed=SPEED) as running:
        yield running


@pytest.fixture
def box(process: SandboxProcess) -> Iterator[SandboxProcess]:
    yield process
    process.post("/faults/clear", {})


@pytest.fixture
def cursor(box: SandboxProcess) -> Iterator[Any]:
    with sql.connect(**box.connection()) as connection, connection.cursor() as opened:
        yield opened


@pytest.fixture
def warehouse(box: SandboxProcess) -> Iterator[DatabricksWarehouse]:
    opened = box.warehouse()
    yield opened
    opened.close()


def one_row(cursor: Any, statement: str, parameters: Any = None) -> tuple[Any, ...]:
    cursor.execute(statement, parameters)
    return tuple(cursor.fetchall()[0])


def test_every_type_of_parameter_comes_back_as_it_went(cursor: Any) -> None:
    given = {
        "whole": 7,
        "large": 2**40,
        "exact": Decimal("12.50"),
        "text": "O'Hara :name ? \\",
        "nothing": None,
        "day": date(2026, 1, 6),
        "instant": datetime(2026, 1, 6, 18, 0, 34, 5, tzinfo=UTC),
        "yes": True,
        "share": 0.25,
    }
    listed = ", ".join(f":{name} AS {name}" for name in given)
    assert one_row(cursor, f"SELECT {listed}", given) == tuple(given.values())
    assert [column[1] for column in cursor.description[:4]] == [
        "int",
        "bigint",
        "decimal",
        "string",
    ]


def test_positional_parameters_are_filled_in_order(cursor: Any) -> None:
    assert one_row(cursor, "SELECT ? AS a, '?' AS b, ? AS c", [1, "z"]) == (1, "?", "z")


def test_types_of_the_warehouse_are_those_of_databricks(cursor: Any) -> None:
    cursor.execute(
        "SELECT SUM(rds.n) AS total, CAST('1.25' AS DECIMAL(12,2)) AS exact, COUNT(*) AS counted, "
        "CURRENT_TIMESTAMP() AS at, CURRENT_DATE() AS day, CAST(NULL AS STRING) AS nothing "
        "FROM (SELECT 3 AS n UNION ALL SELECT 4 AS n) AS rds"
    )
    table = cursor.fetchall_arrow()
    assert table.column("total").to_pylist() == [7]
    assert [str(kind) for kind in table.schema.types] == [
        "int64",
        "decimal128(12, 2)",
        "int64",
        "timestamp[us, tz=Etc/UTC]",
        "date32[day]",
        "string",
    ]


def test_now_is_the_virtual_now(box: SandboxProcess, cursor: Any) -> None:
    before = box.now()
    (at,) = one_row(cursor, "SELECT CURRENT_TIMESTAMP() AS at")
    assert before <= at <= box.now()


def test_results_come_in_pieces_and_whole(cursor: Any) -> None:
    cursor.arraysize = 37
    cursor.execute("SELECT * FROM rds.pg_rds_public.properties")
    rows: pa.Table = cursor.fetchall_arrow()
    assert rows.num_rows == 400
    assert len(set(rows.column(0).to_pylist())) == 400


@pytest.mark.parametrize(
    ("statement", "error_class", "state"),
    [
        ("SELECT * FROM crm.sfdc_dbx.nowhere", "TABLE_OR_VIEW_NOT_FOUND", "42P01"),
        ("SELECT Id FROM sfdc.main.product_property", "TABLE_OR_VIEW_NOT_FOUND", "42P01"),
        ("SELEC 1", "PARSE_SYNTAX_ERROR", "42601"),
        ("SELECT 1 / 0 AS n", "DIVIDE_BY_ZERO", "22012"),
        ("SELECT :missing AS n", "UNBOUND_SQL_PARAMETER", "42P02"),
        ("SELECT nothing FROM rds.pg_rds_public.properties", "UNRESOLVED_COLUMN", "42703"),
    ],
)
def test_an_error_has_its_class_and_state(
    cursor: Any, statement: str, error_class: str, state: str
) -> None:
    with pytest.raises(exc.ServerOperationError) as direct:
        cursor.execute(statement)
    assert str(direct.value).startswith(f"[{error_class}]")
    assert str(direct.value).endswith(f"SQLSTATE: {state}")
    cursor.execute_async(statement)
    with pytest.raises(exc.ServerOperationError, match=error_class):
        cursor.get_async_execution_result()


def test_a_missing_table_reaches_the_adapter_with_its_class(
    warehouse: DatabricksWarehouse,
) -> None:
    with pytest.raises(QueryFailed) as failed:
        warehouse.query("SELECT * FROM crm.sfdc_dbx.nowhere")
    assert failed.value.error_class == "TABLE_OR_VIEW_NOT_FOUND"


def test_a_view_is_made_and_read_back_as_it_was_written(warehouse: DatabricksWarehouse) -> None:
    text = "SELECT 1 AS a, 'it\\'s' AS b -- why"
    made = warehouse.execute(f"CREATE OR REPLACE VIEW crm.sfdc_dbx.made AS {text}")
    assert made == Yes(-1)
    assert warehouse.view_definition("crm.sfdc_dbx.made") == text
    assert warehouse.query("SELECT * FROM crm.sfdc_dbx.made").rows == [(1, "it's")]


def test_rows_that_a_statement_changed_are_counted(cursor: Any) -> None:
    cursor.execute("CREATE TABLE crm.sfdc_dbx.counted (a INT, b STRING)")
    cursor.execute(
        "INSERT INTO crm.sfdc_dbx.counted VALUES (:a, :b), (2, NULL)", {"a": 1, "b": "x"}
    )
    assert cursor.rowcount == 2
    cursor.execute("UPDATE crm.sfdc_dbx.counted SET b = 'y' WHERE a = 2")
    assert tuple(cursor.fetchall()[0]) == (1,)
    cursor.execute("SELECT * FROM crm.sfdc_dbx.counted ORDER BY a")
    assert [tuple(row) for row in cursor.fetchall()] == [(1, "x"), (2, "y")]


def test_the_catalogue_can_be_asked(cursor: Any) -> None:
    cursor.execute("SHOW CATALOGS")
    assert [row[0] for row in cursor.fetchall()] == ["crm", "rds"]
    cursor.execute("SHOW TABLES IN rds.pg_rds_public")
    assert [row[1] for row in cursor.fetchall()] == [
        "companies",
        "properties",
        "property_features",
    ]
    cursor.execute("DESCRIBE TABLE crm.sfdc_dbx.properties_to_create")
    assert {row[1] for row in cursor.fetchall()} >= {"string", "boolean", "timestamp"}
    cursor.execute(
        "SELECT COUNT(*) FROM system.information_schema.columns WHERE table_catalog = 'sfdc'"
    )
    assert tuple(cursor.fetchall()[0]) == (0,)
    cursor.execute("USE crm.sfdc_dbx")
    assert one_row(cursor, "SELECT COUNT(*) FROM properties_to_create") == (40,)
    with pytest.raises(exc.ServerOperationError, match="SCHEMA_NOT_FOUND"):
        cursor.execute("USE sfdc.main")


def test_a_session_begins_where_it_was_asked_to(box: SandboxProcess) -> None:
    wanted = box.connection(catalog="crm", schema="sfdc_dbx")
    with sql.connect(**wanted) as connection, connection.cursor() as cursor:
        assert one_row(cursor, "SELECT COUNT(*) FROM properties_to_create") == (40,)
    with pytest.raises(exc.Error, match="SCHEMA_NOT_FOUND"):
        sql.connect(**box.connection(catalog="sfdc", schema="main"))


def test_a_statement_can_be_cancelled(cursor: Any) -> None:
    """Were it not, its end would not come within the time that a test may take."""
    cursor.execute_async("SELECT /* sleep 600 */ 1")
    assert cursor.is_query_pending()
    cursor.cancel()
    with pytest.raises(exc.OperationalError, match="CANCEL"):
        cursor.get_async_execution_result()


def test_a_statement_that_computes_is_interrupted_too(cursor: Any) -> None:
    properties = "rds.pg_rds_public.properties"
    cursor.execute_async(
        f"SELECT COUNT(*) FROM {properties} a CROSS JOIN {properties} b CROSS JOIN {properties} c "
        f"CROSS JOIN {properties} d WHERE a.name <> concat(b.name, c.name, d.name)"
    )
    assert cursor.is_query_pending()
    cursor.cancel()
    with pytest.raises(exc.Error):
        cursor.get_async_execution_result()


def test_the_adapter_gives_up_at_its_deadline(warehouse: DatabricksWarehouse) -> None:
    with pytest.raises(ServiceUnreachable, match="cancelled"):
        warehouse.query("SELECT /* sleep 60 */ 1", timeout_s=0.3)


def test_the_server_keeps_to_its_own_statement_timeout(box: SandboxProcess) -> None:
    limited = box.connection(session_configuration={"STATEMENT_TIMEOUT": "1"})
    with sql.connect(**limited) as connection, connection.cursor() as opened:
        cursor: Any = opened
        cursor.execute_async("SELECT /* sleep 60 */ 1")
        with pytest.raises(exc.OperationalError, match="FAILED"):
            cursor.get_async_execution_result()


def test_a_warehouse_that_starts_is_waited_for(
    box: SandboxProcess,
) -> None:
    said: list[str] = []
    warehouse = box.warehouse(on_wait=said.append)
    try:
        assert warehouse.query("SELECT 1 AS n").rows == [(1,)]
        seq = box.get("/journal?limit=0")["last"]
        box.order(on="warehouse", do="cold", seconds=180)
        assert warehouse.query("SELECT 2 AS n").rows == [(2,)]
    finally:
        warehouse.close()
    refused = [e for e in box.journal(after=seq, service="warehouse") if e["status"] == 503]
    assert refused
    assert "waiting for the warehouse" in said[0]


def test_an_expired_token_is_refused_and_named(
    warehouse: DatabricksWarehouse, box: SandboxProcess
) -> None:
    assert warehouse.query("SELECT 1 AS n").rows == [(1,)]
    box.order(on="warehouse", do="expire_token", seconds=3 * SPEED)
    with pytest.raises(ServiceRefused, match="Invalid access token") as refused:
        warehouse.query("SELECT 1 AS n")
    assert refused.value.status == 403


def test_a_wrong_token_opens_nothing(box: SandboxProcess) -> None:
    stranger = box.warehouse(token="somebody-elses")
    with pytest.raises(ServiceRefused):
        stranger.query("SELECT 1 AS n")
    stranger.close()


def test_a_lost_answer_is_not_asked_for_twice(
    warehouse: DatabricksWarehouse, box: SandboxProcess
) -> None:
    warehouse.execute("CREATE TABLE crm.sfdc_dbx.lost (a INT)")
    fault = box.order(match="ExecuteStatement INSERT*", on="warehouse", do="timeout_after_effect")
    answer = warehouse.execute("INSERT INTO crm.sfdc_dbx.lost VALUES (1)")
    assert isinstance(answer, Unknown)
    assert warehouse.query("SELECT COUNT(*) AS n FROM crm.sfdc_dbx.lost").rows == [(1,)]
    sent = [
        e
        for e in box.journal(rpc="ExecuteStatement")
        if "INSERT INTO crm.sfdc_dbx.lost" in e["statement"]
    ]
    assert [(e["status"], e["fault"]) for e in sent] == [(None, fault)]


def test_a_lost_request_changed_nothing(
    warehouse: DatabricksWarehouse, box: SandboxProcess
) -> None:
    warehouse.execute("CREATE TABLE crm.sfdc_dbx.unlost (a INT)")
    box.order(match="ExecuteStatement INSERT*", on="warehouse", do="timeout_before_effect")
    assert isinstance(warehouse.execute("INSERT INTO crm.sfdc_dbx.unlost VALUES (1)"), Unknown)
    assert warehouse.query("SELECT COUNT(*) AS n FROM crm.sfdc_dbx.unlost").rows == [(0,)]


@pytest.mark.parametrize("do", ["garbage", "empty", "cut_json", "html"])
def test_an_answer_that_is_no_answer_is_an_error(
    box: SandboxProcess, warehouse: DatabricksWarehouse, do: str
) -> None:
    warehouse.query("SELECT 1 AS n")
    box.order(match="FetchResults", on="warehouse", do=do)
    with pytest.raises(ServiceError):
        warehouse.query("SELECT 1 AS n")


def test_lost_sessions_are_opened_again(
    box: SandboxProcess, warehouse: DatabricksWarehouse
) -> None:
    warehouse.query("SELECT 1 AS n")
    box.order(on="warehouse", do="lose_sessions")
    assert warehouse.query("SELECT 2 AS n").rows == [(2,)]


def test_four_connections_work_side_by_side(box: SandboxProcess, cursor: Any) -> None:
    """Three are answered while a statement of the fourth still runs."""
    cursor.execute_async("SELECT /* sleep 600 */ 0 AS n")
    for number in (1, 2, 3):
        with sql.connect(**box.connection()) as connection, connection.cursor() as other:
            assert one_row(other, f"SELECT {number} AS n") == (number,)
    assert cursor.is_query_pending()
    cursor.cancel()


def test_the_journal_shows_the_connector_over_tls(
    box: SandboxProcess, warehouse: DatabricksWarehouse
) -> None:
    warehouse.query("SELECT 41 + 1 AS n")
    (sent,) = [
        e for e in box.journal(rpc="ExecuteStatement") if e["statement"] == "SELECT 41 + 1 AS n"
    ]
    assert sent["tls"] is True
    assert sent["auth"] == "bearer"
    assert sent["agent"].startswith("PyDatabricksSqlConnector/")
    assert "rollout" in sent["agent"]


def test_a_service_principal_gets_a_token(box: SandboxProcess) -> None:
    url = box.document["warehouse"] + "/oidc/v1/token"
    with httpx.Client(verify=_trusting(box), trust_env=False) as client:
        form = {"grant_type": "client_credentials", "scope": "all-apis"}
        given = client.post(url, data=form, auth=("a-client", box.token))
        assert given.json()["token_type"] == "Bearer"
        assert client.post(url, data=form, auth=("a-client", "wrong")).status_code == 401
        assert client.get(box.document["warehouse"] + "/elsewhere").status_code == 404


def _trusting(box: SandboxProcess) -> Any:
    return ssl.create_default_context(cafile=box.document["extra"]["warehouse"]["ca_file"])
