"""How many API calls a rollback takes, and how long at least: an estimate whose assumptions are said.

Source: Salesforce REST API (200 records in one collection call, 2,000 in one page of a query); the
seconds are assumptions, to be replaced by what a rehearsal or an earlier rollback took.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

CHUNK = 200
"""Rows that one collection call takes at most."""

ONE_BY_ONE = 100
"""Below this many rows each row is its own call, so that one bad row stops nothing else."""

PAGE = 2_000
"""Rows that one answer to a query holds."""

READ_S = 1.0
WRITE_S = 8.0
WRITE_ONE_S = 1.0
SETTING_S = 2.0


class Cost(msgspec.Struct, frozen=True):
    """`calls` requests for one purpose, and how many seconds they take together."""

    what: str
    calls: int
    seconds: float


ASSUMED = (
    f"one read {READ_S:g} s, one collection of up to {CHUNK} rows {WRITE_S:g} s, one row by itself "
    f"{WRITE_ONE_S:g} s, one pause {SETTING_S:g} s; no limits met, no run to wait for"
)
"""What the seconds rest on."""


def chunk_size(rows: int) -> int:
    """Rows in one call when so many are to be changed.

    >>> chunk_size(99), chunk_size(100)
    (1, 200)
    """
    return 1 if rows < ONE_BY_ONE else CHUNK


def undo_cost(
    *, syncs: int = 0, looks: int = 0, target_rows: int = 0, restored: int = 0, deleted: int = 0
) -> list[Cost]:
    """Requests of a rollback that pauses `syncs`, looks at the whole target `looks` times (once to
    assess, once for each run, once to prove), gives `restored` rows back and deletes `deleted`.

    >>> [(c.what, c.calls) for c in
    ...  undo_cost(syncs=2, looks=3, target_rows=18_722, restored=9_141, deleted=0)]
    [('pause the syncs', 8), ('read the target', 33), ('give rows back', 92), ('delete rows', 0)]
    """
    size = chunk_size(restored + deleted)
    write_s = WRITE_ONE_S if size == 1 else WRITE_S
    pages = looks * (max(-(-target_rows // PAGE), 1) + 1)  # and one for the deleted rows
    costs = [
        Cost("pause the syncs", 4 * syncs, 4 * syncs * SETTING_S),
        Cost("read the target", pages, pages * READ_S),
    ]
    for what, rows in (("give rows back", restored), ("delete rows", deleted)):
        chunks = -(-rows // size)
        # Each chunk is looked at just before it is written.
        costs.append(Cost(what, 2 * chunks, chunks * (READ_S + write_s)))
    return costs


def total(costs: Sequence[Cost]) -> Cost:
    """All of them together."""
    return Cost("in total", sum(c.calls for c in costs), sum(c.seconds for c in costs))
