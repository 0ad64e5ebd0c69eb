"""Types of inputs as a plan author writes them, shared by the kinds that ask services and people."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from rollout.domain.durations import parse_duration
from rollout.domain.errors import KindMisused
from rollout.domain.instants import from_text, to_text

REFERENCE = r"^\s*\$\{\{.+\}\}\s*$"

Reference = Annotated[str, Field(pattern=REFERENCE)]
"""A whole-text `${{ … }}`: stands where a value will be once the plan runs."""


def _no_bool(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("a number is wanted, not true or false")
    return value


Count = Annotated[int, Field(ge=0), BeforeValidator(_no_bool)]
"""A number of things, from 0."""

RunId = Annotated[int, Field(gt=0), BeforeValidator(_no_bool)]


def _as_text(value: Any) -> Any:
    return to_text(value) if isinstance(value, datetime) else value


def _is_moment(text: str) -> str:
    if "${{" not in text:
        _duration_or_instant(text)
    return text


def _duration_or_instant(text: str) -> Any:
    try:
        return parse_duration(text)
    except ValueError:
        pass
    try:
        return from_text(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is neither a duration back from now (24h) nor an instant with a time zone"
            " (2026-01-06T18:00:00Z)"
        ) from None


Moment = Annotated[str, BeforeValidator(_as_text), AfterValidator(_is_moment)]
"""An instant (ISO 8601 with offset), a duration back from the sample (`24h`), or a reference."""


def instant_of(moment: str, now: datetime) -> datetime:
    """The instant a `Moment` means when asked at `now` (aware); never later than `now`.

    Raises: KindMisused for a reference nobody filled, or an instant in the future: a window that
    has not begun shows nothing.
    """
    try:
        found = _duration_or_instant(moment)
    except ValueError as problem:
        raise KindMisused(str(problem)) from None
    since: datetime = found if isinstance(found, datetime) else now - found
    if since > now:
        raise KindMisused(f"{to_text(since)} is later than the question itself ({to_text(now)})")
    return since


def filled(value: int | str | None, what: str) -> int:
    """A number whose reference has been filled.

    Raises: KindMisused when the reference still stands, or stood for nothing.
    """
    if isinstance(value, int):
        return value
    raise KindMisused(f"{what} is not known: {value!r}")
