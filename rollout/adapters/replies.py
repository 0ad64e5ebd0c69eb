"""Reading what a server answered: strict JSON, how long to wait, what went wrong."""

from __future__ import annotations

import email.utils
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

LONGEST_WAIT_S = 3600.0
DEFAULT_WAIT_S = 30.0
SHORTEST_WAIT_S = 1.0
DEEPEST = 64

_SECONDS = re.compile(r"[0-9]+(\.[0-9]+)?")


@dataclass(frozen=True)
class Reply:
    """An HTTP answer that arrived whole, header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True)
class Complaint:
    """What a service says is wrong, in its own words: not yet masked."""

    message: str = ""
    code: str = ""


class Unreadable(ValueError):
    """A body that is not the one JSON document it should be. The message quotes nothing from it."""


def read_json(reply: Reply) -> Any:
    """The body as JSON: UTF-8, one document, no duplicate keys, no NaN, nesting up to 64.

    Raises: Unreadable.
    >>> read_json(Reply(200, {}, b'{"a": [1, null]}'))
    {'a': [1, None]}
    """
    if looks_like_a_page(reply):
        raise Unreadable("a web page instead of JSON")
    try:
        document = json.loads(
            reply.body.decode("utf-8"),
            object_pairs_hook=_object_without_duplicates,
            parse_constant=_refuse_constant,
            parse_float=_finite,
        )
    except UnicodeDecodeError:
        problem = "a body that is not UTF-8"
    except json.JSONDecodeError as error:
        problem = f"a body that is not valid JSON (at character {error.pos} of {len(reply.body)})"
    except RecursionError:
        problem = f"JSON nested deeper than {DEEPEST} levels"
    except Unreadable:
        raise
    except ValueError:  # an integer of more than 4,300 digits
        problem = "JSON with a number that cannot be read"
    else:
        if _depth(document) > DEEPEST:
            raise Unreadable(f"JSON nested deeper than {DEEPEST} levels")
        return document
    raise Unreadable(problem)


def looks_like_a_page(reply: Reply) -> bool:
    """A login or error page of a proxy, also when it comes with status 200."""
    kind = reply.headers.get("content-type", "").lower()
    return "html" in kind or reply.body[:64].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float:
    """Seconds to wait as the `Retry-After` header says: whole seconds or an HTTP date.

    A date is held against the answer's own `Date` header, else against `now`. Absent, negative
    or unreadable: 30 s. The result is within 1 s and 1 h.
    Source: RFC 9110, 10.2.3; the cap is ours, a server must not park a rollout for days.

    >>> [retry_after({"retry-after": text}) for text in ("7", "0", "-5", "soon", "1000000000")]
    [7.0, 1.0, 30.0, 30.0, 3600.0]
    """
    text = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(text):
        seconds = float(text[:20])
    else:
        at = _http_date(text)
        base = _http_date(headers.get("date", "")) or now
        if at is None or base is None:
            return DEFAULT_WAIT_S
        seconds = (at - base).total_seconds()
    return min(max(seconds, SHORTEST_WAIT_S), LONGEST_WAIT_S)


def plain_complaint(status: int, document: Any) -> Complaint:
    """`{"message": …}`, `{"error": …, "error_description": …}` or `{"status": 404}`."""
    if not isinstance(document, dict):
        return Complaint()
    said = document.get("message") or document.get("error_description") or document.get("error")
    code = document.get("error") or document.get("error_code")
    return Complaint(
        message=said if isinstance(said, str) else "", code=code if isinstance(code, str) else ""
    )


def _object_without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise Unreadable("JSON with the same key twice in one object")
    return document


def _refuse_constant(_: str) -> Any:
    raise Unreadable("JSON with NaN or Infinity")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise Unreadable("JSON with a number beyond all bounds")
    return number


def _depth(document: Any) -> int:
    """Levels of nesting, without recursion."""
    depth, level = 0, [document] if type(document) in _CONTAINERS else []
    while level:
        depth += 1
        level = [
            value
            for container in level
            for value in (container.values() if type(container) is dict else container)
            if type(value) in _CONTAINERS  # exact: the decoder makes nothing else, and it is hot
        ]
    return depth


_CONTAINERS = frozenset({dict, list})


def _http_date(text: str) -> datetime | None:
    try:
        instant = email.utils.parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant
