"""Is the target back at its baseline? Row by row, apart from what others changed since."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, Field

from rollout.domain.evidence import Observation
from rollout.domain.plan import Model
from rollout.kinds import CheckContext
from rollout.ports import Row, Table

SAMPLE = 20

MOST_ROWS = 1_000_000
"""Rows of the target that are compared; with more, rows that a sync created could stay unseen."""


class BaselineCheckInputs(Model):
    """`steps` captured baselines of the whole target, oldest first; the oldest that exists counts,
    of its oldest attempt: a second attempt saw what the first one did.

    `users` write for this rollout: the syncs' user first, then the one a rollback writes as. A row
    last modified by anybody else is somebody else's change and stays.
    """

    steps: list[str] = Field(min_length=1)
    target: str
    users: list[str] = Field(min_length=1)
    on: str = "salesforce"


class Baseline:
    """Compares every row of the baseline with the target as it is now."""

    kind: ClassVar[str] = "baseline"
    Inputs: ClassVar[type[BaseModel]] = BaselineCheckInputs
    primary: ClassVar[str | None] = "differing"
    metrics: ClassVar[Mapping[str, str] | None] = {
        "rows": "rows of the baseline",
        "differing": "rows whose values are not the baseline's, last modified by one of `users`",
        "missing": "rows of the baseline that the target does not have",
        "created_left": "rows that the baseline does not have and one of `users` created",
        "changed_by_others": "rows that differ because somebody else changed them since",
    }
    default_go: ClassVar[Mapping[str, str]] = {
        "differing": "= 0",
        "missing": "= 0",
        "created_left": "= 0",
    }

    def observe(self, inputs: BaselineCheckInputs, context: CheckContext) -> Observation:
        found = _oldest(inputs.steps, context)
        if found is None:
            return Observation(
                metrics={},
                source=", ".join(inputs.steps),
                problem="no baseline of the whole target was captured: nothing to compare",
            )
        step, baseline = found
        columns = ", ".join(["Id", "CreatedById", "LastModifiedById", *baseline["fields"]])
        soql = f"SELECT {columns} FROM {inputs.target}"  # noqa: S608 - plan names
        table = context.connections.record_store(inputs.on).query(soql, max_rows=MOST_ROWS)
        return _compared(inputs, step, baseline, table, soql, context)


def _oldest(steps: list[str], context: CheckContext) -> tuple[str, Any] | None:
    for step in steps:
        try:
            found = context.facts.first_evidence_of_step(step)
        except KeyError:
            continue  # that phase was never reached
        if found.get("whole") and found["rows"]:
            return step, found
    return None


def _compared(
    inputs: BaselineCheckInputs,
    step: str,
    baseline: Any,
    table: Table,
    soql: str,
    context: CheckContext,
) -> Observation:
    now = {str(row["Id"]): row for row in table.dicts()}
    differing: list[Row] = []
    others = 0
    for record, values in baseline["rows"].items():
        before = dict(zip(baseline["fields"], values, strict=True))
        row = now.get(record)
        if row is None or all(row[field] == value for field, value in before.items()):
            continue
        if row["LastModifiedById"] in inputs.users:
            wrong = {f: row[f] for f, value in before.items() if row[f] != value}
            differing.append({"Id": record, **wrong})
        else:
            others += 1
    missing = sorted(baseline["rows"].keys() - now.keys())
    new = now.keys() - baseline["rows"].keys()
    left = sorted(k for k in new if now[k]["CreatedById"] in inputs.users)
    sample: list[Row] = [*differing, *({"Id": k, "missing": True} for k in missing)]
    sample += [{"Id": k, "created_left": True} for k in left]
    return Observation(
        metrics={
            "rows": len(baseline["rows"]),
            "differing": len(differing),
            "missing": len(missing),
            "created_left": len(left),
            "changed_by_others": others,
        },
        source=f"{inputs.target} in {inputs.on}, against {step}",
        problem=f"{inputs.target} has over {MOST_ROWS} rows" if table.truncated else None,
        query=soql,
        as_of=context.now,
        sample=sample[:SAMPLE],
    )
