"""Secrets never leave an adapter: every text that may hold one goes through a Redactor first."""

from __future__ import annotations

import base64
import html
import json
import re
import threading
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

MASK = "[redacted]"
SHORTEST_DERIVED = 8
"""Derived forms and cut-off beginnings shorter than this would mask ordinary words."""

_CREDENTIAL_HEADER = re.compile(r"(?i)\b(bearer|basic)(\s+|%20|\+)[^\s\"'<>,;\\&]{4,}")
_URL_USERINFO = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^\s/@\"'<>]+@")
_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class Redactor:
    """Masks known secrets in any text, in every form a server or a library may echo them.

    Forms: as they are, URL-encoded, base64 (also in the middle of a longer encoded text, as in
    HTTP Basic), JSON-, HTML- and Python-escaped; besides, anything that follows `Bearer` or
    `Basic` and the user part of a URL. The tail of a text that is the beginning of a secret is
    masked too: a server may cut its answer in the middle of an echoed token.

    >>> Redactor(["hunter2-token"])("sent Authorization: hunter2-token to /x?t=hunter2%2Dtoken")
    'sent Authorization: [redacted] to /x?t=[redacted]'
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._lock = threading.Lock()
        self._forms: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        for secret in secrets:
            self.add(secret)

    def add(self, secret: str) -> None:
        """From now on this secret is masked too (a session token obtained at run time)."""
        if not secret.strip():
            return
        with self._lock:
            self._forms |= {form for form in _forms(secret) if form.strip()}
            # Longest first: the alternation would otherwise stop at a form within a form.
            ordered = sorted(self._forms, key=len, reverse=True)
            self._pattern = re.compile("|".join(re.escape(form) for form in ordered), re.IGNORECASE)

    def __call__(self, text: str) -> str:
        masked = self._pattern.sub(MASK, text) if self._pattern else text
        masked = self._mask_cut_tail(masked)
        masked = _CREDENTIAL_HEADER.sub(lambda found: f"{found[1]} {MASK}", masked)
        return _URL_USERINFO.sub(rf"\1{MASK}@", masked)

    def line(self, text: str, limit: int = 300) -> str:
        """The text masked, on one line, without control characters, at most `limit` characters.

        Masking comes before cutting, so that no half of a secret is left over.
        """
        printable = _CONTROL.sub("", _ESCAPE.sub("", self(text)))
        words = " ".join(printable.split())
        return words if len(words) <= limit else words[: limit - 1] + "…"

    def _mask_cut_tail(self, text: str) -> str:
        longest = 0
        for form in self._forms:
            for length in range(min(len(form) - 1, len(text)), SHORTEST_DERIVED - 1, -1):
                if text.endswith(form[:length]):
                    longest = max(longest, length)
                    break
        return text[:-longest] + MASK if longest else text

    def __repr__(self) -> str:
        return f"Redactor({len(self._forms)} forms)"


def _forms(secret: str) -> set[str]:
    forms = {secret}
    for encoded in (
        quote(secret, safe=""),
        quote(secret),
        quote_plus(secret),
        _all_percent(secret),
    ):
        forms |= {encoded, _lower_percent(encoded), quote(encoded, safe="")}
    for dumped in (json.dumps(secret), json.dumps(secret, ensure_ascii=False)):
        forms |= {dumped[1:-1], dumped[1:-1].replace("/", "\\/"), json.dumps(dumped[1:-1])[1:-1]}
    escaped = html.escape(secret)
    forms |= {escaped, html.escape(secret, quote=False), escaped.replace("&#x27;", "&#39;")}
    forms |= {escaped.replace("&quot;", "&#34;"), repr(secret)[1:-1], repr(secret.encode())[2:-1]}
    if len(secret) >= SHORTEST_DERIVED:
        forms |= _base64_forms(secret.encode())
    return forms


def _all_percent(secret: str) -> str:
    """Encoders differ in what they leave alone; this one leaves only letters and digits."""
    return "".join(char if char.isascii() and char.isalnum() else _percent(char) for char in secret)


def _percent(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in char.encode())


def _lower_percent(text: str) -> str:
    return re.sub(r"%[0-9A-F]{2}", lambda found: found[0].lower(), text)


def _base64_forms(secret: bytes) -> set[str]:
    """The characters that are certain at each of the three possible alignments."""
    forms: set[str] = set()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        whole = encode(secret).decode()
        forms |= {whole, whole.rstrip("=")}
        for offset in (0, 1, 2):
            # The first character mixes in what stands before, the last one what follows.
            first = (offset * 8 + 5) // 6
            last = (offset + len(secret)) * 8 // 6
            middle = encode(b"\0" * offset + secret + b"\0\0").decode()[first:last]
            if len(middle) >= SHORTEST_DERIVED:
                forms.add(middle)
    return {form for form in forms if len(form) >= SHORTEST_DERIVED}
