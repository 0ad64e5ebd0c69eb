"""From a SOQL tree to one DuckDB SELECT over the truth.

What SOQL means where SQL would mean something else: texts compare without regard to case, an empty
text is null, `!=` and `NOT IN` include rows without a value, a checkbox is never null, nulls come
first in an order, and every comparison is true or false, never unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from rollout.rehearsal.services.soql_tree import (
    Call,
    Compare,
    Condition,
    Field,
    Group,
    Item,
    Member,
    Not,
    Operand,
    OrderItem,
    Query,
    Scalar,
    SoqlProblem,
)

FieldKind = Literal["id", "text", "boolean", "number", "datetime"]
AGGREGATES = ("COUNT", "COUNT_DISTINCT", "MIN", "MAX", "SUM", "AVG")
MAX_OFFSET = 2_000
_PYTHON_TYPES: Mapping[FieldKind, tuple[type, ...]] = {
    "id": (str,),
    "text": (str,),
    "boolean": (bool,),
    "number": (int, float),
    "datetime": (datetime, date),
}


@dataclass(frozen=True)
class Schema:
    """An object's fields by API name, as the target has them at this moment."""

    object_name: str
    relation: str
    fields: Mapping[str, FieldKind]


@dataclass(frozen=True)
class Compiled:
    """One SELECT with positional parameters; `columns` pairs the answer's labels with kinds.

    form: count = `SELECT COUNT()`, one number; aggregates = rows of AggregateResult; rows = records.
    """

    form: Literal["count", "rows", "aggregates"]
    sql: str
    parameters: list[Any]
    columns: tuple[tuple[str, FieldKind], ...]


def compile_query(query: Query, schema: Schema, *, deleted_too: bool = False) -> Compiled:
    """Translate a parsed query; deleted records are left out unless asked for (queryAll).

    Raises: SoqlProblem with Salesforce's errorCode (INVALID_TYPE, INVALID_FIELD, MALFORMED_QUERY,
    INVALID_QUERY_FILTER_OPERATOR, NUMBER_OUTSIDE_VALID_RANGE).
    """
    if query.object_name.lower() != schema.object_name.lower():
        raise SoqlProblem(
            "INVALID_TYPE",
            f"sObject type '{query.object_name}' is not supported. If you are attempting to use a "
            "custom object, be sure to append the '__c' after the entity name.",
        )
    if query.offset is not None and query.offset > MAX_OFFSET:
        raise SoqlProblem(
            "NUMBER_OUTSIDE_VALID_RANGE", f"Maximum SOQL offset allowed is {MAX_OFFSET}"
        )
    return _Compiler(schema).compile(query, deleted_too)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


