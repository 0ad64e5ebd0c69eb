"""Census' JSON read into the port's structures.

Source: reference on the Census API, sections 4 and 5. Field names and enumerations are the
service's; statuses that are not known are kept as they are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rollout.adapters.documents import Fields
from rollout.adapters.redaction import Redactor
from rollout.domain.errors import ServiceRefused
from rollout.domain.evidence import Scalar
from rollout.ports import RejectedRecord, Schedule, SyncConfig, SyncRun

_CANCELED = frozenset({"canceled", "cancelled"})
_GOING = frozenset({"queued", "working", "new", "preparing", "retrying"})
_KNOWN = _GOING | {"completed", "failed", "skipped"}
_CLOCK = ("day", "hour", "minute")
_WHAT_COUNTS = {"expression": ("cron",), "never": (), "continuous": ()}
"""Fields of a schedule that say something, by frequency; the others count day, hour and minute."""
_SOURCE_NAMES = ("connection_id", "object")


def envelope(document: Any, what: str, redactor: Redactor) -> Fields:
    """The outermost object, unless it says that the request failed although HTTP said 200.

    `status` is a word or an HTTP status number.
    Raises: ServiceRefused, ServiceGarbled.
    """
    fields = Fields(document, what)
    problem = said_problem(fields.document)
    if problem is not None:
        raise ServiceRefused(redactor.line(f"{what}: {problem[1]}"), status=problem[0])
    return fields


def said_problem(document: Mapping[str, Any]) -> tuple[int | None, str] | None:
    """(HTTP status if known, words) when an envelope reports an error, None when it does not.

    >>> said_problem({"status": "error", "message": "no"}), said_problem({"status": 404})
    ((None, 'error: no'), (404, '404'))
    >>> said_problem({"status": "success", "data": {}}) is None
    True
    """
    status, message = document.get("status"), document.get("message")
    words = f"{status}: {message}" if isinstance(message, str) and message else str(status)
    if isinstance(status, bool) or not isinstance(status, str | int):
        return None
    if isinstance(status, int):
        return (status, words) if status >= 400 else None
    if status.lower() == "not_found":
        return 404, words
    return (None, words) if status.lower() == "error" else None


def run_of(fields: Fields) -> SyncRun:
    """A run; `canceled: true` beside a status that is still going is not over until it says so.

    A cancel that was asked for but has not come through yet leaves rows on their way: a rollback
    must not begin before `completed_at` is set or the status has moved on.
    """
    reason = fields.optional_object("sync_trigger_reason")
    invalid = fields.optional_integer("records_invalid")
    if invalid is None:
        invalid = fields.optional_integer("source_record_invalids")
    return SyncRun(
        id=fields.integer("id"),
        sync_id=fields.integer("sync_id"),
        status=_status(fields),
        created_at=fields.instant("created_at"),
        completed_at=fields.optional_instant("completed_at"),
        trigger=reason.optional_text("ui_tag") if reason else None,
        step=fields.optional_text("current_step"),
        full_sync=fields.optional_flag("full_sync") or False,
        source_rows=fields.optional_integer("source_record_count"),
        processed=fields.optional_integer("records_processed"),
        accepted=fields.optional_integer("records_updated"),
        failed=fields.optional_integer("records_failed"),
        invalid=invalid,
        error=_error(fields),
    )


def _status(fields: Fields) -> str:
    status = fields.text("status")
    folded = status.lower()
    if folded in _CANCELED:
        return "canceled"
    stopping = folded in _GOING and fields.optional_text("completed_at") is None
    if fields.optional_flag("canceled") and not stopping:
        return "canceled"
    return folded if folded in _KNOWN else status


def _error(fields: Fields) -> str | None:
    parts = [fields.document.get(name) for name in ("error_code", "error_message", "error_detail")]
    texts = [part if isinstance(part, str) else json.dumps(part) for part in parts if part]
    return ": ".join(texts) or None


def record_of(fields: Fields, redactor: Redactor) -> RejectedRecord:
    identifier = fields.document.get("identifier")
    return RejectedRecord(
        key="" if identifier is None else str(identifier),
        status=fields.text("status"),
        reason=redactor.line(fields.optional_text("status_message") or "", 500),
    )


def payload_of(records: Sequence[Fields], key: str) -> dict[str, Scalar] | None:
    """What was sent for a key, by source column; None when no record is of that key."""
    found = next((r for r in records if str(r.document.get("identifier")) == key), None)
    if found is None:
        return None
    sent = found.object("record_payload").document
    return {k: v for k, v in sent.items() if isinstance(v, str | int | float | None)}


def config_of(fields: Fields, extra: Mapping[str, Any]) -> SyncConfig:
    """A sync. `mappings` pairs what a field is filled from with the destination field; `key` is
    the destination field that identifies a record ("" for destinations that need none).

    `extra` (a dataset's query) is added to `source_detail`.
    """
    number = fields.integer("id")
    mappings, keys = _mappings(fields)
    source = fields.object("source_attributes")
    return SyncConfig(
        id=number,
        label=fields.optional_text("label")
        or fields.optional_text("resource_identifier")
        or f"sync {number}",
        operation=fields.text("operation"),
        source=source_name(source.object("object")),
        target=fields.object("destination_attributes").text("object"),
        key=", ".join(keys),
        mappings=mappings,
        paused=fields.flag("paused"),
        schedule=schedule_of(fields),
        source_detail={
            **{name: source.document.get(name) for name in _SOURCE_NAMES},
            "other_triggers": other_triggers(fields.document),
            "mirror_strategy": fields.document.get("mirror_strategy"),
            "status": fields.document.get("status"),
            **extra,
        },
    )


def source_name(source: Fields) -> str:
    """`catalog.schema.table` for a table, else `<type>:<name or id>`.

    A dataset is named by its id: its name can say anything, its query is what runs.
    >>> source_name(Fields({"type": "model", "id": 5, "name": "queue"}, "source"))
    'model:queue'
    """
    kind = source.text("type")
    if kind == "table":
        parts = [source.optional_text(f"table_{p}") for p in ("catalog", "schema", "name")]
        if parts[2]:
            return ".".join(part for part in parts if part)
    name = source.document.get("name") if kind == "model" else None
    return f"{kind}:{name if name is not None else source.document.get('id', '?')}"


def schedule_of(fields: Fields) -> Schedule:
    """From `mode` (current form), else from the flat `schedule_*` fields (older form)."""
    mode = fields.optional_object("mode")
    if mode is not None:
        triggers = mode.optional_object("triggers")
        nested = triggers.optional_object("schedule") if triggers else None
        if nested is not None:
            return _schedule(nested, "")
        if mode.optional_text("type") == "live":
            return Schedule("continuous")
        if triggers is not None:
            return Schedule("never")
    if fields.optional_text("schedule_frequency") is None:
        return Schedule("never")
    return _schedule(fields, "schedule_")


def _schedule(fields: Fields, prefix: str) -> Schedule:
    return Schedule(
        frequency=fields.text(f"{prefix}frequency"),
        cron=fields.optional_text("cron_expression"),
        hour=fields.optional_integer(f"{prefix}hour"),
        minute=fields.optional_integer(f"{prefix}minute"),
        day=fields.optional_text(f"{prefix}day"),
    )


def other_triggers(document: Mapping[str, Any]) -> dict[str, Any]:
    """What else starts this sync: a dbt job, another sync in a sequence."""
    mode = document.get("mode")
    triggers = mode.get("triggers") if isinstance(mode, Mapping) else None
    if not isinstance(triggers, Mapping):
        return {}
    return {name: value for name, value in triggers.items() if name != "schedule" and value}


def schedule_patch(document: Mapping[str, Any], schedule: Schedule) -> dict[str, Any]:
    """The PATCH body that gives a sync this schedule and keeps its other triggers.

    Census replaces a nested object whole: `mode` sent with the schedule alone would drop a dbt
    trigger. A sync without `mode` gets the older flat fields.
    """
    names = _WHAT_COUNTS.get(schedule.frequency, _CLOCK)
    wanted: dict[str, Any] = {
        name: getattr(schedule, name) if name in names else None for name in _CLOCK
    }
    wanted["frequency"] = schedule.frequency
    cron = schedule.cron if "cron" in names else None
    if not isinstance(document.get("mode"), Mapping):
        flat = {f"schedule_{name}": value for name, value in wanted.items()}
        return {**flat, "cron_expression": cron}
    triggers = {**other_triggers(document), "schedule": {**wanted, "cron_expression": cron}}
    return {"mode": {"type": "triggered", "triggers": triggers}}


def same_schedule(wanted: Schedule, found: Schedule) -> bool:
    """With `expression` the server fills in day, hour and minute by itself."""
    if wanted.frequency != found.frequency:
        return False
    names = _WHAT_COUNTS.get(wanted.frequency, _CLOCK)
    pairs = [(getattr(wanted, name), getattr(found, name)) for name in names]
    return all(asked is None or asked == had for asked, had in pairs)


def _mappings(fields: Fields) -> tuple[dict[str, str], list[str]]:
    pairs: dict[str, str] = {}
    keys = []
    for mapping in fields.objects("mappings"):
        to = mapping.text("to")
        origin = _origin(mapping.object("from"))
        # One column may fill two fields; the second must not hide the first.
        pairs[origin if origin not in pairs else f"{origin} -> {to}"] = to
        if mapping.optional_flag("is_primary_identifier"):
            keys.append(to)
    return pairs, keys


def _origin(origin: Fields) -> str:
    kind, data = origin.text("type"), origin.document.get("data")
    if kind == "column":
        return origin.text("data")
    return f"{kind}:{data if isinstance(data, str) else json.dumps(data, sort_keys=True)}"
