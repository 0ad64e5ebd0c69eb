"""What a run found: an invariant that does not hold."""

from __future__ import annotations


class Violated(BaseException):
    """No code under test may catch it. `invariant` is the number in the reliability notes."""

    def __init__(self, invariant: str, what: str) -> None:
        super().__init__(f"[{invariant}] {what}")
        self.invariant, self.what = invariant, what


class Killed(BaseException):
    """Like SIGKILL: nothing in the program may catch it."""


def require(holds: bool, invariant: str, what: str) -> None:
    """Raises: Violated."""
    if not holds:
        raise Violated(invariant, what)
