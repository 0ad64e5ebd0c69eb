"""What a rollback would find: rows by class, and those it leaves, with every value. Evidence."""

from __future__ import annotations

from datetime import datetime

import msgspec

from rollout.domain.restoring import Left


class Assessment(msgspec.Struct, frozen=True, kw_only=True):
    """One look at a target against the oldest baseline in scope.

    `counts` by class: updated, created, touched, changed_by_others, deleted_by_others, not_known.
    `modified` counts the rows that one of `users` changed last since then. `rows` are all rows of
    the target, `left` those that are not touched.
    """

    target: str
    taken_at: datetime
    since: datetime
    baseline: str
    users: list[str]
    rows: int
    modified: int
    counts: dict[str, int]
    left: list[Left] = []
