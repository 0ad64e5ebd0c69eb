"""Instants as texts: one form for logs, metrics and queries."""

from __future__ import annotations

from datetime import UTC, datetime


def to_text(instant: datetime) -> str:
    """ISO 8601 in UTC with a `Z`; whole seconds are written without a fraction.

    Raises: ValueError for an instant without a time zone.
    >>> to_text(datetime(2026, 1, 6, 18, 0, 34, tzinfo=UTC))
    '2026-01-06T18:00:34Z'
    """
    if instant.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def from_text(text: str) -> datetime:
    """The inverse; any ISO 8601 offset is read, the result is in UTC.

    Raises: ValueError when the text is no instant or has no offset.
    >>> from_text("2026-01-06T10:00:34-08:00").isoformat()
    '2026-01-06T18:00:34+00:00'
    """
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return instant.astimezone(UTC)
