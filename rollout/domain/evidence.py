"""What was observed, and what it is judged to mean."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

Scalar = bool | int | float | str | None
"""A metric's value as it is stored: JSON types only. Instants are ISO 8601 texts in UTC."""


class Verdict(StrEnum):
    """Of one check. Only `pass` opens a gate."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    ERROR = "error"


class Decision(StrEnum):
    """Of a gate."""

    GO = "go"
    NO_GO = "no_go"
    INCONCLUSIVE = "inconclusive"


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """What one look at a foreign system showed, before anybody judges it.

    `metrics` maps names to values; shares are 0..1, durations are seconds, a value of None
    means "looked and found nothing" and can never pass. `problem` says why the question could
    not be answered at all (empty population, duplicate keys): the verdict is inconclusive.
    `sample` holds at most 20 rows. `as_of` is the age of the data, not of the question.
    """

    metrics: Mapping[str, Scalar]
    source: str
    query: str = ""
    as_of: datetime | None = None
    sample: list[dict[str, Scalar]] = []
    detail: Mapping[str, Any] = {}
    problem: str | None = None


class Ruling(msgspec.Struct, frozen=True, kw_only=True):
    """One condition held against one metric. `met` is None when it cannot be told."""

    metric: str
    observed: Scalar
    condition: str
    met: bool | None
    margin: float | None = None


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict that explains itself: every ruling, and one sentence for people."""

    verdict: Verdict
    reason: str
    rulings: list[Ruling] = []
