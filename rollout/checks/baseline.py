"""Is the target back at its baseline? Row by row, apart from what others changed since."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import BaseModel, Field

from rollout.domain.evidence import Observation, Scalar
from rollout.domain.plan import Model
from rollout.kinds import CheckContext
from rollout.ports import RecordStore, Row

SAMPLE = 20


class BaselineCheckInputs(Model):
    """`steps` captured the baselines, oldest first: of a row in several, the oldest counts.
    A row last modified by anybody but `user` is somebody else's change and stays."""

    steps: list[str] = Field(min_length=1)
    target: str
    user: str
    on: str = "salesforce"


class Baseline:
    """Compares every row of the baselines with the target as it is now."""

    kind: ClassVar[str] = "baseline"
    Inputs: ClassVar[type[BaseModel]] = BaselineCheckInputs
    primary: ClassVar[str | None] = "differing"
    metrics: ClassVar[Mapping[str, str] | None] = {
        "rows": "rows of the baselines",
        "differing": "rows whose values are not the baseline's, last modified by the sync's user",
        "missing": "rows of the baselines that the target does not have",
        "created_left": "rows that the baselines say were absent and the sync's user created",
        "changed_by_others": "rows that differ because somebody else changed them since",
    }
    default_go: ClassVar[Mapping[str, str]] = {
        "differing": "= 0",
        "missing": "= 0",
        "created_left": "= 0",
    }

    def observe(self, inputs: BaselineCheckInputs, context: CheckContext) -> Observation:
        rows, absent, fields, key = _merged(inputs, context)
        if not rows and not absent:
            return Observation(
                metrics={},
                source="no baseline",
                problem="no baseline was captured: nothing to compare",
            )
        columns = ", ".join(["Id", "CreatedById", "LastModifiedById", key, *fields])
        soql = f"SELECT {columns} FROM {inputs.target} WHERE {key} != null"  # noqa: S608 - plan names
        store = context.connections.record_store(inputs.on)
        return _compare(store, soql, rows, absent, fields, key, inputs, context)


def _merged(
    inputs: BaselineCheckInputs, context: CheckContext
) -> tuple[dict[str, dict[str, Scalar]], set[str], list[str], str]:
    rows: dict[str, dict[str, Scalar]] = {}
    absent: set[str] = set()
    fields: dict[str, None] = {}
    key = ""
    for step in inputs.steps:
        try:
            found = context.facts.evidence_of_step(step)
        except KeyError:
            continue  # that phase was never reached
        key = found["key"]
        fields.update(dict.fromkeys(found["fields"]))
        for name, values in found["rows"].items():
            if name not in rows and name not in absent:
                rows[name] = dict(zip(found["fields"], values, strict=True))
        absent.update(k for k in found["absent"] if k not in rows)
    return rows, absent, list(fields), key


def _compare(
    store: RecordStore,
    soql: str,
    rows: dict[str, dict[str, Scalar]],
    absent: set[str],
    fields: list[str],
    key: str,
    inputs: BaselineCheckInputs,
    context: CheckContext,
) -> Observation:
    now: dict[str, Row] = {
        str(row[key]): row for row in store.query(soql, max_rows=1_000_000).dicts()
    }
    differing, others = [], 0
    for name, before in rows.items():
        row = now.get(name)
        if row is None or all(row[f] == v for f, v in before.items()):
            continue
        if row["LastModifiedById"] == inputs.user:
            differing.append({"key": name, **{f: row[f] for f in before if row[f] != before[f]}})
        else:
            others += 1
    missing = sorted(set(rows) - now.keys())
    left = sorted(k for k in absent if k in now and now[k]["CreatedById"] == inputs.user)
    sample = differing + [{"key": k, "missing": True} for k in missing]
    sample += [{"key": k, "created_left": True} for k in left]
    return Observation(
        metrics={
            "rows": len(rows) + len(absent),
            "differing": len(differing),
            "missing": len(missing),
            "created_left": len(left),
            "changed_by_others": others,
        },
        source=f"{inputs.target} in {inputs.on}, against {', '.join(inputs.steps)}",
        query=soql,
        as_of=context.now,
        sample=sample[:SAMPLE],
        detail={"fields": fields},
    )
