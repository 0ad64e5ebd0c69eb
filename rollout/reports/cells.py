"""Tables as CSV that a spreadsheet only shows: no cell is a formula, nothing unseen is in one.

Source of the rule: a cell that begins with = + - @ TAB or CR is run by common spreadsheets; the csv
module leaves it as it is.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import msgspec

from rollout.reports.foreign import escaped

_BEGINS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠", "'")
"""Also in their full width; and the mark itself, so that it can be taken off again."""

MARK = "'"
"""Put before a cell that would be run; spreadsheets take it as "this is text"."""


def cell(value: Any) -> str:
    """One value as text.

    >>> cell("=1+1"), cell(-3), cell(None), cell("two\\nlines"), cell(True), cell(0.5)
    ("'=1+1", "'-3", '', 'two\\\\nlines', 'true', '0.5')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        value = msgspec.json.encode(value, order="sorted").decode()
    text = escaped(str(value))
    return MARK + text if text.startswith(_BEGINS_A_FORMULA) else text


def csv_lines(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """Header and rows, every cell quoted, one record a line."""
    for row in chain([columns], rows):
        buffer = io.StringIO()
        writer = csv.writer(buffer, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
        writer.writerow([cell(value) for value in row])
        yield buffer.getvalue()
