"""The closed grammar of conditions: text in, operator and operands out, or a helpful refusal."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Literal, NamedTuple

from rollout.domain.durations import parse_duration
from rollout.domain.errors import ConditionProblem

Op = Literal[
    "=", "!=", ">", ">=", "<", "<=", "between", "within", "empty", "true", "false", "one of"
]
Unit = Literal["", "%", "s"]
"""Of the operands: a plain number, per cent (observed as a share 0..1), or seconds."""

ACCEPTED = (
    "= 50, != 0, >= 99 %, < 1,081, <= 15m, between 18450 and 18560, within 5 % of 7820, "
    "within 10 of 100, is empty, is true, is false, = completed, is one of completed, skipped"
)

_FLAGS = re.IGNORECASE | re.DOTALL
_COMPARE = re.compile(r"(>=|<=|!=|=|>|<)\s*(.*)", _FLAGS)
_BETWEEN = re.compile(r"between\s+(.+?)\s+and\s+(.+)", _FLAGS)
_WITHIN = re.compile(r"within\s+(.+?)\s+of\s+(.+)", _FLAGS)
_ONE_OF = re.compile(r"is\s+one\s+of\s+(.+)", _FLAGS)
_IS = re.compile(r"is\s+(empty|true|false)", _FLAGS)
_QUANTITY = re.compile(r"([+-]?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?)\s*(%)?")
_DURATION = re.compile(r"(?:[0-9]+[smhd]\s*)+")
_DIGEST = re.compile(r"[0-9a-f]{32,}")
_WORDS = re.compile(r"[^\W\d][\w.:/-]*(?: [\w.:/-]+)*")
_ITEM = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[^,"]+?)\s*(?:,|$)', re.DOTALL)
_RESERVED = frozenset({"empty", "true", "false", "null", "none", "nan"})
_SLIPS = {"==": "=", "=>": ">=", "=<": "<=", "<>": "!=", "≥": ">=", "≤": "<=", "≠": "!="}
_MAX_DIGITS = 18


class Parts(NamedTuple):
    """What a text says. `relative`: the tolerance of `within` is per cent of the centre."""

    op: Op
    numbers: tuple[Decimal, ...] = ()
    unit: Unit = ""
    texts: tuple[str, ...] = ()
    relative: bool = False


class _Quantity(NamedTuple):
    number: Decimal
    unit: Unit


def looks_like_reference(text: str) -> bool:
    """Whether `${{ … }}` still has to be filled in before the text can be read.

    >>> looks_like_reference("= ${{ params.expected_creates }}")
    True
    """
    return "${{" in text


def parse_parts(text: str) -> Parts:
    """Raises: ConditionProblem that says what is wrong and what is accepted."""
    if looks_like_reference(text):
        raise ConditionProblem(
            f"{text!r} holds a reference; fill it in before it is read as a condition"
        )
    stripped = text.strip()
    if found := _COMPARE.fullmatch(stripped):
        return _comparison(text, found)
    if found := _BETWEEN.fullmatch(stripped):
        return _between(text, found)
    if found := _WITHIN.fullmatch(stripped):
        return _within(text, found)
    if found := _ONE_OF.fullmatch(stripped):
        return Parts("one of", texts=_items(text, found[1]))
    if found := _IS.fullmatch(stripped):
        word = found[1].lower()
        return Parts("empty" if word == "empty" else "true" if word == "true" else "false")
    raise _problem(text, "it starts with none of the known forms", _guess(stripped))


def write_text(text: str) -> str:
    """A text operand as the grammar reads it back: bare words, or in double quotes."""
    plain = _WORDS.fullmatch(text) and text.lower() not in _RESERVED
    return text if plain or _DIGEST.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def _problem(text: str, why: str, hint: str | None = None) -> ConditionProblem:
    guess = f"; did you mean `{hint}`?" if hint else ""
    return ConditionProblem(f"{text!r} is not a condition: {why}{guess} Accepted: {ACCEPTED}")


def _guess(stripped: str) -> str | None:
    """What the author may have meant by a text that starts with no known word."""
    for slip, right in _SLIPS.items():
        if stripped.startswith(slip):
            return f"{right} {stripped[len(slip) :].strip()}"
    if _QUANTITY.fullmatch(stripped) or _DURATION.fullmatch(stripped):
        return f"= {stripped}"
    if stripped.lower() in {"empty", "true", "false"}:
        return f"is {stripped.lower()}"
    # Imported here: only a mistake pays for it.
    from difflib import get_close_matches

    words = stripped.lower().split()
    first = get_close_matches(words[0], ["between", "within", "is"], n=1) if words else []
    whole = get_close_matches(" ".join(words), ["is empty", "is true", "is false"], n=1)
    if whole:
        return whole[0]
    return " ".join([first[0], *words[1:]]) if first and first[0] != words[0] else None


def _comparison(text: str, found: re.Match[str]) -> Parts:
    op, operand = found[1], found[2].strip()
    if not operand:
        raise _problem(text, f"nothing stands behind `{op}`")
    if operand[0] in "=<>!":
        raise _problem(text, "there is no such operator", _guess(text.strip()))
    quantity = _quantity(text, operand)
    if quantity is not None:
        return Parts(op, (quantity.number,), quantity.unit)  # type: ignore[arg-type]
    if op not in ("=", "!="):
        raise _problem(text, f"`{op}` compares numbers, shares and durations only")
    return Parts("=" if op == "=" else "!=", texts=(_text(text, operand),))


def _between(text: str, found: re.Match[str]) -> Parts:
    low, high = _number(text, found[1]), _number(text, found[2])
    if low.unit == "" and high.unit == "%":
        # "between 90 and 95 %" is how people write it.
        low = _Quantity(low.number, "%")
    if low.unit != high.unit:
        raise _problem(text, "both bounds need the same unit")
    if low.number > high.number:
        raise _problem(
            text, "the lower bound comes first", f"between {found[2].strip()} and {found[1]}"
        )
    return Parts("between", (low.number, high.number), low.unit)


def _within(text: str, found: re.Match[str]) -> Parts:
    tolerance, centre = _number(text, found[1]), _number(text, found[2])
    relative = tolerance.unit == "%"
    if tolerance.number < 0:
        raise _problem(text, "a tolerance is not negative")
    if not relative and tolerance.unit != centre.unit:
        raise _problem(text, "the tolerance is in per cent or in the unit of what it is around")
    return Parts("within", (tolerance.number, centre.number), centre.unit, relative=relative)


def _number(text: str, operand: str) -> _Quantity:
    quantity = _quantity(text, operand.strip())
    if quantity is None:
        raise _problem(text, f"{operand.strip()!r} is not a number, a share or a duration")
    return quantity


def _quantity(text: str, operand: str) -> _Quantity | None:
    """None when the operand is no quantity at all."""
    if _DIGEST.fullmatch(operand):
        return None
    if found := _QUANTITY.fullmatch(operand):
        digits = found[1].replace(",", "")
        if len(digits) > _MAX_DIGITS:
            raise _problem(text, f"a number has at most {_MAX_DIGITS} characters")
        return _Quantity(Decimal(digits), "%" if found[2] else "")
    if _DURATION.fullmatch(operand):
        try:
            return _Quantity(Decimal(int(parse_duration(operand).total_seconds())), "s")
        except ValueError:
            raise _problem(text, "the duration is too long") from None
    return None


def _items(text: str, listed: str) -> tuple[str, ...]:
    items, at = [], 0
    while at < len(listed):
        found = _ITEM.match(listed, at)
        if found is None:
            raise _problem(text, "the list is not texts with commas between them")
        items.append(_text(text, found[1]))
        at = found.end()
    if listed.rstrip().endswith(","):
        raise _problem(text, "the list ends in a comma")
    return tuple(items)


def _text(text: str, operand: str) -> str:
    if operand.startswith('"'):
        try:
            value = json.loads(operand)
        except ValueError:
            raise _problem(text, f"{operand} is not a text in double quotes") from None
        return str(value)
    if operand.lower() in _RESERVED:
        hint = f"is {operand.lower()}" if operand.lower() in {"empty", "true", "false"} else None
        raise _problem(text, f"{operand} is not a text; in double quotes it would be one", hint)
    if _DIGEST.fullmatch(operand) or _WORDS.fullmatch(operand):
        return operand
    raise _problem(
        text, f"{operand!r} is neither a number with a known unit nor a word; quote other texts"
    )
