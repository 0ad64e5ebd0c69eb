"""What each failure of httpx says about a request: never sent, or perhaps sent."""

from __future__ import annotations

from typing import Final

import httpx

NOT_SENT: Final = (
    httpx.ConnectError,  # refused, no such host, TLS failure: all end as this one in httpx 0.28
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
)
NEVER_SENDABLE: Final = (httpx.UnsupportedProtocol, httpx.LocalProtocolError)
MAYBE_SENT: Final = (
    httpx.HTTPError,
    httpx.StreamError,
    httpx.CookieConflict,
    httpx.InvalidURL,  # httpx parses the Location of a redirect that it does not follow
    OSError,
    ValueError,
)
"""Everything else that httpx can raise; a StreamError is a RuntimeError, not an HTTPError."""

MAY_HAVE_HAPPENED: Final = frozenset({302, 303, 408, 499})
"""Answers below 500 that do not say the effect did not take place: "see the result over there",
and the time-outs that a proxy reports in its own name."""
