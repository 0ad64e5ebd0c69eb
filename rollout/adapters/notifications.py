"""Notices to people through `apprise`: Slack, e-mail, PagerDuty and every other URL it knows."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from rollout.adapters.endpoint import is_loopback
from rollout.adapters.notification_sender import NOT_INSTALLED
from rollout.adapters.redaction import Redactor
from rollout.domain.effects import Answer, No, Unknown, Yes
from rollout.domain.errors import KindMisused, PlanProblems

TOTAL_S = 30.0
"""Seconds for one message to all URLs of a channel; then its process is killed."""

REMEMBERED = 1000
"""Messages whose delivered URLs are known, so that a repeat goes to the others only."""

MOST_TITLE, MOST_BODY = 250, 10_000
AGAIN_AFTER_S = 60.0

_KEPT_VARIABLES = ("PATH", "LANG", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")
"""All of the environment that the sending process sees, with a home that is none: no proxies, no
netrc, no secrets."""

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_PARTS = re.compile(r"[/?&=@:#,]+")
_SHORTEST_PART = 6
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_OFF = frozenset({"no", "false", "0", "off", "none", "never"})
_TYPES = {"P0": "failure", "P1": "failure", "P2": "warning"}
_MAY_BE_SENT_AGAIN = frozenset({408, 409, 425, 429})

Sender = Sequence[str]
"""The command that sends."""

_SENDER: Sender = (sys.executable, "-I", "-m", "rollout.adapters.notification_sender")


@dataclass(frozen=True)
class _Sent:
    """What became of one URL."""

    scheme: str
    known: bool = True
    delivered: bool = False
    status: int | None = None


class AppriseNotifier:
    """Sends to channels, each a list of apprise URLs. Safe from any thread; keeps nothing open.

    A message is delivered when every URL of the channel took it. Sent again with the same `dedupe`,
    it goes only to URLs that have not taken it yet, as far as this process knows; PagerDuty gets
    `dedupe` as its own deduplication key. URLs hold tokens: no message of this class quotes them.

    Raises: PlanProblems for a channel without URLs, a text that is none, or one that asks for
    unchecked certificates or for redirects to be followed.
    """

    def __init__(
        self,
        urls: Mapping[str, Sequence[str]],
        redactor: Redactor | None = None,
        *,
        total_s: float = TOTAL_S,
        sender: Sender = _SENDER,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._redactor = redactor or Redactor()
        problems = [p for channel, given in urls.items() for p in _problems(channel, given)]
        for url in (url for given in urls.values() for url in given):
            self._keep_secret(url)
        if problems:
            raise PlanProblems(problems)
        self._urls = {channel: list(given) for channel, given in urls.items()}
        self._total_s, self._sender = total_s, list(sender)
        known = os.environ if environ is None else environ
        kept = {name: known[name] for name in _KEPT_VARIABLES if name in known}
        self._environ = {**kept, "HOME": "/nonexistent", "NETRC": os.devnull}
        self._delivered: dict[tuple[str, str], set[int]] = {}
        self._lock = Lock()

    def send(
        self, channel: str, title: str, body: str, *, dedupe: str, severity: str = ""
    ) -> Answer[None]:
        """Raises: KindMisused for a channel that is not known."""
        if channel not in self._urls:
            raise KindMisused(f"there is no channel {channel!r}")
        urls = self._urls[channel]
        with self._lock:
            open_ones = [
                i for i in range(len(urls)) if i not in self._delivered.get((channel, dedupe), ())
            ]
        if not open_ones:
            return Yes(None, f"{channel}: delivered before")
        asked = {
            "urls": [_with_dedupe(urls[i], dedupe) for i in open_ones],
            "title": self._harmless(title, MOST_TITLE).replace("\n", " "),
            "body": self._harmless(body, MOST_BODY),
            "type": _TYPES.get(severity, "info"),
            "timeout_s": self._total_s,
        }
        found = self._run(asked, channel)
        if isinstance(found, No | Unknown):
            return found
        sent = [_Sent(_scheme(urls[i]), **said) for i, said in zip(open_ones, found, strict=True)]
        self._remember(
            channel, dedupe, [i for i, s in zip(open_ones, sent, strict=True) if s.delivered]
        )
        return _answer(channel, sent)

    def _run(self, asked: dict[str, Any], channel: str) -> list[dict[str, Any]] | No | Unknown:
        try:
            done = subprocess.run(  # noqa: S603 - our own module, and nothing foreign in argv
                self._sender,
                input=json.dumps(asked).encode(),
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=self._environ,
                timeout=self._total_s,
                start_new_session=True,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Unknown(f"{channel}: no answer within {self._total_s:g} s")
        except OSError as problem:
            return No(
                f"{channel}: the sender cannot be started ({problem.strerror})", AGAIN_AFTER_S
            )
        if done.returncode == NOT_INSTALLED:
            return No(f"{channel}: the package `apprise` is not installed")
        found = _readable(done.stdout, len(asked["urls"])) if done.returncode == 0 else None
        if found is None:
            return Unknown(f"{channel}: the sender ended without an answer ({done.returncode})")
        return found

    def _remember(self, channel: str, dedupe: str, delivered: list[int]) -> None:
        with self._lock:
            self._delivered.setdefault((channel, dedupe), set()).update(delivered)
            while len(self._delivered) > REMEMBERED:
                del self._delivered[next(iter(self._delivered))]

    def _keep_secret(self, url: str) -> None:
        """A service may quote any part of the URL it was called by."""
        self._redactor.add(url)
        for part in _PARTS.split(url):
            if len(part) >= _SHORTEST_PART and not is_loopback(part):
                self._redactor.add(part)

    def _harmless(self, text: str, most: int) -> str:
        shown = _CONTROL.sub("", self._redactor(text))
        return shown if len(shown) <= most else shown[: most - 1] + "…"

    def __repr__(self) -> str:
        return f"AppriseNotifier({', '.join(self._urls)})"


def _problems(channel: str, urls: Sequence[str]) -> list[str]:
    if not urls:
        return [f"channel {channel}: has no URLs"]
    found = []
    for position, url in enumerate(urls, 1):
        what = _problem(url)
        if what:
            found.append(f"channel {channel}: URL {position} {what}")
    return found


def _problem(url: str) -> str:
    if not _SCHEME.match(url):
        return "is no URL: it begins with a service's name and ://"
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return "cannot be read"
    options = {name.lower(): value.lower() for name, value in parse_qsl(parts.query)}
    if options.get("verify") in _OFF and not is_loopback(host):
        return "turns the check of certificates off"
    if options.get("redirect", "no") not in _OFF:
        return "follows redirects, which may lead to another host"
    return ""


def _scheme(url: str) -> str:
    found = _SCHEME.match(url)
    return found[1].lower() if found else ""


def _with_dedupe(url: str, dedupe: str) -> str:
    if _scheme(url) != "pagerduty" or "dedup=" in url:
        return url
    return f"{url}{'&' if '?' in url else '?'}dedup={quote(dedupe, safe='')}"


def _readable(output: bytes, wanted: int) -> list[dict[str, Any]] | None:
    """The sender's answers, None when they are not what it writes."""
    try:
        found = json.loads(output)
    except ValueError:
        return None
    whole = isinstance(found, list) and len(found) == wanted
    return found if whole and all(_is_answer(one) for one in found) else None


