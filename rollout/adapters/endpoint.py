"""Where requests may go: one scheme, host and port, and paths below the base URL."""

from __future__ import annotations

import ipaddress
import re

import httpx

from rollout.adapters.redaction import Redactor
from rollout.domain.errors import PlanProblems

_PATH = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@/-]*")
_TOKEN = re.compile(r"[\x21-\x7e]+")


def parse_base_url(text: str, service: str, redactor: Redactor) -> httpx.URL:
    """A base URL that is safe to send a token to.

    Raises: PlanProblems: not https (loopback may be http), a user or password in it, a query.
    """
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, TypeError):
        raise PlanProblems([f"{service}: the base URL cannot be read"]) from None
    problem = None
    if url.userinfo:
        redactor.add(url.password or url.username)
        problem = "must not contain a user or token; give the token by itself"
    elif url.scheme not in ("https", "http") or not url.host:
        problem = "must start with https:// and name a host"
    elif url.scheme == "http" and not is_loopback(url.host):
        problem = f"must be https, plain http to {url.host} would show the token to everybody"
    elif url.query or url.fragment:
        problem = "must not have a query or fragment"
    if problem is not None:
        raise PlanProblems([f"{service}: the base URL {problem}"])
    return url


def is_loopback(host: str) -> bool:
    """
    >>> [is_loopback(h) for h in ("localhost", "127.0.0.8", "::1", "127.0.0.1.example.test")]
    [True, True, True, False]
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def confined_url(base: httpx.URL, path: str) -> httpx.URL:
    """`path` below `base`. A path from a server's answer goes through here too.

    Raises: ValueError for anything that could lead elsewhere: an absolute URL, `//host`, `..`,
    a query, a backslash, anything percent-encoded.
    """
    steps = path.split("/")
    if not _PATH.fullmatch(path) or "//" in path or ".." in steps or "." in steps:
        raise ValueError("a path that does not stay below the base URL")
    url = httpx.URL(str(base).rstrip("/") + path)
    if (url.scheme, url.host, url.port) != (base.scheme, base.host, base.port) or url.userinfo:
        raise ValueError("a path that leads to another host")
    return url


def is_usable_token(token: str) -> bool:
    """
    >>> is_usable_token("secret-token:a1"), is_usable_token("a b"), is_usable_token("a\\r\\nX: 1")
    (True, False, False)
    """
    return _TOKEN.fullmatch(token) is not None


def require_usable_token(token: str, service: str) -> None:
    """Raises: PlanProblems, which does not quote the token: a header parser's own error would."""
    if token and not is_usable_token(token):
        raise PlanProblems(
            [f"{service}: the token contains blanks, line ends or characters that are not ASCII"]
        )
