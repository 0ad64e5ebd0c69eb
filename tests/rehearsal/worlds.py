"""Worlds for tests, and the two syncs in their simplest form."""

from __future__ import annotations

import hashlib
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from rollout.rehearsal.clock import VirtualClock
from rollout.rehearsal.truth_sql import Operation
from rollout.rehearsal.world import RowOutcome, World, WorldSpec

START = datetime(2026, 1, 6, 16, 0, tzinfo=UTC)
ROOT = Path(__file__).parents[2]
VIEWS = {path.stem: path.read_text("utf-8") for path in (ROOT / "plans/sql").glob("*.sql")}
KEY = "Snappt_Property_ID__c"
MAPPING = {
    "rds_property_id": KEY,
    "property_name": "Name",
    "company_name": "Company_Name__c",
    "short_id": "Short_ID__c",
    "idv_enabled": "IDV_Enabled__c",
    "bank_linking_enabled": "Bank_Linking_Enabled__c",
    "payroll_enabled": "Payroll_Enabled__c",
    "income_insights_enabled": "Income_Insights_Enabled__c",
    "active_property_count": "Active_Property_Count__c",
    "is_multi_property": "Is_Multi_Property__c",
}
SMALL: dict[str, Any] = {
    "properties": 400,
    "target_rows": 330,
    "create_queue": 40,
    "update_queue": 90,
    "high_priority": 20,
    "wrong_flags": 15,
    "shared_ids": 41,
    "company_gaps": 7,
    "organic": False,
}
DAY3: dict[str, Any] = {"target_rows": 17_714, "create_queue": 740, "update_queue": 7_874}


def world(seed: int = 1, **spec: Any) -> World:
    """A world of the plan's size unless told otherwise, without organic changes."""
    return World(WorldSpec(**{"organic": False, **spec}), VirtualClock(START), seed, VIEWS)


def small(seed: int = 1, **spec: Any) -> World:
    return world(seed, **{**SMALL, **spec})


def pass_time(made: World, **span: float) -> None:
    made.clock.advance_to(made.clock.now() + timedelta(**span))
    made.catch_up()


def rows(made: World, sql: str) -> list[tuple[Any, ...]]:
    return made.warehouse().query(sql, max_rows=100_000).rows


def one(made: World, sql: str) -> Any:
    return rows(made, sql)[0][0]


def truth(made: World, sql: str) -> list[tuple[Any, ...]]:
    return made.truth.select(sql).rows


def queue(made: World, name: str, keys: set[str] | None = None) -> list[dict[str, Any]]:
    """What a sync would send from a view, in the target's fields, rows without a key left out."""
    sent = [
        {field: row[column] for column, field in MAPPING.items()}
        for row in made.read_source(f"crm.sfdc_dbx.properties_to_{name}").dicts()
        if row["rds_property_id"] is not None
    ]
    return [row for row in sent if keys is None or row[KEY] in keys]


def sync(
    made: World, sent: list[dict[str, Any]], operation: Operation = "upsert"
) -> list[RowOutcome]:
    return made.truth.upsert(
        KEY, sent, operation=operation, by=made.truth.CENSUS_USER, at=made.clock.now()
    )


def results(outcomes: list[RowOutcome]) -> dict[str, int]:
    return dict(Counter(outcome.result for outcome in outcomes))


def fingerprint(made: World) -> str:
    """A digest of every row of every table, in the order in which they are stored."""
    cursor = made.warehouse_cursor()
    found = hashlib.sha256()
    tables = cursor.execute(
        """SELECT database_name, schema_name, table_name FROM duckdb_tables()
        WHERE database_name IN ('rds', 'crm', 'sfdc') ORDER BY ALL"""
    ).fetchall()
    for table in tables:
        name = ".".join(table)
        text = cursor.execute(f"SELECT md5(string_agg(CAST(t AS VARCHAR), '|')) FROM {name} AS t")
        found.update(f"{name}={text.fetchall()}".encode())
    return found.hexdigest()


class _Loader(yaml.SafeLoader):
    """With `!edit`: a shipped view's text with one part replaced."""


def _edited(loader: yaml.SafeLoader, node: yaml.MappingNode) -> str:
    edit = loader.construct_mapping(node)
    text = VIEWS[edit["file"]]
    if "replace" in edit:
        assert edit["replace"] in text, edit
        text = text.replace(edit["replace"], edit["by"])
    return text


_Loader.add_constructor("!edit", _edited)
FAULTS: dict[str, dict[str, Any]] = yaml.load(
    (Path(__file__).parent / "world_faults.yaml").read_text("utf-8"), _Loader
)


def apply(made: World, fault: str) -> int:
    """Run a fault's statements; the rows they changed."""
    wanted = FAULTS[fault]
    return sum(made.run_statement(sql, wanted["side"]) for sql in wanted["statements"])
