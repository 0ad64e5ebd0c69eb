"""What can go wrong between a client and the mocked services, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

Kind = Literal[
    "status",
    "status_after_effect",
    "timeout_before_effect",
    "timeout_after_effect",
    "refuse",
    "delay",
    "garbage",
    "html",
    "cut_json",
    "lag",
    "empty",
    "expire_token",
]


class HttpFault(msgspec.Struct, frozen=True):
    """One fault of one request.

    status                 answered with `status`, `headers` and `body`; the service never saw it
    status_after_effect    the service did it, the answer is `status`, `headers` and `body` all the same
    timeout_before_effect  no answer, and the service never saw the request
    timeout_after_effect   the service did it, the answer is lost
    refuse                 the connection is refused
    delay                  the service did it and answers after `seconds`
    garbage                the service did it, the answer is bytes that are no JSON (or `body`)
    html                   a proxy answers 200 with a web page (or `body`); the service never saw it
    cut_json               the service did it, only half of its answer arrives, with 200
    empty                  the service did it, the answer is 200 with nothing in it
    lag                    the service did it; for `seconds`, lists of runs show what they would
                           have shown `seconds` ago (a read replica that is behind)
    expire_token           Salesforce: every session so far ends. Census has no sessions: its token
                           is refused for this request and for `seconds` after it
    """

    do: Kind
    status: int = 500
    headers: Mapping[str, str] = {}
    body: str = ""
    seconds: float = 0


class DropConnection(Exception):
    """No answer: a WSGI server closes the socket, the in-process transport raises what httpx would.

    `before` is false when the service has carried out the request all the same.
    """

    def __init__(self, how: Literal["timeout", "refused"], *, before: bool) -> None:
        super().__init__(how)
        self.how = how
        self.before = before
