"""Text from outside, before it is shown: without what hides, reorders or steers, and not too long."""

from __future__ import annotations

import re

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


def lines(value: object) -> str:
    """As many lines as it has, without anything else that cannot be seen."""
    return _UNSEEN.sub("", str(value).replace("\r\n", "\n").replace("\r", "\n")).strip("\n")
