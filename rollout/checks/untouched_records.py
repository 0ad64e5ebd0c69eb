"""`untouched` asked of the target itself (SOQL): nothing waits for a copy to catch up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC

from rollout.checks.population import count, only_row, sample, too_few
from rollout.checks.untouched_inputs import UntouchedInputs
from rollout.checks.written import filled
from rollout.domain.evidence import Observation
from rollout.domain.literals import soql_texts
from rollout.kinds import CheckContext
from rollout.ports import Row

MOST_RECORDS = 50_000
"""Changed records read at most; more of them than that are a problem of their own."""


def observe_records(
    inputs: UntouchedInputs, context: CheckContext, cohort: Sequence[str]
) -> Observation:
    """Raises: ServiceError. Records deleted since are not seen: SOQL leaves them out."""
    store = context.connections.record_store(inputs.connection)
    counting = f"SELECT COUNT() FROM {inputs.relation}"  # noqa: S608 - names only, validated
    population = count(only_row(store.query(counting))["count"], "a number of records")
    soql = _changed(inputs)
    table = store.query(soql, max_rows=MOST_RECORDS)
    allowed = set(cohort)
    outside: list[Row] = []
    for row in table.dicts():
        if str(row[inputs.key]) not in allowed or row[inputs.key] is None:
            outside.append(row)
    problem = too_few({inputs.relation: population}, filled(inputs.at_least, "at_least"))
    if problem is None and table.truncated:
        problem = f"more than {MOST_RECORDS} records changed: the rest was not read"
    return Observation(
        metrics={
            "outside": len(outside),
            "inside": len(table.rows) - len(outside),
            "population": population,
        },
        source=f"{inputs.connection}: {inputs.relation}",
        query=f"{counting}\n{soql}",
        as_of=context.now,
        sample=sample(outside),
        detail={"since": inputs.since, "cohort_keys": len(allowed)},
        problem=problem,
    )


def _changed(inputs: UntouchedInputs) -> str:
    """Names were validated, the instant is written here, and texts are escaped."""
    since = inputs.changed_from.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    fields = [inputs.key, inputs.modified_at]
    conditions = [f"{inputs.modified_at} >= {since}"]
    if inputs.modified_by is not None:
        fields.append(inputs.modified_by.column)
        users = soql_texts(inputs.modified_by.users)
        conditions.append(f"{inputs.modified_by.column} IN ({users})")
    asked = [
        f"SELECT {', '.join(dict.fromkeys(fields))}",
        f"FROM {inputs.relation}",
        f"WHERE {' AND '.join(conditions)}",
        f"ORDER BY {inputs.modified_at}",
    ]
    return " ".join(asked)
