"""What the mocked Salesforce's answers look like: records, results, an object's description, a user."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rollout.rehearsal.services.salesforce import OBJECT, TOOL_USER, Cursor, shown

if TYPE_CHECKING:
    from rollout.rehearsal.services.soql_sql import FieldKind
    from rollout.rehearsal.truth import RowOutcome

ORGANIZATION = "00DVj000000SNDBXAA"
_TYPES = {"id": "id", "boolean": "boolean", "datetime": "datetime", "number": "double"}


def user_info(instance: str) -> dict[str, Any]:
    """Source: Salesforce Help, Query for User Information: those of its fields that clients use."""
    return {
        "sub": f"{instance}/id/{ORGANIZATION}/{TOOL_USER}",
        "user_id": TOOL_USER,
        "organization_id": ORGANIZATION,
        "preferred_username": "rollout@example.test",
        "name": "Rollout",
        "active": True,
    }


def description(
    fields: Mapping[str, FieldKind], read_only: Collection[str], rights: Collection[str]
) -> dict[str, Any]:
    """`rights` are the flags that are true. Source: Salesforce REST API, sObject Describe."""

    def field(name: str, kind: FieldKind) -> dict[str, Any]:
        fixed = kind == "id" or name in read_only
        return {
            "name": name,
            "type": _TYPES.get(kind, "string"),
            "createable": not fixed and "createable" in rights,
            "updateable": not fixed and "updateable" in rights,
        }

    flags = ("createable", "updateable", "deletable")
    return {
        "name": OBJECT,
        "label": "Product Property",
        "custom": True,
        "queryable": True,
        **{flag: flag in rights for flag in flags},
        "fields": [field(name, kind) for name, kind in fields.items()],
    }


def records_of(cursor: Cursor, low: int, high: int, base: str) -> list[dict[str, Any]]:
    columns = cursor.compiled.columns
    if cursor.compiled.form == "aggregates":
        return [
            {"attributes": {"type": "AggregateResult"}}
            | {
                label: shown(value, kind, counted=True)
                for (label, kind), value in zip(columns, row, strict=True)
            }
            for row in cursor.rows[low:high]
        ]
    id_place = next((n for n, (label, _) in enumerate(columns) if label == "Id"), None)
    records = []
    for row in cursor.rows[low:high]:
        attributes = {"type": OBJECT}
        if id_place is not None:
            attributes["url"] = f"{base}/sobjects/{OBJECT}/{row[id_place]}"
        values = {label: shown(v, kind) for (label, kind), v in zip(columns, row, strict=True)}
        records.append({"attributes": attributes} | values)
    return records


def results_of(outcomes: Sequence[RowOutcome]) -> list[dict[str, Any]]:
    """The answers in the order of the request; a failed one carries no id."""
    results: list[dict[str, Any]] = []
    for outcome in outcomes:
        if outcome.result != "rejected":
            results.append({"id": outcome.id, "success": True, "errors": []})
            continue
        code, _, message = outcome.reason.partition(":")
        if not code.replace("_", "").isupper():
            code, message = "FIELD_CUSTOM_VALIDATION_EXCEPTION", outcome.reason
        error = {"statusCode": code, "message": message.strip() or code, "fields": []}
        results.append({"success": False, "errors": [error]})
    return results
