"""`census_sync`: a sync is configured as it was approved. Names lie, sources count."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, Field

from rollout.checks.plan_syncs import plan_sync
from rollout.domain.evidence import Observation, Scalar
from rollout.domain.plan import Identifier, Model, SyncSpec
from rollout.kinds import CheckContext
from rollout.ports import Schedule, SyncConfig

SAMPLE = 20
_WHOLE_RELATION = re.compile(r"select \* from ([\w.`\"]+)", re.IGNORECASE)
UNTIMED = frozenset({"never", "continuous", "quarter_hourly"})
"""Frequencies for which the service's own hour and minute mean nothing."""


class ExpectedSchedule(Model):
    """How the sync should run by itself; `cron` (five fields, UTC) only with `expression`."""

    frequency: str
    cron: str | None = None
    hour: int | None = Field(default=None, ge=0, le=24)
    minute: int | None = Field(default=None, ge=0, le=59)
    day: str | None = None


class CensusSyncInputs(Model):
    """The sync of the plan. Source, operation, target and key are the plan's own unless given here."""

    sync: Identifier
    source: str | None = None
    """Another relation than the plan's; for a dataset that is more than `SELECT * FROM relation`,
    its whole query."""
    mapping: dict[str, str] | None = Field(default=None, min_length=1)
    """Column of the source -> field of the target; the whole of it, nothing may be beside it."""
    schedule: str | ExpectedSchedule | None = None
    """A frequency (`never`), or frequency with its time; any other trigger is then a difference."""
    paused: bool | None = None


class CensusSync:
    """The configuration as the service has it now, held against the plan."""

    kind: ClassVar[str] = "census_sync"
    Inputs: ClassVar[type[BaseModel]] = CensusSyncInputs
    primary: ClassVar[str | None] = "differences"
    metrics: ClassVar[Mapping[str, str] | None] = {
        "differences": "number of settings that are not as approved",
        "source": "the relation the sync really reads",
        "source_ok": "whether that is the approved one",
        "operation_ok": "whether it updates, upserts, … as approved",
        "target_ok": "whether it writes to the approved object",
        "key_ok": "whether rows are matched by the approved field",
        "mapping_ok": "whether columns and fields are paired as approved (when a mapping is given)",
        "schedule": "how it runs by itself",
        "schedule_ok": "whether that is as approved (when a schedule is given)",
        "paused": "whether it is paused",
        "paused_ok": "whether that is as wanted (when `paused` is given)",
    }
    default_go: ClassVar[Mapping[str, str]] = {
        "differences": "= 0",
        "source_ok": "is true",
        "operation_ok": "is true",
        "key_ok": "is true",
    }

    def observe(self, inputs: CensusSyncInputs, context: CheckContext) -> Observation:
        sync = plan_sync(inputs.sync, context)
        found = sync.service.sync(sync.spec.id)
        differences = _differences(inputs, sync.spec, found)
        held = {f"{name}_ok": not rows for name, rows in differences.items()}
        rows = [row for group in differences.values() for row in group]
        return Observation(
            metrics={
                "differences": sum(bool(group) for group in differences.values()),
                "source": real_source(found) or None,
                "schedule": schedule_text(found.schedule),
                "paused": found.paused,
                **held,
            },
            source=sync.source,
            query=f"GET /syncs/{sync.spec.id}",
            as_of=context.now,
            sample=rows[:SAMPLE],
            detail=_detail(found),
            problem=_problem(sync.spec, found),
        )


Difference = dict[str, Scalar]


def _differences(
    inputs: CensusSyncInputs, approved: SyncSpec, found: SyncConfig
) -> dict[str, list[Difference]]:
    """Setting -> what differs. Settings nobody has an expectation of are absent."""
    groups = {
        "source": _unlike("source", relation(inputs.source or approved.source), real_source(found)),
        "operation": _unlike("operation", approved.operation, found.operation.lower()),
        "target": _unlike("target", approved.target.lower(), found.target.lower()),
        "key": _unlike("key", approved.key.lower(), found.key.lower()),
    }
    if inputs.mapping is not None:
        groups["mapping"] = _mapping(inputs.mapping, found.mappings)
    if inputs.schedule is not None:
        groups["schedule"] = _schedule(inputs.schedule, found)
    if inputs.paused is not None:
        groups["paused"] = _unlike("paused", inputs.paused, found.paused)
    return groups


