"""Values over the Databricks protocol: statement parameters in, Arrow tables out.

Source: reference on the connector, section 3; which types and forms it sends and takes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import lz4.frame  # type: ignore[import-untyped]
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt
from databricks.sql.thrift_api.TCLIService import ttypes as generated

from rollout.domain.errors import QueryFailed

types: Any = generated  # generated code, without types of its own
OK: Any = types.TStatus(statusCode=types.TStatusCode.SUCCESS_STATUS)
_MOST_BIGINT = 2**63 - 1

Value = str | int | float | bool | Decimal | date | datetime | None


def parameter_values(given: Sequence[Any] | None) -> dict[str, Value]:
    """TSparkParameters by name; those without one are `_1`, `_2`, … in order.

    Raises: QueryFailed for a type that is not supported or a value that is none of its type.
    """
    values: dict[str, Value] = {}
    for place, parameter in enumerate(given or (), 1):
        text = parameter.value.stringValue if parameter.value is not None else None
        values[parameter.name or f"_{place}"] = _value(str(parameter.type), text)
    return values


def _value(kind: str, text: str | None) -> Value:
    if text is None:
        return None
    name = kind.upper().partition("(")[0]
    if name not in _READ:
        raise QueryFailed(
            f"[UNSUPPORTED_IN_REHEARSAL] a parameter of type {kind}",
            error_class="UNSUPPORTED_IN_REHEARSAL",
        )
    try:
        return _READ[name](text)
    except (ValueError, InvalidOperation) as error:
        raise QueryFailed(
            f"[CAST_INVALID_INPUT] the value {text!r} of a parameter is no {kind}",
            error_class="CAST_INVALID_INPUT",
        ) from error


def _instant(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found


_READ: dict[str, Callable[[str], Value]] = {
    "STRING": str,
    **dict.fromkeys(("INT", "BIGINT", "SMALLINT", "TINYINT"), int),
    **dict.fromkeys(("DOUBLE", "FLOAT"), float),
    "DECIMAL": Decimal,
    "BOOLEAN": lambda text: text.lower() == "true",
    "DATE": date.fromisoformat,
    "TIMESTAMP": _instant,
    "TIMESTAMP_NTZ": datetime.fromisoformat,
}


def for_the_wire(table: pa.Table, duckdb_types: Sequence[str]) -> pa.Table:
    """The table in the types that Databricks has: no unsigned or 128-bit integers, microseconds."""
    columns = [
        _column(column, kind) for column, kind in zip(table.columns, duckdb_types, strict=True)
    ]
    return pa.Table.from_arrays(columns, names=table.column_names)


def _column(column: pa.ChunkedArray, duckdb_type: str) -> pa.ChunkedArray:
    kind = column.type
    if duckdb_type == "HUGEINT":
        # A sum of integers: BIGINT in Databricks, unless it does not fit.
        fits = pc.all(pc.less_equal(pc.abs(column), _MOST_BIGINT)).as_py()
        return column if fits is False else column.cast(pa.int64())
    if pt.is_unsigned_integer(kind):
        return column.cast(pa.int64())
    if pt.is_timestamp(kind):
        return column.cast(pa.timestamp("us", tz="Etc/UTC" if kind.tz else None))
    if pt.is_dictionary(kind) or pt.is_large_string(kind):
        return column.cast(pa.string())
    if pt.is_interval(kind) or pt.is_time(kind) or pt.is_duration(kind):
        texts = [None if value is None else str(value) for value in column.to_pylist()]
        return pa.chunked_array([pa.array(texts, pa.string())])
    return column


_TYPE_IDS: list[tuple[Callable[[Any], bool], str]] = [
    (pt.is_boolean, "BOOLEAN_TYPE"),
    (pt.is_int8, "TINYINT_TYPE"),
    (pt.is_int16, "SMALLINT_TYPE"),
    (pt.is_int32, "INT_TYPE"),
    (pt.is_int64, "BIGINT_TYPE"),
    (pt.is_float32, "FLOAT_TYPE"),
    (pt.is_float64, "DOUBLE_TYPE"),
    (pt.is_decimal, "DECIMAL_TYPE"),
    (pt.is_timestamp, "TIMESTAMP_TYPE"),
    (pt.is_date, "DATE_TYPE"),
    (pt.is_binary, "BINARY_TYPE"),
    (pt.is_list, "ARRAY_TYPE"),
    (pt.is_map, "MAP_TYPE"),
    (pt.is_struct, "STRUCT_TYPE"),
    (pt.is_null, "NULL_TYPE"),
]


def result_metadata(schema: pa.Schema, *, compressed: bool) -> Any:
    """TGetResultSetMetadataResp of a result in Arrow."""
    columns = [
        types.TColumnDesc(columnName=field.name, typeDesc=_described(field.type), position=place)
        for place, field in enumerate(schema, 1)
    ]
    return types.TGetResultSetMetadataResp(
        status=OK,
        schema=types.TTableSchema(columns),
        resultFormat=types.TSparkRowSetType.ARROW_BASED_SET,
        lz4Compressed=compressed,
        arrowSchema=schema.serialize().to_pybytes(),
    )


def _described(kind: Any) -> Any:
    name = next((name for fits, name in _TYPE_IDS if fits(kind)), "STRING_TYPE")
    qualifiers = None
    if pt.is_decimal(kind):
        qualifiers = types.TTypeQualifiers(
            {
                "precision": types.TTypeQualifierValue(i32Value=kind.precision),
                "scale": types.TTypeQualifierValue(i32Value=kind.scale),
            }
        )
    primitive = types.TPrimitiveTypeEntry(getattr(types.TTypeId, name), qualifiers)
    return types.TTypeDesc([types.TTypeEntry(primitiveEntry=primitive)])


def row_set(table: pa.Table, offset: int, count: int, *, compressed: bool) -> Any:
    """TRowSet of `count` rows from `offset` on."""
    batches = []
    for batch in table.slice(offset, count).to_batches():
        content = batch.serialize().to_pybytes()
        if compressed:
            content = lz4.frame.compress(content)
        batches.append(types.TSparkArrowBatch(content, batch.num_rows))
    return types.TRowSet(startRowOffset=offset, rows=[], arrowBatches=batches)


def rows_within(table: pa.Table, most_rows: int, most_bytes: int) -> int:
    """How many rows of a table may be sent at once; at least one.

    >>> rows_within(pa.table({"a": [1, 2, 3, 4]}), 3, 10**6)
    3
    """
    if table.num_rows == 0:
        return 0
    rows, size = int(table.num_rows), int(table.nbytes)
    return max(1, min(most_rows, most_bytes // max(1, size // rows), rows))
