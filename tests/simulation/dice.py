"""Chance with a seed: what goes wrong in a run, how often, and what of it really happened.

Every kind of fault has a stream of its own, so that a new kind leaves the others as they were.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")

FAULTS: dict[str, str] = {
    # the process
    "kill_at_append": "the controller dies before or after a commit",
    "kill_at_port": "the controller dies before or after a request",
    "disk_full": "the store cannot grow for a while",
    "snapshot_damaged": "a digit in the newest snapshot changes",
    "snapshot_of_another_log": "the store holds a snapshot of another history",
    "event_edited": "a copy of the store has an event changed by hand",
    "second_controller": "another controller tries to take over",
    "lock_file_lost": "the lock file is deleted under a live controller, which goes on",
    # requests to Census
    "refused": "no connection: certainly not sent",
    "lost_request": "no answer, and the request never arrives",
    "late_request": "no answer, and the request arrives minutes later",
    "lost_answer": "the request takes effect, its answer is lost",
    "status_429": "too many requests, with every kind of Retry-After",
    "status_500_before": "500 without an effect",
    "status_500_after": "500 after the effect",
    "status_503": "503 without an effect",
    "garbled": "HTML, cut JSON or nothing at all with 200, after the effect",
    "old_answer": "an older answer to the same question arrives again",
    "old_trigger_answer": "the answer to an earlier trigger arrives again",
    "token_expired": "401 for a while",
    "token_echoed": "400 whose message quotes the token",
    # what Census does
    "lagging_list": "new runs are missing from the list for a while",
    "shifting_pages": "a run appears while pages are turned",
    "foreign_schedule": "a run by the schedule",
    "foreign_ui": "a run by somebody in the UI",
    "foreign_api": "a run by another API client",
    "run_goes_back": "a finished run shows an earlier state",
    "run_fails": "the run fails half way",
    "run_rejects": "the run completes with rejected rows",
    "run_slow": "the run takes an hour",
    "run_canceled": "somebody cancels our run in the UI",
    "setting_ignored": "a PATCH is answered 200 without effect",
    "cancel_ignored": "a cancel is answered 200 without effect",
    "sync_touched": "somebody pauses or resumes a sync in the UI",
    # time
    "clock_jumps_a_day": "the controller's clock jumps by a day, either way",
    "clock_jumps_an_hour": "the controller's clock jumps by an hour, either way",
    "clock_frozen": "the controller's clock stands still",
    "lid_closed": "the controller sleeps for hours",
    "slow_port": "a port takes minutes",
    # the warehouse and the target
    "warehouse_down": "the warehouse gives no answer",
    "check_error": "the query of a check fails",
    "check_nan": "a check is given NaN",
    "check_null": "a check is given NULL",
    "check_no_row": "a check is given no row",
    "check_two_rows": "a check is given two rows",
    "check_bad": "a check is given a bad number",
    "statement_lost": "a statement takes effect or not, without an answer",
    "target_down": "the target gives no answer",
    "write_lost": "a change of rows takes effect or not, without an answer",
    "write_refused": "the target refuses a row",
    "others_edit": "somebody else changes a row of the target",
    # people
    "two_operators": "two people decide the same thing at the same instant",
    "decides_meanwhile": "a person decides while the controller is about to append",
    "wrong_person": "somebody decides what he may not",
    "looked_long_ago": "somebody decides by what he saw long ago",
    "says_no": "somebody answers no, or refuses to sign",
    "plan_changed": "a changed plan is adopted half way",
    "whim": "a decision nobody asked for: hold, roll back, waive, abort, settle",
    "signs_in_rollback": "a signature arrives when a rollback starts",
}
"""Name -> what happens. Each must have fired in a soak, or the soak says nothing."""

QUIET_SHARE = 0.05
"""Of the seeds have no fault at all: those must simply complete."""


class Dice:
    """All chance of one run. `calm` switches every fault off, for the end of a run."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.calm = False
        self.fired: Counter[str] = Counter()
        self._streams: dict[str, Random] = {}
        swarm = self.stream("swarm")
        self.is_quiet = swarm.random() < QUIET_SHARE
        busy = swarm.choice([0.15, 0.4, 0.8])
        self.rates = {name: _rate(swarm, busy) for name in FAULTS}
        if self.is_quiet:
            self.rates = dict.fromkeys(FAULTS, 0.0)

    def stream(self, name: str) -> Random:
        """A sequence of its own for each purpose."""
        if name not in self._streams:
            self._streams[name] = Random(f"{self.seed}/{name}")
        return self._streams[name]

    def fires(self, fault: str, times: float = 1.0) -> bool:
        """Whether the fault happens here; counted. `times` makes it likelier or rarer at this place."""
        rate = self.rates[fault]
        if not rate or self.calm or self.stream(fault).random() >= rate * times:
            return False
        self.fired[fault] += 1
        return True

    def one_of(self, faults: Sequence[str]) -> str | None:
        """The first of them that happens here."""
        return next((fault for fault in faults if self.fires(fault)), None)

    def pick(self, purpose: str, choices: Sequence[T]) -> T:
        return self.stream(purpose).choice(choices)

    def chance(self, purpose: str, share: float) -> bool:
        return self.stream(purpose).random() < share

    def between(self, purpose: str, low: float, high: float) -> float:
        return self.stream(purpose).uniform(low, high)


def _rate(swarm: Random, busy: float) -> float:
    """Most faults are absent from most runs, so that the few present ones can meet."""
    share, rate = swarm.random(), 10 ** swarm.uniform(-2.2, -0.7)
    return rate if share < busy else 0.0
