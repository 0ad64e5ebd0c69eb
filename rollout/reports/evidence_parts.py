"""What of a check's evidence fits on a page: its query and its sample rows, within a budget.

The whole evidence stays in the store under its digest; a page says what it leaves out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from markupsafe import escape

from rollout.domain.evidence import Scalar
from rollout.reports.foreign import lines, one_line

PAGE_BYTES = 400_000
"""What queries and rows of all checks of a page may take together, escaped."""

FEWEST_BYTES = 4_000
MOST_BYTES = 40_000
CELL = 160
"""Characters of one value in a sample row."""

COLUMNS = 24
SOURCE, TARGET = "source_", "target_"
"""How kinds of check that compare name the two sides of a column."""

Row = Mapping[str, Scalar]


def evidence_parts(checks: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """By check: `query`, `columns`, `rows` (cells), and how much of each was left out."""
    share = min(max(PAGE_BYTES // max(len(checks), 1), FEWEST_BYTES), MOST_BYTES)
    return {check["id"]: _parts(check, share) for check in checks}


def _parts(check: Mapping[str, Any], share: int) -> dict[str, Any]:
    query, is_cut = _within(lines(check["query"]), share // 2)
    names = _side_by_side(check["sample_rows"])
    shown, left = names[:COLUMNS], share - _size(query)
    rows: list[list[dict[str, Any]]] = []
    for row in check["sample_rows"]:
        cells = [_cell(row, name) for name in shown]
        left -= sum(_size(cell["text"]) + 20 for cell in cells)
        if left < 0:
            break
        rows.append(cells)
    return {
        "query": query,
        "query_is_cut": is_cut,
        "columns": [one_line(name, CELL).replace("_", " ") for name in shown],
        "rows": rows,
        "rows_left_out": len(check["sample_rows"]) - len(rows),
        "columns_left_out": len(names) - len(shown),
    }


def _side_by_side(rows: Sequence[Row]) -> list[str]:
    """Columns in their order, but each target's right behind its source's."""
    found = dict.fromkeys(column for row in rows for column in row)
    return list(_paired(list(found)))


def _paired(names: Sequence[str]) -> Iterator[str]:
    for name in names:
        if name.startswith(TARGET) and SOURCE + name.removeprefix(TARGET) in names:
            continue
        yield name
        other = TARGET + name.removeprefix(SOURCE)
        if name.startswith(SOURCE) and other in names:
            yield other


def _cell(row: Row, name: str) -> dict[str, Any]:
    """`differs`: the target's value is not the source's."""
    source = SOURCE + name.removeprefix(TARGET)
    is_target = name.startswith(TARGET) and name in row and source in row
    return {
        "text": _shown(row.get(name)),
        "differs": is_target and row[name] != row[source],
    }


def _shown(value: Scalar) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return one_line(value, CELL) or "(empty)"


def _within(text: str, most: int) -> tuple[str, bool]:
    """The beginning that takes at most `most` bytes once escaped; whether something is missing."""
    if _size(text) <= most:
        return text, False
    left, kept = most, []
    for character in text:
        left -= _size(character)
        if left < 0:
            break
        kept.append(character)
    return "".join(kept), True


def _size(text: str) -> int:
    return len(str(escape(text)).encode())
