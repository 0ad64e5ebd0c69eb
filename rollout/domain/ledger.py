"""Double-entry arithmetic of a sync: rows in the target, and rows a run processed.

Every function answers None when a term is None or not finite: a sum with an unknown term is unknown.
"""

from __future__ import annotations

import math

Number = int | float


def unexplained(
    *,
    before: Number | None,
    created: Number | None,
    deleted: Number | None,
    after: Number | None,
) -> Number | None:
    """Rows of the target that `before + created - deleted = after` leaves over; negative = missing.

    The observed day of the domain note (section 2): 273 rows appeared from nowhere.

    >>> unexplained(before=17_875, created=574, deleted=0, after=18_722)
    273
    """
    if before is None or created is None or deleted is None or after is None:
        return None
    return _finite(after - before - created + deleted)


def unaccounted(
    *,
    processed: Number | None,
    created: Number | None,
    updated: Number | None,
    failed: Number | None,
    invalid: Number | None,
) -> Number | None:
    """Rows of a run that `created + updated + failed + invalid = processed` leaves over.

    Negative: more outcomes than rows were processed.

    >>> unaccounted(processed=690, created=574, updated=111, failed=5, invalid=0)
    0
    """
    if processed is None or created is None or updated is None or failed is None or invalid is None:
        return None
    return _finite(processed - created - updated - failed - invalid)


def updated_of(*, accepted: Number | None, created: Number | None) -> Number | None:
    """Rows that an upsert only updated: what the target took, less what is new in it.

    Never below zero: rows created beyond what the run had accepted came from somebody else, and
    stay visible as a negative `unaccounted`.

    >>> updated_of(accepted=685, created=574), updated_of(accepted=685, created=847)
    (111, 0)
    """
    if accepted is None or created is None:
        return None
    left = _finite(accepted - created)
    return None if left is None else max(0, left)


def imbalance(gaps: list[Number | None]) -> Number | None:
    """How far several equations are off, added up without their signs; 0 = the books balance.

    >>> imbalance([273, -3]), imbalance([0, None]), imbalance([])
    (276, None, None)
    """
    total: Number = 0
    for gap in gaps:
        if gap is None:
            return None
        total += abs(gap)
    return _finite(total) if gaps else None


def _finite(value: Number) -> Number | None:
    return value if math.isfinite(value) else None
