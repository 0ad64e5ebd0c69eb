"""What an unquoted YAML word means here: far less than in YAML 1.1, and never a surprise."""

from __future__ import annotations

import math
import re

from rollout.domain.evidence import Scalar

_INT = re.compile(r"(?:0|-?[1-9][0-9]*)\Z")
_FLOAT = re.compile(r"-?(?:0|[1-9][0-9]*)\.[0-9]+\Z")
_MOST_DIGITS = 18  # a whole number must survive JSON and SQLite: 64 bits

# What some YAML reader turns into a boolean, a null, a number, a time or a date without being
# told to. Tried in order; the words say what the author may have meant.
_AMBIGUOUS = (
    (re.compile(r"(?i:true|false|yes|no|on|off|y|n)\Z"), "a yes-or-no (true, false)"),
    (re.compile(r"(?i:null)\Z"), "null"),
    (re.compile(r"[-+]?0[0-9]+(?:\.[0-9]*)?\Z"), "a number with a leading zero"),
    (
        re.compile(r"[-+]?0(?:[xX][0-9a-fA-F_]+|[oO][0-7_]+|[bB][01_]+)\Z"),
        "a hex, octal or binary number",
    ),
    (re.compile(r"[-+]?[0-9][0-9_]*_[0-9_]*(?:\.[0-9_]*)?\Z"), "a number with underscores"),
    (
        re.compile(r"[-+]?[0-9][0-9_]*(?::[0-9]{1,2})+(?:\.[0-9_]*)?\Z"),
        "a time or a base-60 number",
    ),
    (re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:(?:[Tt]|\s+)[0-9:.]+.*)?\Z"), "a date"),
    (
        re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]+\Z"),
        "a number with an exponent",
    ),
    (re.compile(r"[-+]?(?:\.[0-9][0-9_]*|[0-9]+\.)\Z"), "a number without all its digits"),
    (re.compile(r"(?:\+[0-9][0-9]*(?:\.[0-9]+)?|-0)\Z"), "a number with a needless sign"),
    (re.compile(r"(?i:[-+]?\.inf|\.nan)\Z"), "a number that is not finite"),
    (re.compile(r"(?:=|<<)\Z"), "a YAML operator"),
)


def typed(word: str) -> Scalar:
    """The value of an unquoted scalar.

    Only `true`, `false`, `null`, `~`, nothing at all, plain decimal numbers and text exist.
    Raises: ValueError for a word that readers of YAML disagree about; the message says to quote.

    >>> typed("true"), typed("0"), typed("-2.5"), typed("95 %"), typed("~")
    (True, 0, -2.5, '95 %', None)
    """
    if word in {"true", "false"}:
        return word == "true"
    if word in {"", "~", "null"}:
        return None
    if _INT.match(word):
        return _whole(word)
    if _FLOAT.match(word):
        return _fraction(word)
    for pattern, meaning in _AMBIGUOUS:
        if pattern.match(word):
            raise ValueError(f"`{word[:40]}` could be text or {meaning}: quote it if it is text")
    return word


def _whole(word: str) -> int:
    if len(word.lstrip("-")) > _MOST_DIGITS:
        raise ValueError(f"`{word[:40]}` has more than {_MOST_DIGITS} digits: quote it")
    return int(word)


def _fraction(word: str) -> float:
    value = float(word)
    if not math.isfinite(value):
        raise ValueError(f"`{word[:40]}…` is too large for a number: quote it")
    return value
