"""Choose a cohort once, freeze it, and keep it as evidence: the same keys after a crash or a resume."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import sqlglot
from pydantic import BaseModel, ConfigDict, Field, field_validator
from sqlglot import exp
from sqlglot.errors import ParseError

from rollout.domain.cohort import Stratum, select_cohort
from rollout.domain.names import ColumnName, RelationName
from rollout.domain.plan import Model
from rollout.kinds import Done, Failed, Move, StepContext
from rollout.steps.quiet import WritesNothing

DIALECT = "databricks"
MOST_CANDIDATES = 1_000_000


class StratumInputs(Model):
    """`count` rows (or `all`) for which `where` holds; `distinct` = at most one for each value of
    that column."""

    name: str
    count: int | Literal["all"]
    where: str | None = None
    distinct: ColumnName | None = None

    @field_validator("where")
    @classmethod
    def _is_a_condition(cls, text: str | None) -> str | None:
        if text is not None:
            _predicate(text)
        return text


class CohortInputs(Model):
    """`from` a relation, by its `key` column; `seed` makes the choice reproducible."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    relation: RelationName = Field(alias="from")
    key: ColumnName
    seed: int
    strata: list[StratumInputs] = Field(min_length=1)
    on: str = "warehouse"


class SelectCohort(WritesNothing):
    """Stratified, distinct, by rank of a seeded hash. A new attempt never picks an old attempt's keys."""

    kind: ClassVar[str] = "select_cohort"
    Inputs: ClassVar[type[BaseModel]] = CohortInputs
    outputs: ClassVar[Sequence[str]] = ("size", "sha256", "evidence")

    def advance(self, inputs: CohortInputs, context: StepContext) -> Move:
        candidates: dict[str, list[Any]] = {}
        for stratum in inputs.strata:
            found = _candidates(inputs, stratum, context)
            if len(found) >= MOST_CANDIDATES:
                return Failed(f"stratum {stratum.name}: over {MOST_CANDIDATES} candidates")
            candidates[stratum.name] = found
        fresh = any(s.count != "all" for s in inputs.strata)
        used = _used_before(context) if fresh else []
        strata = [_stratum(s, candidates) for s in inputs.strata]
        cohort = select_cohort(candidates, strata, inputs.seed, used)
        document = {
            "relation": inputs.relation,
            "key": inputs.key,
            "keys": list(cohort.keys),
            "members": [[m.key, m.stratum] for m in cohort.members],
            "seed": cohort.seed,
            "sha256": cohort.sha256,
            "used": sorted({*used, *cohort.keys}),
        }
        digest = context.evidence.put(document)
        return Done({"size": len(cohort.keys), "sha256": cohort.sha256, "evidence": digest})


def _stratum(wanted: StratumInputs, candidates: dict[str, list[Any]]) -> Stratum:
    count = len(candidates[wanted.name]) if wanted.count == "all" else wanted.count
    return Stratum(wanted.name, count, 1 if wanted.distinct else None)


def _candidates(inputs: CohortInputs, stratum: StratumInputs, context: StepContext) -> list[Any]:
    columns = [inputs.key, *([stratum.distinct] if stratum.distinct else [])]
    query = exp.select(*columns).from_(
        sqlglot.parse_one(inputs.relation, into=exp.Table, read=DIALECT)
    )
    query = query.where(exp.column(inputs.key).is_(exp.null()).not_())
    if stratum.where is not None:
        query = query.where(_predicate(stratum.where))
    table = context.connections.warehouse(inputs.on).query(
        query.sql(dialect=DIALECT), max_rows=MOST_CANDIDATES
    )
    if stratum.distinct is None:
        return [str(row[0]) for row in table.rows]
    return [(str(row[0]), str(row[1])) for row in table.rows if row[1] is not None]


def _used_before(context: StepContext) -> list[str]:
    """Keys that earlier attempts of this step picked: a second pilot needs a fresh batch."""
    try:
        used: list[str] = context.facts.evidence_of_step(context.step)["used"]
    except KeyError:
        return []
    return used


def _predicate(text: str) -> exp.Expression:
    """Raises: ValueError for anything but one condition in Databricks SQL."""
    try:
        parsed = sqlglot.parse_one(f"SELECT 1 WHERE {text}", read=DIALECT)
    except ParseError as problem:
        raise ValueError(f"not a condition in Databricks SQL: {text}") from problem
    where = parsed.args.get("where")
    others = {"joins", "group", "order", "limit", "qualify", "having"}
    if where is None or any(parsed.args.get(name) for name in others):
        raise ValueError(f"not a single condition in Databricks SQL: {text}")
    condition: exp.Expression = where.this
    return condition
