"""Look at the target as it is, to hold it against a baseline: every row, who changed it last, the bin."""

from __future__ import annotations

from collections.abc import Sequence

from rollout.domain.instants import to_text
from rollout.domain.literals import soql_texts
from rollout.domain.plan import Plan
from rollout.domain.restoring import CLOCKS_APART, HIDDEN, Before, Target, rows_by_id
from rollout.ports import RecordStore

MOST_ROWS = 1_000_000
"""Rows that are read to see what changed."""

IDS_PER_QUERY = 200
"""Record ids in one SOQL `IN`: what one collection call takes."""

STORE = "salesforce"
"""The connection through which baselines are read and restored."""


def our_users(plan: Plan, target: str) -> set[str]:
    """Ids of the target's users that syncs, rollbacks and automation write as."""
    users = {s.user for s in plan.syncs.values() if s.target == target}
    if plan.rollback is not None:
        users |= {plan.rollback.user, *plan.rollback.automation}
    return users - {""}


def whole_baselines(plan: Plan) -> list[str]:
    """Steps of the plan that keep every row of their target."""
    return [
        s.id
        for p in plan.phases
        for s in p.steps
        if s.step == "capture_baseline"
        and not s.inputs.get("cohorts")
        and "relation" not in s.inputs
    ]


def look_at(
    store: RecordStore, target: str, key: str, before: Before, ours: set[str]
) -> Target | None:
    """Every row of the target as it is; of a baseline of a part only what changed since. None when
    there are more rows than anybody would restore. Raises: ServiceError."""
    columns = ", ".join(dict.fromkeys([*HIDDEN, key, *before.fields]))
    soql = f"SELECT {columns} FROM {target}"  # noqa: S608 - names of the validated plan
    if not before.whole:
        since = (before.taken_at - CLOCKS_APART).replace(microsecond=0)
        soql += f" WHERE LastModifiedDate >= {to_text(since)} ORDER BY {key}"
    table = store.query(soql, max_rows=MOST_ROWS)
    if table.truncated:
        return None
    rows = rows_by_id(table.dicts())
    gone = before.whole and not before.rows.keys() <= rows.keys()
    deleted = _in_the_bin(store, target, before) if gone else {}
    return Target(key, rows, ours, deleted)


def changed_last_by(store: RecordStore, target: str, ids: Sequence[str]) -> dict[str, str]:
    """Row id -> user, of the rows that are still there. Raises: ServiceError."""
    found: dict[str, str] = {}
    for start in range(0, len(ids), IDS_PER_QUERY):
        listed = soql_texts(ids[start : start + IDS_PER_QUERY])
        soql = f"SELECT Id, LastModifiedById FROM {target} WHERE Id IN ({listed})"  # noqa: S608 - a plan's name, literals
        found |= {str(record): str(by or "") for record, by in store.query(soql).rows}
    return found


def _in_the_bin(store: RecordStore, target: str, before: Before) -> dict[str, Sequence[str]]:
    """Row id -> (who deleted it, when), for rows that are gone and can still be seen."""
    since = to_text((before.taken_at - CLOCKS_APART).replace(microsecond=0))
    soql = (
        f"SELECT Id, LastModifiedById, LastModifiedDate FROM {target} "  # noqa: S608 - a plan's name, our own instant
        f"WHERE IsDeleted = TRUE AND LastModifiedDate >= {since}"
    )
    table = store.query(soql, max_rows=MOST_ROWS, deleted_too=True)
    return {
        str(record): (str(by or ""), str(at))
        for record, by, at in table.rows
        if str(record) in before.rows
    }