class _Compiler:
    """Holds the parameters while the clauses are written in the order DuckDB counts them."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._names = {name.lower(): name for name in schema.fields}
        self._parameters: list[Any] = []

    def compile(self, query: Query, deleted_too: bool) -> Compiled:
        form = self._form(query)
        columns = tuple(self._columns(query.items))
        selected = ", ".join(
            f"{self._value(item.operand)} AS {_quoted(label)}"
            for item, (label, _) in zip(query.items, columns, strict=True)
        )
        clauses = [f"SELECT {selected}", f"FROM {self._schema.relation}"]
        conditions = [] if deleted_too else ['NOT coalesce("IsDeleted", false)']
        if query.where is not None:
            conditions.append(self._condition(query.where, aggregates=False))
        if conditions:
            clauses.append("WHERE " + " AND ".join(conditions))
        clauses += self._grouping(query)
        clauses += self._ordering(query, form)
        if query.limit is not None:
            clauses.append(f"LIMIT {query.limit}")
        if query.offset is not None:
            clauses.append(f"OFFSET {query.offset}")
        return Compiled(form, " ".join(clauses), self._parameters, columns)

    def _form(self, query: Query) -> Literal["count", "rows", "aggregates"]:
        bare = [item for item in query.items if item.operand == Call("COUNT", None)]
        if bare:
            if len(query.items) > 1 or query.group:
                raise SoqlProblem("MALFORMED_QUERY", "COUNT() must be the only item selected")
            if query.order:
                raise SoqlProblem("MALFORMED_QUERY", "COUNT() cannot be used with ORDER BY")
            return "count"
        if not query.group and not any(isinstance(item.operand, Call) for item in query.items):
            return "rows"
        grouped = {name.lower() for name in query.group}
        for operand in [item.operand for item in query.items] + [
            key.operand for key in query.order
        ]:
            if isinstance(operand, Field) and operand.name.lower() not in grouped:
                raise SoqlProblem(
                    "MALFORMED_QUERY", f"Field must be grouped or aggregated: {operand.name}"
                )
        return "aggregates"

    def _columns(self, items: tuple[Item, ...]) -> list[tuple[str, FieldKind]]:
        columns: list[tuple[str, FieldKind]] = []
        unnamed = 0
        for item in items:
            kind = self._kind(item.operand)
            if isinstance(item.operand, Field):
                label = item.alias or self._canonical(item.operand.name)
            elif item.alias:
                label = item.alias
            else:
                label, unnamed = f"expr{unnamed}", unnamed + 1
            if label in {name for name, _ in columns}:
                raise SoqlProblem("MALFORMED_QUERY", f"duplicate field selected: {label}")
            columns.append((label, kind))
        return columns

    def _canonical(self, name: str) -> str:
        try:
            return self._names[name.lower()]
        except KeyError:
            raise SoqlProblem(
                "INVALID_FIELD",
                f"No such column '{name}' on entity '{self._schema.object_name}'. If you are "
                "attempting to use a custom field, be sure to append the '__c' after the custom "
                "field name.",
            ) from None

    def _kind(self, operand: Operand) -> FieldKind:
        if isinstance(operand, Field):
            return self._schema.fields[self._canonical(operand.name)]
        if operand.function not in AGGREGATES or (
            operand.field is None and operand.function != "COUNT"
        ):
            raise SoqlProblem("MALFORMED_QUERY", f"unexpected token: '{operand.function}'")
        if operand.function.startswith("COUNT"):
            return "number"
        kind = self._schema.fields[self._canonical(operand.field or "")]
        if kind == "boolean" or (operand.function in {"SUM", "AVG"} and kind != "number"):
            raise SoqlProblem(
                "MALFORMED_QUERY",
                f"field {operand.field} does not support aggregate operator {operand.function}",
            )
        return kind

    def _value(self, operand: Operand) -> str:
        kind = self._kind(operand)
        if isinstance(operand, Call):
            if operand.field is None:
                return "count(*)"
            inner = self._value(Field(operand.field))
            if operand.function == "COUNT_DISTINCT":
                return f"count(DISTINCT {inner})"
            return f"{operand.function.lower()}({inner})"
        column = _quoted(self._canonical(operand.name))
        if kind == "boolean":
            return f"coalesce({column}, false)"
        return f"nullif({column}, '')" if kind == "text" else column

    def _condition(self, condition: Condition, *, aggregates: bool) -> str:
        if isinstance(condition, Group):
            parts = [self._condition(part, aggregates=aggregates) for part in condition.conditions]
            return "(" + f" {condition.word} ".join(parts) + ")"
        if isinstance(condition, Not):
            return f"(NOT {self._condition(condition.condition, aggregates=aggregates)})"
        if isinstance(condition.operand, Call) and not aggregates:
            raise SoqlProblem(
                "MALFORMED_QUERY", "aggregate expressions are allowed in HAVING, not in WHERE"
            )
        if isinstance(condition, Member):
            return self._member(condition)
        return self._compare(condition)

    def _compare(self, condition: Compare) -> str:
        left, operator = self._value(condition.operand), condition.operator
        kind = self._kind(condition.operand)
        value = condition.value
        if value is None or value == "":
            if operator not in {"=", "!="}:
                raise SoqlProblem(
                    "MALFORMED_QUERY", f"null cannot be compared with operator {operator}"
                )
            if kind == "boolean":  # a checkbox is never null
                return "false" if operator == "=" else "true"
            return f"({left} IS {'NOT ' if operator == '!=' else ''}NULL)"
        self._check(condition.operand, kind, value, operator)
        if operator == "LIKE":
            self._parameters.append(value)
            return f"coalesce({left} ILIKE ? ESCAPE '\\', false)"
        left, right = self._sides(left, kind, value)
        absent = "true" if operator == "!=" else "false"
        return f"coalesce({left} {'<>' if operator == '!=' else operator} {right}, {absent})"

    def _member(self, condition: Member) -> str:
        kind, left = self._kind(condition.operand), self._value(condition.operand)
        null_named = any(value is None or value == "" for value in condition.values)
        values = [value for value in condition.values if value is not None and value != ""]
        for value in values:
            self._check(condition.operand, kind, value, "=")
        pairs = [self._sides(left, kind, value) for value in values]
        inside = (
            f"coalesce({pairs[0][0]} IN ({', '.join(r for _, r in pairs)}), false)"
            if pairs
            else "false"
        )
        if null_named:
            inside = f"({inside} OR {left} IS NULL)"
        return inside if condition.inside else f"(NOT {inside})"

    def _sides(self, left: str, kind: FieldKind, value: Scalar) -> tuple[str, str]:
        if isinstance(value, str):
            value = value.replace("\\%", "%").replace("\\_", "_")
            if kind == "text":  # an Id keeps its case
                left, value = f"lower({left})", value.lower()
        self._parameters.append(value)
        return left, "?"

    def _check(self, operand: Operand, kind: FieldKind, value: Scalar, operator: str) -> None:
        name = operand.name if isinstance(operand, Field) else operand.function
        allowed = {"boolean": {"=", "!="}, "text": {"=", "!=", "<", "<=", ">", ">=", "LIKE"}}.get(
            kind, {"=", "!=", "<", "<=", ">", ">="}
        )
        if operator not in allowed:
            raise SoqlProblem(
                "INVALID_QUERY_FILTER_OPERATOR", f"invalid operator {operator} on field {name}"
            )
        fits = isinstance(value, _PYTHON_TYPES[kind]) and (
            kind == "boolean" or not isinstance(value, bool)
        )
        if not fits:
            quotes = (
                "and should be enclosed" if kind in {"id", "text"} else "and should not be enclosed"
            )
            raise SoqlProblem(
                "INVALID_FIELD",
                f"value of filter criterion for field '{name}' must be of type {kind} {quotes} in quotes",
            )

    def _grouping(self, query: Query) -> list[str]:
        clauses = []
        if query.group:
            clauses.append("GROUP BY " + ", ".join(self._value(Field(n)) for n in query.group))
        if query.having is not None:
            clauses.append("HAVING " + self._condition(query.having, aggregates=True))
        return clauses

    def _ordering(self, query: Query, form: str) -> list[str]:
        keys = [self._key(key) for key in query.order]
        # Salesforce promises no order without ORDER BY; the rehearsal needs the same one each time.
        if form == "rows":
            keys.append('"Id"')
        elif form == "aggregates":
            keys += [self._value(Field(name)) for name in query.group]
        return ["ORDER BY " + ", ".join(keys)] if keys else []

    def _key(self, key: OrderItem) -> str:
        direction = "DESC" if key.descending else "ASC"
        return (
            f"{self._value(key.operand)} {direction} NULLS {'LAST' if key.nulls_last else 'FIRST'}"
        )