def _is_answer(one: object) -> bool:
    return (
        isinstance(one, dict)
        and set(one) == {"known", "delivered", "status"}
        and isinstance(one["known"], bool)
        and isinstance(one["delivered"], bool)
        and (one["status"] is None or isinstance(one["status"], int))
    )


def _answer(channel: str, sent: Sequence[_Sent]) -> Answer[None]:
    """Yes when all took it; no when each of the others certainly did not; else unknown."""
    open_ones = [s for s in sent if not s.delivered]
    if not open_ones:
        return Yes(None, f"{channel}: taken by {', '.join(s.scheme for s in sent)}")
    what = f"{channel}: {'; '.join(_words(s) for s in open_ones)}"
    if all(_is_certain(s) for s in open_ones):
        again = any(s.status in _MAY_BE_SENT_AGAIN for s in open_ones)
        return No(what, AGAIN_AFTER_S if again else None)
    return Unknown(what)


def _is_certain(sent: _Sent) -> bool:
    return not sent.known or (
        sent.status is not None and (300 <= sent.status < 500) and sent.status != 408
    )


def _words(sent: _Sent) -> str:
    if not sent.known:
        return f"{sent.scheme} is no URL that apprise knows"
    if sent.status is not None:
        return f"{sent.scheme} answered {sent.status}"
    return f"{sent.scheme} gave no answer"
