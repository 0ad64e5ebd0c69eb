"""A sync of the mocked Census: how it is set up, and the document the API shows of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from rollout.ports import Schedule
from rollout.rehearsal.services import schedules

Operation = Literal["insert", "update", "upsert"]
OPERATIONS: tuple[Operation, ...] = ("insert", "update", "upsert")
"""What this destination supports; Census also knows append and mirror."""
SOURCE_ID, DESTINATION_ID = 31, 44
_FLAT = {
    "schedule_frequency": "frequency",
    "schedule_day": "day",
    "schedule_hour": "hour",
    "schedule_minute": "minute",
    "cron_expression": "cron_expression",
}
_READ_ONLY = frozenset({"id", "status", "created_at", "updated_at", "match_rate_details"})
_ALERTS = ("FailureAlertConfiguration", None), ("InvalidRecordPercentAlertConfiguration", 75)


class SyncProblem(ValueError):
    """A change of a sync that Census would refuse."""


@dataclass(frozen=True, kw_only=True)
class MockSync:
    """How a sync starts out.

    `mappings` pairs a source column with a Salesforce field; `key` is the Salesforce field that
    identifies a record. A run takes `overhead_s` seconds and then a minute per `rows_per_minute`
    rows. `dataset` puts a dataset of that name between the sync and its relation, as Census shows
    it: the name need not tell the truth, its query does. With `remembers` off, Census sends every
    row of its source in each run instead of those that are new, changed or were rejected.
    Source: the defaults make 50 rows take about two minutes and a half (domain, section 3).
    """

    id: int
    label: str
    operation: str
    source: str
    mappings: Mapping[str, str]
    key: str
    target: str = "Product_Property__c"
    schedule: Schedule = field(default_factory=lambda: Schedule("never"))
    paused: bool = False
    rows_per_minute: float = 55.0
    overhead_s: float = 90.0
    dataset: str | None = None
    remembers: bool = True


@dataclass(frozen=True)
class SyncShape:
    """What a run needs to know, read out of the document at the moment it starts."""

    operation: Operation
    relation: str
    columns: tuple[str, ...]
    fields: tuple[str, ...]
    key_column: str
    key_field: str


def stamp(instant: datetime | None) -> str | None:
    """An instant as Census writes it, with milliseconds and Z."""
    if instant is None:
        return None
    return instant.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def dataset_id(sync_id: int) -> int:
    return 500_000 + sync_id % 100_000


def initial_document(sync: MockSync, at: datetime) -> dict[str, Any]:
    """The sync as `GET /syncs/{id}` shows it before anybody changed it."""
    schedule = schedules.document(
        {
            "frequency": sync.schedule.frequency,
            "cron_expression": sync.schedule.cron,
            "hour": sync.schedule.hour,
            "minute": sync.schedule.minute,
            "day": sync.schedule.day,
        }
    )
    document: dict[str, Any] = {
        "id": sync.id,
        "label": sync.label,
        "resource_identifier": "sync:" + "-".join(sync.label.lower().split()),
        "status": "ready",
        "created_at": stamp(at),
        "updated_at": stamp(at),
        "operation": sync.operation,
        "paused": sync.paused,
        "source_attributes": {"connection_id": SOURCE_ID, "object": _source_object(sync)},
        "destination_attributes": {
            "connection_id": DESTINATION_ID,
            "object": sync.target,
            "lead_union_insert_to": None,
        },
        "mappings": _numbered([_first_mapping(sync, *pair) for pair in sync.mappings.items()]),
        "field_behavior": "specific_properties",
        "field_normalization": None,
        "field_order": "mapping_order",
        "mirror_strategy": None,
        "historical_sync_operation": None,
        "high_water_mark_attribute": None,
        "sync_behavior_family": None,
        "advanced_configuration": {},
        "alert_attributes": [_alert(number, *alert) for number, alert in enumerate(_ALERTS, 1)],
        "failed_run_notifications_enabled": True,
        "failed_record_notifications_enabled": True,
        "failed_record_notifications_threshold_percent": 75,
        "match_rate_details": {"match_rate": None, "match_rate_last_calculated_at": None},
    }
    return with_schedule(document, schedule)


def _first_mapping(sync: MockSync, column: str, to: str) -> dict[str, Any]:
    source = {"type": "column", "data": column}
    return {"from": source, "to": to, "is_primary_identifier": to == sync.key}


def with_schedule(document: Mapping[str, Any], schedule: Mapping[str, Any]) -> dict[str, Any]:
    """The document with one schedule in both places Census shows it."""
    mode = {"type": "triggered", "triggers": {"schedule": dict(schedule)}}
    flat = {name: schedule[key] for name, key in _FLAT.items()}
    return {**document, "mode": mode, **flat}


def changed(document: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """The document after a PATCH: top-level keys merge, a nested object or list replaces the whole.

    Raises: SyncProblem, ScheduleProblem.
    """
    if wrong := sorted(set(patch) - set(document) - {"triggers", "validate_only"}):
        raise SyncProblem(f"unpermitted parameters: {', '.join(wrong)}")
    kept = {
        key: value
        for key, value in patch.items()
        if key not in _READ_ONLY
        and key not in _FLAT
        and key not in {"mode", "triggers", "validate_only"}
    }
    after = {**document, **kept}
    if "mappings" in kept:
        after["mappings"] = _numbered(_list(kept["mappings"], "mappings"))
    schedule = _patched_schedule(document, patch)
    if schedule is not None:
        after = with_schedule(after, schedules.document(schedule))
    _check(after)
    shape_of(after)
    return after


def shape_of(document: Mapping[str, Any]) -> SyncShape:
    """What runs of this document read and write.

    Raises: SyncProblem when the source or the mappings cannot be understood.
    """
    mappings = document["mappings"]
    keys = [mapping for mapping in mappings if mapping["is_primary_identifier"]]
    if len(keys) != 1:
        raise SyncProblem(f"exactly one mapping must be the primary identifier, found {len(keys)}")
    return SyncShape(
        operation=document["operation"],
        relation=relation_of(document),
        columns=tuple(mapping["from"]["data"] for mapping in mappings),
        fields=tuple(mapping["to"] for mapping in mappings),
        key_column=keys[0]["from"]["data"],
        key_field=keys[0]["to"],
    )


def relation_of(document: Mapping[str, Any]) -> str:
    """catalog.schema.name of a sync whose source is a table or view; a dataset has its own query."""
    source = document["source_attributes"]["object"]
    if source.get("type") == "dataset":
        return f"dataset:{source.get('id')}"
    parts = [source.get(f"table_{part}") for part in ("catalog", "schema", "name")]
    if source.get("type") != "table" or not all(isinstance(part, str) and part for part in parts):
        raise SyncProblem("source_attributes.object must name a table by catalog, schema and name")
    return ".".join(parts)


def _patched_schedule(
    document: Mapping[str, Any], patch: Mapping[str, Any]
) -> Mapping[str, Any] | None:
    """The schedule a PATCH asks for: `mode` wins over the older flat fields; None = untouched."""
    if "mode" in patch:
        mode = _mapping(patch["mode"], "mode")
        triggers = _mapping(mode.get("triggers") or {}, "mode.triggers")
    elif "triggers" in patch:
        triggers = _mapping(patch["triggers"], "triggers")
    else:
        flat = {key: patch[name] for name, key in _FLAT.items() if name in patch}
        return {**document["mode"]["triggers"]["schedule"], **flat} if flat else None
    return _mapping(triggers.get("schedule") or {"frequency": "never"}, "schedule")


def _check(document: Mapping[str, Any]) -> None:
    if not isinstance(document["paused"], bool):
        raise SyncProblem("paused must be true or false")
    if document["operation"] not in OPERATIONS:
        raise SyncProblem(f"the destination supports the operations {', '.join(OPERATIONS)}")
    for name in ("source_attributes", "destination_attributes"):
        _mapping(_mapping(document[name], name), name)
    _mapping(document["source_attributes"].get("object"), "source_attributes.object")
    for mapping in document["mappings"]:
        origin = _mapping(_mapping(mapping, "mapping").get("from"), "mapping.from")
        if origin.get("type") != "column" or not isinstance(origin.get("data"), str):
            raise SyncProblem("a mapping must come from a column of the source")
        if not isinstance(mapping.get("to"), str):
            raise SyncProblem("a mapping must name the destination field in `to`")


def _mapping(value: object, name: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise SyncProblem(f"{name} must be an object")
    return value


def _list(value: object, name: str) -> list[Any]:
    if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
        raise SyncProblem(f"{name} must be a list of objects")
    return value


def _numbered(mappings: list[Any]) -> list[dict[str, Any]]:
    defaults = {
        "is_primary_identifier": False,
        "generate_field": False,
        "preserve_values": False,
        "sync_null_values": True,
        "operation": None,
    }
    return [{**defaults, **mapping, "position": place} for place, mapping in enumerate(mappings)]


def _alert(number: int, kind: str, threshold: int | None) -> dict[str, Any]:
    options = None if threshold is None else {"threshold": threshold}
    return {
        "id": number,
        "type": kind,
        "send_for": "first_time",
        "should_send_recovery": True,
        "options": options,
    }


def _source_object(sync: MockSync) -> dict[str, Any]:
    if sync.dataset is not None:
        return {"type": "dataset", "id": dataset_id(sync.id), "name": sync.dataset}
    catalog, schema, name = sync.source.split(".")
    return {
        "type": "table",
        "id": sync.id % 10_000,
        "table_catalog": catalog,
        "table_schema": schema,
        "table_name": name,
    }
