"""Names that go into a statement as they are written: nothing else than a name, so that no value of a
plan can become a part of a query.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

_WORD = r"[A-Za-z_][A-Za-z0-9_]*"
_QUOTED = r"`[^`\x00-\x1f\x7f]+`"
_PART = rf"({_WORD}|{_QUOTED})"

_RELATION = rf"^{_PART}(\.{_PART}){{0,2}}$"
_COLUMN = rf"^{_WORD}$"
_OBJECT = r"^[A-Za-z][A-Za-z0-9_]*$"
_FIELD = r"^[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)*$"

IN_WORDS = {
    _RELATION: "the name of a table or view, like catalog.schema.name",
    _COLUMN: "the name of a column: letters, digits and _",
    _OBJECT: "the name of an object: letters, digits and _",
    _FIELD: "the name of a field: letters, digits and _",
}
"""What each pattern asks for."""

RelationName = Annotated[str, Field(pattern=_RELATION, min_length=1, max_length=400)]
"""A table or view by its one to three names; a name with other characters stands in backticks."""

ColumnName = Annotated[str, Field(pattern=_COLUMN, max_length=255)]
"""A column of the warehouse."""

ObjectName = Annotated[str, Field(pattern=_OBJECT, max_length=80)]
"""An object of the record store."""

FieldName = Annotated[str, Field(pattern=_FIELD, max_length=255)]
"""A field of an object, or of one it refers to."""
