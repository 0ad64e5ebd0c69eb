"""A few faults of the shipped plan, drilled: one nobody needs to notice, two that a check guards."""

from __future__ import annotations

import json

import live_processes
import pytest
from rehearsing import PLAN


@pytest.mark.slow
@pytest.mark.timeout(900)  # four rehearsals, on a machine that may have other things to do
def test_a_drill_of_the_shipped_plan_tells_who_notices() -> None:
    names = ["stale_copy", "wrong_flags_again", "lost_answer"]
    only = [word for name in names for word in ("--only", name)]
    code, out, err = live_processes.here("drill", PLAN, "--json", "--workers", 2, *only)
    found = json.loads(out)
    faults = {f["id"]: f for f in found["faults"]}
    assert (code, err, sorted(faults)) == (0, "", sorted(names))
    assert (found["detected"], found["total"], found["to_notice"]) == (2, 3, 2)
    assert [w["stopped_by"] for w in found["undisturbed"]] == [[]]
    lost, stale, wrong = (faults[n] for n in ("lost_answer", "stale_copy", "wrong_flags_again"))
    assert (lost["came"], lost["outcome"], lost["wrong_rows"]) == ("survived", "completed", 0)
    assert (stale["phase"], stale["check"], stale["wrong_rows"]) == (
        "full_sync_a",
        "copy_follows",
        0,
    )
    told = (wrong["gate"], wrong["check"], wrong["wrong_rows"], wrong["restored"])
    # Whoever set the flags wrong was no part of the rollout: its way back leaves their rows alone.
    assert told == ("immediate_validation", "flags_right", 799, False)
    guards = {c["id"]: c["sole_guard_of"] for c in found["checks"] if c["sole_guard_of"]}
    assert guards == {"copy_follows": ["stale_copy"], "flags_right": ["wrong_flags_again"]}


@pytest.mark.slow
def test_what_the_rollout_lives_with_is_counted_to_the_row_while_the_world_moves_on() -> None:
    """Six rows lose their key and stay as they were; dozens of others change by themselves until the end."""
    code, out, _ = live_processes.here(
        "drill", PLAN, "--json", "--workers", 1, "--only", "day3.null_keys"
    )
    (fault,) = json.loads(out)["faults"]
    assert (code, fault["came"], fault["outcome"]) == (0, "survived", "completed")
    assert fault["wrong_rows"] == 6
