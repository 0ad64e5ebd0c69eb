"""Text from outside, before it is shown: without what hides, reorders or steers, and not too long."""

from __future__ import annotations

import re
from typing import Any

import msgspec

_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)

LONGEST = 1000
"""Characters of one foreign text in one line."""


def one_line(value: object, longest: int = LONGEST) -> str:
    """One printable line of at most `longest` characters.

    >>> one_line("red \\x1b[31m alert\\n next"), one_line("abcdef", 4)
    ('red [31m alert next', 'abc…')
    """
    text = " ".join(_UNSEEN.sub("", str(value)).split())
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def visible_json(text: str) -> str:
    """JSON with everything unseen as \\uXXXX: the same document, fit for a terminal.

    >>> visible_json('{"a":"x\u202ey"}')
    '{"a":"x\\\\u202ey"}'
    """
    return text if text.isascii() and "\x7f" not in text else _UNSEEN.sub(_escaped, text)


def json_text(document: Any) -> str:
    """Indented JSON in the document's own order; equal documents give equal bytes."""
    body = msgspec.json.format(msgspec.json.encode(document), indent=2)
    return visible_json(body.decode()) + "\n"


def _escaped(match: re.Match[str]) -> str:
    units = match.group().encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[n : n + 2].hex()}" for n in range(0, len(units), 2))


def escaped(value: object) -> str:
    """All of a text in one line, what cannot be seen spelt out.

    >>> escaped("a\\nb\\x1b[2J")
    'a\\\\nb\\\\u001b[2J'
    """
    text = str(value).replace("\r", "\\r").replace("\n", "\\n").replace("\t", "\\t")
    return _UNSEEN.sub(_escaped, text)


def lines(value: object) -> str:
    """As many lines as it has, without anything else that cannot be seen; tabs become blanks."""
    text = str(value).replace("\r\n", "\n").replace("\r", "\n")
    return _UNSEEN.sub("", text.expandtabs(4)).strip("\n")
