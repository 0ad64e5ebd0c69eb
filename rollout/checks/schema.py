"""`schema`: a view or table is the one that was approved."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import unified_diff
from typing import Annotated, ClassVar, Self

from pydantic import BaseModel, BeforeValidator, Field, model_validator
from sqlglot import exp

from rollout.checks.definitions import DefinitionText, approved_columns, normal_form, same_type
from rollout.checks.population import count, count_of, only_row, sample, source, too_few
from rollout.checks.statements import RelationName, TypeName, column, parameter, relation, render
from rollout.checks.written import Reference, filled
from rollout.domain.errors import ServiceGarbled
from rollout.domain.evidence import Observation, Scalar
from rollout.domain.plan import Model
from rollout.kinds import CheckContext
from rollout.ports import Row, Table, Warehouse

CATALOGUE = "system.information_schema.columns"
"""Every catalog's columns. Source: Unity Catalog's information schema; DuckDB answers it too."""
MOST_COLUMNS = 10_000
MISSING, EXTRA, RETYPED = "missing column", "extra column", "changed type"


def _names_without_types(value: object) -> object:
    return dict.fromkeys(value) if isinstance(value, list) else value


Columns = Annotated[
    dict[str, TypeName | None],
    Field(min_length=1),
    BeforeValidator(
        _names_without_types, json_schema_input_type=list[str] | dict[str, TypeName | None]
    ),
]


class SchemaInputs(Model):
    """`sql`: the view as approved (a SELECT or CREATE VIEW); `columns`: names, or names with types.

    Without `columns`, those that the approved SELECT names are expected. `at_least`: rows it must
    hold; 0 only for a table that may rightly be empty still.
    """

    on: str = "warehouse"
    relation: RelationName
    sql: DefinitionText | None = None
    columns: Columns | None = None
    at_least: Annotated[int, Field(ge=0)] | Reference = 1

    @model_validator(mode="after")
    def _something_is_approved(self) -> Self:
        if self.sql is None and self.columns is None:
            raise ValueError("give `sql` (the approved view), `columns`, or both")
        return self


class Schema:
    """Formatting, comments, quotes and the case of names do not matter; everything else does."""

    compared_sql: ClassVar[frozenset[str]] = frozenset({"sql"})
    """Inputs that are held against something, never run: a CREATE VIEW is welcome there."""

    kind: ClassVar[str] = "schema"
    Inputs: ClassVar[type[BaseModel]] = SchemaInputs
    primary: ClassVar[str | None] = "differences"
    metrics: ClassVar[Mapping[str, str] | None] = {
        "differences": "a changed definition (1), and columns that are missing or of another type",
        "same_definition": "whether the view's definition is the approved one (given `sql`)",
        "missing_columns": "approved columns that are not there",
        "extra_columns": "columns that were not approved",
        "changed_types": "columns of another type than approved (given types)",
        "population": "rows it holds",
    }
    default_go: ClassVar[Mapping[str, str]] = {"differences": "= 0"}

    def observe(self, inputs: SchemaInputs, context: CheckContext) -> Observation:
        asking = _Asking(context.connections.warehouse(inputs.on), context.timeout_s)
        counting = exp.select(exp.alias_(count_of(inputs.relation), "rows_seen"))
        rows = count(only_row(asking.query(counting))["rows_seen"], "a number of rows")
        edits = _edits(inputs, asking)
        expected = inputs.columns or (approved_columns(inputs.sql) if inputs.sql else None)
        changes = _column_changes(inputs.relation, expected, asking) if expected else []
        kinds = [str(change["change"]) for change in changes]
        wrong = len(kinds) - kinds.count(EXTRA)
        least = filled(inputs.at_least, "at_least")
        return Observation(
            metrics={
                "differences": wrong + bool(edits),
                "same_definition": None if edits is None else not edits,
                "missing_columns": kinds.count(MISSING) if expected else None,
                "extra_columns": kinds.count(EXTRA) if expected else None,
                "changed_types": kinds.count(RETYPED) if expected else None,
                "population": rows,
            },
            source=source(inputs.on, [inputs.relation]),
            query=";\n\n".join(asking.sent),
            sample=sample([*changes, *(edits or [])]),
            detail={"expected_columns": dict(expected or {})},
            problem=too_few({inputs.relation: rows}, least) if least else None,
        )


class _Asking:
    """The warehouse, and what it has been sent."""

    def __init__(self, warehouse: Warehouse, timeout_s: float) -> None:
        self._warehouse, self._timeout_s = warehouse, timeout_s
        self.sent: list[str] = []

    def query(self, tree: exp.Expr, values: Mapping[str, Scalar] | None = None) -> Table:
        statement = render(tree)
        self.sent.append(statement)
        return self._warehouse.query(
            statement, values, max_rows=MOST_COLUMNS, timeout_s=self._timeout_s
        )

    def definition(self, name: str) -> str:
        self.sent.append(f"-- definition of {name}")
        return self._warehouse.view_definition(name)


def _edits(inputs: SchemaInputs, asking: _Asking) -> list[Row] | None:
    """Lines that differ from the approved definition; None when none was approved."""
    if inputs.sql is None:
        return None
    found = asking.definition(inputs.relation)
    try:
        there = normal_form(found)
    except ValueError as problem:
        raise ServiceGarbled(f"the definition of {inputs.relation}: {problem}") from None
    lines = unified_diff(normal_form(inputs.sql).splitlines(), there.splitlines(), n=0, lineterm="")
    changed = [line for line in lines if not line.startswith(("---", "+++", "@@"))]
    return [
        {"change": "not as approved" if line.startswith("+") else "approved", "line": line[1:]}
        for line in changed
    ]


def _column_changes(name: str, expected: Mapping[str, str | None], asking: _Asking) -> list[Row]:
    """Columns that are missing, of another type, or extra; names compare without case."""
    nothing = exp.select("*").from_(relation(name)).limit(0)
    there = {found.lower(): found for found in asking.query(nothing).columns}
    approved = {label.lower() for label in expected}
    missing: list[Row] = [
        {"change": MISSING, "column": label} for label in expected if label.lower() not in there
    ]
    extra: list[Row] = [
        {"change": EXTRA, "column": found} for key, found in there.items() if key not in approved
    ]
    typed = {
        label.lower(): wanted
        for label, wanted in expected.items()
        if wanted is not None and label.lower() in there
    }
    return [*missing, *_retyped(name, typed, asking), *extra]


def _retyped(name: str, typed: Mapping[str, str], asking: _Asking) -> list[Row]:
    if not typed:
        return []
    types = _types(name, asking)
    unlisted = sorted(set(typed) - set(types))
    if unlisted:
        raise ServiceGarbled(f"the warehouse does not list the type of {name}.{unlisted[0]}")
    return [
        {"change": RETYPED, "column": label, "is": types[label], "approved": wanted}
        for label, wanted in typed.items()
        if not same_type(types[label], wanted)
    ]


def _types(name: str, asking: _Asking) -> dict[str, str]:
    """Lower-case column -> type, as the warehouse's own catalogue lists them.

    Raises: ServiceGarbled when the name fits several relations.
    """
    parts = [part.name for part in relation(name).parts]
    labels = ("table_catalog", "table_schema", "table_name")[-len(parts) :]
    listing = exp.select("*").from_(relation(CATALOGUE))
    for label in labels:
        listing = listing.where(
            exp.EQ(this=exp.Lower(this=column(label)), expression=exp.Lower(this=parameter(label)))
        )
    rows = asking.query(listing, dict(zip(labels, parts, strict=True))).dicts()
    if len({(row["table_catalog"], row["table_schema"]) for row in rows}) > 1:
        raise ServiceGarbled(f"{name} is the name of several relations: write catalog.schema.name")
    return {
        # Databricks keeps precision and scale in a column of its own
        str(row["column_name"]).lower(): str(row.get("full_data_type") or row["data_type"])
        for row in rows
    }
