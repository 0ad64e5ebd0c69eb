"""Answers to requests that change something: yes, no or unknown. Unknown is a type, not an exception.

Source: the design's effect protocol (section 6); `unknown` is never sent again blindly.
"""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")


class Yes(msgspec.Struct, Generic[T], frozen=True):
    """The effect took place; `value` is what the service said about it (a run id, a row count)."""

    value: T
    detail: str = ""


class No(msgspec.Struct, frozen=True):
    """The effect certainly did not take place.

    `retry_after_s` is set when sending the same request again later is sensible (429, refused
    connection); None means the service will not accept this request as it stands (4xx).
    """

    reason: str
    retry_after_s: float | None = None


class Unknown(msgspec.Struct, frozen=True):
    """It cannot be told: time-out, reset, 5xx, unreadable answer after the request was sent."""

    reason: str


Answer = Yes[T] | No | Unknown
