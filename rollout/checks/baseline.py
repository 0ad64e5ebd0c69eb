"""Is the target back at its baseline? Row by row, apart from what others changed since."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, Field

from rollout.checks.baseline_look import MOST_ROWS, in_the_bin, not_copied_yet
from rollout.domain.evidence import Observation, Scalar
from rollout.domain.instants import to_text
from rollout.domain.names import ObjectName, RelationName
from rollout.domain.plan import Model
from rollout.domain.restoring import (
    HIDDEN,
    Before,
    Sorted,
    Target,
    Values,
    rows_by_id,
    sort_rows,
)
from rollout.kinds import CheckContext
from rollout.ports import Row

SAMPLE = 20


class BaselineCheckInputs(Model):
    """`steps` captured baselines of the whole target, oldest first; the oldest that exists counts,
    of its oldest attempt: a second attempt saw what the first one did. The later ones say what
    others had made of a row by then.

    `users` write for this rollout: the syncs' user first, then the one a rollback writes as. A row
    last modified by anybody else is somebody else's change and stays. `lagging_copy` is the warehouse's
    copy of the target: how far it lags behind is counted, never judged.
    """

    steps: list[str] = Field(min_length=1)
    target: ObjectName
    users: list[str] = Field(min_length=1)
    on: str = "salesforce"
    lagging_copy: RelationName | None = None
    warehouse: str = "warehouse"


class Baseline:
    """Compares every row of the baseline with the target as it is now."""

    kind: ClassVar[str] = "baseline"
    Inputs: ClassVar[type[BaseModel]] = BaselineCheckInputs
    primary: ClassVar[str | None] = "differing"
    metrics: ClassVar[Mapping[str, str] | None] = {
        "rows": "rows of the baseline",
        "differing": "rows whose values are not the baseline's, last modified by one of `users`",
        "missing": "rows of the baseline that the target does not have, deleted by nobody else",
        "created_left": "rows that the baseline does not have and one of `users` created",
        "not_known": "rows that `users` changed and no baseline knows",
        "changed_by_others": "rows that differ because somebody else changed them since",
        "deleted_by_others": "rows that somebody else deleted since",
        "not_copied_yet": "rows that the warehouse's copy does not show as the target has them",
    }
    default_go: ClassVar[Mapping[str, str]] = {
        "differing": "= 0",
        "missing": "= 0",
        "created_left": "= 0",
        "not_known": "= 0",
    }

    def observe(self, inputs: BaselineCheckInputs, context: CheckContext) -> Observation:
        documents = [d for d in context.facts.evidence_of_steps(inputs.steps) if _counts(d)]
        if not documents:
            return Observation(
                metrics={},
                source=", ".join(inputs.steps),
                problem="no baseline of the whole target was captured: nothing to compare",
            )
        before, *later = [Before.of(d) for d in documents]
        store = context.connections.record_store(inputs.on)
        columns = ", ".join(dict.fromkeys([*HIDDEN, *before.fields]))
        soql = f"SELECT {columns} FROM {inputs.target}"  # noqa: S608 - plan names
        table = store.query(soql, max_rows=MOST_ROWS)
        rows = rows_by_id(table.dicts())
        deleted = in_the_bin(store, inputs.target, before, rows)
        target = Target(before.fields[0], rows, set(inputs.users), deleted)
        found = sort_rows(target, before, later)
        copied, lag = not_copied_yet(inputs, before, rows, context)
        taken = to_text(before.taken_at)
        return Observation(
            metrics={**_metrics(before, found), "not_copied_yet": copied},
            source=f"{inputs.target} in {inputs.on}, against the baseline of {taken}{lag}",
            problem=f"{inputs.target} has over {MOST_ROWS} rows" if table.truncated else None,
            query=soql,
            as_of=context.now,
            sample=list(_sample(found, rows))[:SAMPLE],
            detail={"left": found.left[:SAMPLE]},
        )


def _counts(document: Mapping[str, Any]) -> bool:
    return bool(document.get("whole") and document["rows"])


def _metrics(before: Before, found: Sorted) -> dict[str, Scalar]:
    return {
        "rows": len(before.rows),
        "differing": len(found.restore),
        "missing": len(found.left_as("lost")),
        "created_left": len(found.delete),
        "not_known": len(found.left_as("unknown")),
        "changed_by_others": len(found.left_as("changed", "created")),
        "deleted_by_others": len(found.left_as("deleted")),
    }


def _sample(found: Sorted, rows: Mapping[str, Values]) -> Iterator[Row]:
    """Rows that are not as they were, as they are now; then those that stay as others made them."""
    for row in found.restore:
        yield {"Id": row.id, **{name: rows[row.id].get(name) for name in row.values}}
    for lost in found.left_as("lost"):
        yield {"Id": lost.id, "missing": True}
    for created in found.delete:
        yield {"Id": created.id, "created_left": True}
    for left in found.left_as("unknown"):
        yield {"Id": left.id, "not_known": True}
