"""What a drill came to, fault by fault. Its keys are a contract (the design, section 10), more were
added."""

from __future__ import annotations

from typing import Literal

import msgspec

Came = Literal[
    "noticed", "stopped_by_step", "survived", "unnoticed", "never_happened", "mends", "failed"
]
"""noticed: a check of a gate that stopped the rollout did not pass because of it. stopped_by_step: a
step gave up, by its circuit breaker or an expectation of its own. survived: nobody stopped, and the
rollout ended as it would have without it. unnoticed: none of these. never_happened: its moment did not
come. mends: something was put right, there is nothing to rehearse. failed: the rehearsal broke."""


class FaultResult(msgspec.Struct, frozen=True, kw_only=True):
    """One fault and what became of it.

    `after_s`: seconds from the fault to the first sample that did not pass, on the world's true clock.
    `wrong_rows`: rows of the target that were not as in the undisturbed rehearsal when that sample was
    taken; of a fault that nobody noticed, at the end. `restored`: whether the rollback put every one
    of them back; None when there was none, or no rollback.
    """

    id: str
    detected: bool = False
    phase: str | None = None
    gate: str | None = None
    check: str | None = None
    after_s: float | None = None
    wrong_rows: int | None = None
    restored: bool | None = None
    kind: str
    title: str
    scenario: str
    must_be_noticed: bool
    came: Came
    step: str | None = None
    """What gave up, where a step did rather than a gate."""
    also: list[str] = []
    """The other checks that did not pass where the rollout stopped."""
    outcome: str = ""
    error: str = ""


class Drilled(msgspec.Struct, frozen=True):
    """A result, and the checks that were measured between the fault and the stop."""

    fault: FaultResult
    asked: list[str] = []


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """One check of the plan. `notices`: faults in whose stopping gate it did not pass;
    `sole_guard_of`: those where no other check of that gate did; `asked`: rehearsals in which it was
    measured after the fault, and so could have noticed."""

    id: str
    notices: list[str] = []
    sole_guard_of: list[str] = []
    gate: str
    kind: str
    asked: int = 0
    shadow: bool = False


class Undisturbed(msgspec.Struct, frozen=True, kw_only=True):
    """A rehearsal without any fault: how it ended, what stopped it (nothing should)."""

    scenarios: list[str]
    outcome: str = ""
    stopped_by: list[str] = []
    error: str = ""


class Drill(msgspec.Struct, frozen=True, kw_only=True):
    """The whole matrix. `detected` counts the faults that somebody noticed, `total` all of them;
    `to_notice` those that somebody had to notice, `missed` which of these nobody did. `failed`: nothing
    can be said of them, because the rehearsal broke or stood still."""

    faults: list[FaultResult]
    checks: list[CheckResult]
    detected: int
    total: int
    wall_s: float
    to_notice: int
    missed: list[str]
    failed: list[str]
    undisturbed: list[Undisturbed]

    @property
    def is_guarded(self) -> bool:
        """Every fault that had to be noticed was, and every rehearsal came to an end."""
        return not self.missed and not self.failed