def relation(name: str) -> str:
    """A relation's name without the ways of writing that do not matter.

    >>> relation(" CRM.`sfdc_dbx`.Properties_To_Create ")
    'crm.sfdc_dbx.properties_to_create'
    """
    bare = " ".join(name.split()).removesuffix(";").rstrip()
    # A query keeps its quotes and case: in there they may be the data's.
    return bare if " " in bare else bare.replace("`", "").replace('"', "").lower()


def real_source(found: SyncConfig) -> str:
    """What is read in the end: behind a dataset or model, the relation or query it stands for.

    >>> SyncConfig(id=1, label="pilot", operation="upsert", source="dataset:4", target="", key="",
    ...     mappings={}, paused=False, schedule=Schedule("never"),
    ...     source_detail={"name": "pilot_create", "query": "SELECT * FROM crm.b.Everything;"})
    ... # doctest: +ELLIPSIS
    SyncConfig(...)
    >>> real_source(_)
    'crm.b.everything'
    """
    query = found.source_detail.get("query")
    if not isinstance(query, str):
        return relation(found.source)
    whole = _WHOLE_RELATION.fullmatch(relation(query))
    return relation(whole.group(1) if whole else query)


def _unlike(setting: str, expected: Scalar, found: Scalar) -> list[Difference]:
    if expected == found:
        return []
    return [{"setting": setting, "expected": expected, "found": found}]


def _mapping(expected: Mapping[str, str], found: Mapping[str, str]) -> list[Difference]:
    wanted = {column.lower(): field.lower() for column, field in expected.items()}
    had = {column.lower(): field.lower() for column, field in found.items()}
    return [
        difference
        for column in sorted(wanted | had)
        for difference in _unlike(f"mapping of {column}", wanted.get(column), had.get(column))
    ]


def _schedule(expected: str | ExpectedSchedule, found: SyncConfig) -> list[Difference]:
    wanted = ExpectedSchedule(frequency=expected) if isinstance(expected, str) else expected
    has = found.schedule
    differences = _unlike("frequency", wanted.frequency.lower(), has.frequency.lower())
    for name in ("cron", "hour", "minute", "day"):
        if getattr(wanted, name) is not None:
            differences += _unlike(name, getattr(wanted, name), getattr(has, name))
    # A job or another sync that sets it off runs it as surely as a clock does.
    others = found.source_detail.get("other_triggers") or {}
    return differences + _unlike("other triggers", "", ", ".join(sorted(others)))


def schedule_text(schedule: Schedule) -> str:
    """A schedule in one line.

    >>> schedule_text(Schedule("daily", hour=6, minute=15)), schedule_text(Schedule("never"))
    ('daily at 06:15', 'never')
    """
    if schedule.frequency == "expression":
        return f"expression {schedule.cron}"
    if schedule.frequency in UNTIMED or schedule.minute is None:
        return schedule.frequency
    hour = "--" if schedule.hour is None else f"{schedule.hour:02}"
    return f"{schedule.frequency} at {hour}:{schedule.minute:02}"


def _detail(found: SyncConfig) -> dict[str, Any]:
    return {
        "label": found.label,
        "source_detail": dict(found.source_detail),
        "operation": found.operation,
        "target": found.target,
        "key": found.key,
        "mappings": found.mappings,
    }


def _problem(approved: SyncSpec, found: SyncConfig) -> str | None:
    if found.id != approved.id:
        return f"asked for sync {approved.id}, sync {found.id} answered"
    if not found.source.strip():
        return "the service does not say what the sync reads"
    if found.source.startswith(("dataset:", "model:")) and not found.source_detail.get("query"):
        why = found.source_detail.get("query_problem") or "the service does not show it"
        return f"the query behind {found.source} cannot be read: {why}"
    return None
