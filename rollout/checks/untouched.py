"""`untouched`: nothing outside the cohort changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar

from pydantic import BaseModel
from sqlglot import exp

from rollout.checks.cohort_keys import keys_of
from rollout.checks.population import (
    SAMPLE_ROWS,
    count,
    instant_in,
    only_row,
    sample,
    source,
    too_few,
)
from rollout.checks.statements import (
    as_instant,
    as_text,
    column,
    key_list,
    listed_keys,
    parameter,
    parsed_condition,
    relation,
    render,
)
from rollout.checks.untouched_inputs import UntouchedInputs
from rollout.checks.untouched_records import observe_records
from rollout.checks.written import filled
from rollout.domain.errors import KindMisused
from rollout.domain.evidence import Observation, Scalar
from rollout.domain.instants import to_text
from rollout.kinds import CheckContext
from rollout.ports import Row


class Untouched:
    """Rows modified from an instant on, told apart by whether their key belongs to a cohort."""

    kind: ClassVar[str] = "untouched"
    Inputs: ClassVar[type[BaseModel]] = UntouchedInputs
    primary: ClassVar[str | None] = "outside"
    metrics: ClassVar[Mapping[str, str] | None] = {
        "outside": "rows modified since, whose key is in none of the cohorts (or is NULL)",
        "inside": "rows modified since, of the cohorts",
        "population": "rows that were looked at",
    }
    default_go: ClassVar[Mapping[str, str]] = {"outside": "= 0"}

    def observe(self, inputs: UntouchedInputs, context: CheckContext) -> Observation:
        cohort = keys_of(inputs.cohort_steps, context)
        if inputs.via == "salesforce":
            return observe_records(inputs, context, cohort)
        return _observe_copy(inputs, context, cohort)


def _observe_copy(
    inputs: UntouchedInputs, context: CheckContext, cohort: Sequence[str]
) -> Observation:
    warehouse = context.connections.warehouse(inputs.connection)
    values = _values(inputs, cohort)
    statement = render(_counted(inputs))
    row = only_row(warehouse.query(statement, values, max_rows=2, timeout_s=context.timeout_s))
    counts = {
        name: count(row[name], name) for name in ("outside", "inside", "population", "undated")
    }
    copied_at = instant_in(row["copied_at"])
    examples: list[Row] = []
    if counts["outside"]:
        listed = render(_outside(inputs))
        found = warehouse.query(listed, values, max_rows=SAMPLE_ROWS, timeout_s=context.timeout_s)
        examples = sample(found.dicts())
    undated = counts.pop("undated")
    relations = [inputs.relation]
    if inputs.as_of is not None and inputs.as_of.relation is not None:
        relations.append(inputs.as_of.relation)
    problem = too_few({inputs.relation: counts["population"]}, filled(inputs.at_least, "at_least"))
    if problem is None and undated:
        problem = (
            f"{undated} rows have no {inputs.modified_at}: whether they changed cannot be told"
        )
    return Observation(
        metrics=counts,
        source=source(inputs.connection, relations),
        query=statement,
        as_of=copied_at,
        sample=examples,
        detail={
            "since": inputs.since,
            "cohort_keys": len(cohort),
            "copied_at": row["copied_at"],
            "copied_after": to_text(inputs.copied_after),
        },
        problem=problem or _too_old(inputs, copied_at),
    )


def _too_old(inputs: UntouchedInputs, copied_at: datetime | None) -> str | None:
    needed = inputs.copied_after
    if copied_at is None:
        return "the copy does not say when it was made"
    if copied_at <= needed:
        return (
            f"the copy is older than the change: it was made at {to_text(copied_at)},"
            f" and must be later than {to_text(needed)}"
        )
    return None


def _values(inputs: UntouchedInputs, cohort: Sequence[str]) -> dict[str, Scalar]:
    try:
        values: dict[str, Scalar] = {
            "since": to_text(inputs.changed_from),
            "keys": key_list(cohort),
        }
        if inputs.modified_by is not None:
            values["users"] = key_list(inputs.modified_by.users)
    except ValueError as problem:
        raise KindMisused(str(problem)) from None
    return values


def _counted(inputs: UntouchedInputs) -> exp.Select:
    """One row: outside, inside, population, undated, copied_at."""
    outside, inside = column("outside", "marked"), column("inside", "marked")
    undated = exp.Is(this=column("modified_at", "marked"), expression=exp.null())
    return exp.select(
        exp.alias_(exp.CountIf(this=outside), "outside"),
        exp.alias_(exp.CountIf(this=inside), "inside"),
        exp.alias_(exp.Count(this=exp.Star()), "population"),
        exp.alias_(exp.CountIf(this=undated), "undated"),
        exp.alias_(_copied_at(inputs), "copied_at"),
    ).from_(_marked(inputs).subquery("marked"))


def _copied_at(inputs: UntouchedInputs) -> exp.Expr:
    if inputs.as_of is None:
        raise KindMisused("`as_of` is needed in the warehouse")
    where = relation(inputs.as_of.relation or inputs.relation)
    return exp.select(exp.Max(this=column(inputs.as_of.column))).from_(where).subquery()


def _outside(inputs: UntouchedInputs) -> exp.Select:
    shown = [column(name) for name in ("row_key", "modified_at", *_by(inputs))]
    return (
        exp.select(*shown)
        .from_(_marked(inputs).subquery("marked"))
        .where(column("outside"))
        .order_by(column("modified_at"), column("row_key"))
        .limit(SAMPLE_ROWS)
    )


def _by(inputs: UntouchedInputs) -> list[str]:
    return ["modified_by"] if inputs.modified_by is not None else []


def _marked(inputs: UntouchedInputs) -> exp.Select:
    """Every row with its key, when and by whom it was modified, and whether it counts."""
    keys = exp.select(column("listed")).distinct().from_(listed_keys("keys").subquery("split"))
    key, modified_at = column(inputs.key, "r"), column(inputs.modified_at, "r")
    changed: exp.Expr = exp.GTE(this=modified_at, expression=as_instant(parameter("since")))
    shown = [exp.alias_(as_text(key), "row_key"), exp.alias_(modified_at.copy(), "modified_at")]
    if inputs.modified_by is not None:
        user = column(inputs.modified_by.column, "r")
        users = listed_keys("users").subquery("split")
        by = exp.select(column("listed")).distinct().from_(users).subquery("u")
        shown.append(exp.alias_(user, "modified_by"))
        changed = exp.and_(
            changed, exp.not_(exp.Is(this=column("listed", "u"), expression=exp.null()))
        )
    in_cohort = exp.not_(exp.Is(this=column("listed", "k"), expression=exp.null()))
    marks = [
        exp.alias_(exp.and_(changed.copy(), exp.not_(in_cohort)), "outside"),
        exp.alias_(exp.and_(changed.copy(), in_cohort.copy()), "inside"),
    ]
    marked = (
        exp.select(*shown, *marks)
        .from_(exp.alias_(relation(inputs.relation), "r", table=True))
        .join(
            keys.subquery("k"),
            on=exp.EQ(this=as_text(key.copy()), expression=column("listed", "k")),
            join_type="left",
        )
    )
    if inputs.modified_by is not None:
        is_user = exp.EQ(this=as_text(user.copy()), expression=column("listed", "u"))
        marked = marked.join(by, on=is_user, join_type="left")
    return marked.where(parsed_condition(inputs.where)) if inputs.where is not None else marked
