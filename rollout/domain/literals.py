"""Values inside a statement of the record store, which takes no parameters: as literals, never as they are."""

from __future__ import annotations

from collections.abc import Iterable


def soql_text(value: str) -> str:
    """A text literal of SOQL: what could end it is escaped, and control characters are too.

    >>> soql_text("O'Hara"), soql_text("a\\\\' OR Id != null")
    ("'O\\\\'Hara'", "'a\\\\\\\\\\\\' OR Id != null'")
    """
    return "'" + "".join(_ESCAPED.get(c, c) for c in value) + "'"


def soql_texts(values: Iterable[str]) -> str:
    """Several, as they stand between the brackets of an `IN`."""
    return ", ".join(soql_text(value) for value in values)


_ESCAPED = {
    "\\": "\\\\",
    "'": "\\'",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\b": "\\b",
    "\f": "\\f",
}
