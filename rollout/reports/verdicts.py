"""How a report says a state: a glyph, a word and a name for its colour; colour is never alone.

Source of glyphs and colours: reference `tui.md`, section 4.4; the words are spelt out for people
who see them once a month.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class Seal(NamedTuple):
    """`tone` is the class of the style sheet."""

    glyph: str
    word: str
    tone: str

    def __str__(self) -> str:
        return f"{self.glyph} {self.word}"


PASS = Seal("✓", "PASS", "pass")
FAIL = Seal("✗", "FAIL", "fail")
UNKNOWN = Seal("?", "UNKNOWN", "unknown")
ERROR = Seal("?", "ERROR", "unknown")
WARN = Seal("▲", "WARN", "warn")
WAIVED = Seal("⊘", "WAIVED", "quiet")
OPEN = Seal("○", "OPEN", "quiet")

_OF_VERDICT = {"pass": PASS, "fail": FAIL, "inconclusive": UNKNOWN, "error": ERROR, None: OPEN}

_OF_DECISION = {
    "go": Seal("✓", "GO", "pass"),
    "no_go": Seal("✗", "NO-GO", "fail"),
    "inconclusive": Seal("?", "INCONCLUSIVE", "unknown"),
    None: Seal("○", "NOT DECIDED", "quiet"),
}


def seal_of(check: Mapping[str, Any]) -> Seal:
    """Of a check of a gate report: a shadow only ever warns, a waived one says so."""
    found = _OF_VERDICT[check["verdict"]]
    if found in (PASS, OPEN):
        return found
    if check["waived_by"]:
        return WAIVED
    return WARN if check["shadow"] else found


def decision_seal(decision: str | None) -> Seal:
    """Of a gate."""
    return _OF_DECISION[decision]


_RANK = {FAIL: 0, ERROR: 1, UNKNOWN: 2, OPEN: 3, WARN: 4, WAIVED: 5, PASS: 6}


def worst_first(checks: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Checks that block, then those that are only shown or waived, then those that passed."""
    return sorted(checks, key=lambda check: _RANK[seal_of(check)])


def headline(check: Mapping[str, Any]) -> dict[str, Any]:
    """The `rulings` that a line about the check tells: those not met, else the first; and how many
    `others` there are."""
    rulings = check["rulings"]
    told = [ruling for ruling in rulings if not ruling["fine"]] or rulings[:1]
    return {"rulings": told, "others": len(rulings) - len(told)}


def must(ruling: Mapping[str, Any]) -> str:
    """What was required, also where the plan says what must not be."""
    said = str(ruling["condition_in_words"])
    return f"not {said}" if ruling["refuses"] else said
