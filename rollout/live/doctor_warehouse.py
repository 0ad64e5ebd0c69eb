"""What `doctor` asks a warehouse: whether it can be read, and its swapped views replaced."""

from __future__ import annotations

from collections.abc import Iterator

from rollout.adapters.databricks_views import name_parts, quoted
from rollout.domain.errors import QueryFailed, ServiceError
from rollout.domain.plan import Plan
from rollout.live.connections import LiveConnections
from rollout.live.doctor_lines import NOTE, OK, WRONG, Line, asked, first
from rollout.live.plan_relations import relations
from rollout.ports import Warehouse

ASK_S = 60.0
"""Seconds for one question to a warehouse."""


def look_at_warehouse(plan: Plan, connections: LiveConnections, name: str) -> Iterator[Line]:
    warehouse = connections.warehouse(name)

    def who() -> str:
        try:
            row = warehouse.query("SELECT current_user() AS me", timeout_s=ASK_S).rows[0]
        except QueryFailed:
            warehouse.query("SELECT 1 AS one", timeout_s=ASK_S)
            return "answers; it does not say who we are"
        return f"user {row[0]}"

    line = first(plan, name, who)
    yield line
    if line.state != OK:
        return
    yield _version(warehouse, name)
    for relation in relations(plan):

        def look(relation: str = relation) -> str:
            table = warehouse.query(f"SELECT * FROM {relation} LIMIT 1", timeout_s=ASK_S)  # noqa: S608 - three plain names
            return f"readable, {len(table.columns)} columns"

        yield asked(
            name,
            f"view {relation}",
            look,
            f"create {relation}, grant SELECT on it, or correct its name in the plan",
        )
    for view in _swapped(plan, name):
        yield _replaceable(warehouse, name, view)


def _version(warehouse: Warehouse, name: str) -> Line:
    try:
        found = warehouse.query("SELECT version() AS v", timeout_s=ASK_S)
    except QueryFailed:
        return Line(name, "version", NOTE, "not told")
    return Line(name, "version", OK, str(found.rows[0][0]))


def _swapped(plan: Plan, name: str) -> list[str]:
    """Views that steps of the plan put another definition into."""
    found = [
        str(step.inputs["view"])
        for phase in plan.phases
        for step in phase.steps
        if step.step == "restrict_source" and step.inputs.get("on", "warehouse") == name
    ]
    return list(dict.fromkeys(found))


def _replaceable(warehouse: Warehouse, name: str, view: str) -> Line:
    """Only its owner may replace a view; MANAGE is not enough. Source: Databricks SQL, CREATE VIEW,
    and "Create views", required permissions."""
    what = f"replace {view}"
    catalog, schema, table = name_parts(view)
    sql = (
        f"SELECT table_owner AS owner, current_user() AS me FROM {quoted([catalog])}"  # noqa: S608 - three plain names
        ".information_schema.tables WHERE table_schema = :schema AND table_name = :table"
    )
    try:
        rows = warehouse.query(sql, {"schema": schema, "table": table}, timeout_s=ASK_S).rows
    except (QueryFailed, ServiceError) as error:
        return Line(name, what, NOTE, f"not looked at: {error}")
    if not rows or rows[0][0] is None:
        return Line(name, what, NOTE, "not looked at: the catalogue does not say whose it is")
    owner, me = str(rows[0][0]), str(rows[0][1])
    if owner == me:
        return Line(name, what, OK, f"ours ({owner}); CREATE TABLE on its schema is not looked at")
    if _is_in(warehouse, owner):
        said = f"{owner}'s, which we are in; CREATE TABLE on its schema is not looked at"
        return Line(name, what, OK, said)
    said = f"it is {owner}'s, and only its owner may replace a view: we are {me}"
    return Line(name, what, WRONG, said, f"ALTER VIEW {view} OWNER TO `{me}`, or to a group of its")


def _is_in(warehouse: Warehouse, group: str) -> bool:
    """False also when it cannot be told."""
    sql = "SELECT is_account_group_member(:name) AS inside"
    try:
        return warehouse.query(sql, {"name": group}, timeout_s=ASK_S).rows[0][0] is True
    except QueryFailed:
        return False
