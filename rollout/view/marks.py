"""A state on screen: a glyph and a word of at most four letters; colour is never the only carrier.

Source: reference `tui.md`, section 4.4.
"""

from __future__ import annotations

import msgspec

from rollout.domain.evidence import Decision, Verdict


class Mark(msgspec.Struct, frozen=True):
    """`glyph` for terminals that draw it one cell wide, `ascii` for all others."""

    word: str
    glyph: str
    ascii: str

    def shown(self, *, ascii_only: bool = False) -> str:
        """Glyph and word.

        >>> PASS.shown(), PASS.shown(ascii_only=True)
        ('✓ PASS', '+ PASS')
        """
        return f"{self.ascii if ascii_only else self.glyph} {self.word}"


PASS = Mark("PASS", "✓", "+")
FAIL = Mark("FAIL", "✗", "X")
WARN = Mark("WARN", "▲", "!")
UNKN = Mark("UNKN", "?", "~")
RUN = Mark("RUN", "▸", ">")
WAIT = Mark("WAIT", "◇", "?")
TODO = Mark("TODO", "○", ".")
SKIP = Mark("SKIP", "–", "-")
WAIV = Mark("WAIV", "⊘", "w")

MARKS = {m.word: m for m in (PASS, FAIL, WARN, UNKN, RUN, WAIT, TODO, SKIP, WAIV)}

OF_STAGE = {
    "pending": TODO,
    "entry_gate": RUN,
    "ready": WAIT,
    "running": RUN,
    "exit_gate": RUN,
    "sign_off": WAIT,
    "passed": PASS,
    "held": FAIL,
    "rolling_back": RUN,
    "rolled_back": WARN,
    "rollback_failed": FAIL,
}

OF_STEP = {
    "running": RUN,
    "completed": PASS,
    "failed": FAIL,
    "undoing": RUN,
    "undone": SKIP,
    "undo_failed": FAIL,
}

_OF_RUN = {
    "queued": WAIT,
    "working": RUN,
    "completed": PASS,
    "failed": FAIL,
    "skipped": SKIP,
    "canceled": SKIP,
}

_OF_VERDICT = {
    Verdict.PASS: PASS,
    Verdict.FAIL: FAIL,
    Verdict.INCONCLUSIVE: UNKN,
    Verdict.ERROR: UNKN,
}

_OF_DECISION = {Decision.GO: PASS, Decision.NO_GO: FAIL, Decision.INCONCLUSIVE: UNKN}

_OF_OUTCOME = {"completed": PASS, "rolled_back": WARN, "aborted": FAIL}


def of_check(verdict: Verdict | None, *, shadow: bool, waived: bool, samples: int) -> Mark:
    """A check that is not concluded runs once it was asked; a shadow only ever warns."""
    if verdict is None:
        return RUN if samples else TODO
    if verdict is Verdict.PASS:
        return PASS
    if waived:
        return WAIV
    return WARN if shadow else _OF_VERDICT[verdict]


def of_gate(decision: Decision | None) -> Mark:
    return RUN if decision is None else _OF_DECISION[decision]


def of_run(status: str) -> Mark:
    """A word the service made up is unknown, never fine."""
    return _OF_RUN.get(status, UNKN)


def of_rollout(outcome: str) -> Mark:
    return _OF_OUTCOME.get(outcome, RUN)
