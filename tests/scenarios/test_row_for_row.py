"""After a rollback the target is what it was, row for row, but for what others made of it.

The whole table of the rehearsal's world is compared, by reading it there.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from rehearsing import PLAN, SCENARIOS, WAY_BACK
from whole_table import Witnessed, witnessed

from rollout import wiring

QUICK = "back_from_pilot"


@pytest.mark.parametrize(
    "name",
    [n if n == QUICK else pytest.param(n, marks=pytest.mark.slow) for n in WAY_BACK],
)
def test_the_target_is_what_it_was_but_for_what_others_made_of_it(name: str) -> None:
    expected = wiring.read_scenario(PLAN, name).expect
    seen = witnessed(name)
    assert seen.wrong() == {}
    assert seen.told[-1].verified
    assert seen.summary["outcome"] == expected.outcome
    assert seen.state is not None
    current = seen.state.current_phase()
    assert current is not None
    assert current.id == expected.phase
    assert seen.changed_by_others() <= seen.listed
    assert set(seen.summary["rollback"]) >= {
        "verified",
        "restored_rows",
        "deleted_rows",
        "left_rows",
    }
    assert seen.took < timedelta(hours=2), seen.calls
    ALSO.get(name, lambda _: None)(seen)


def _twice(seen: Witnessed) -> None:
    """Both ways back are proven, and the second pilot chose other rows."""
    assert [told.verified for told in seen.told] == [True, True]
    assert seen.state is not None
    for name in ("pilot_create", "pilot_update"):
        first, second = (seen.state.step("pilot", n, name) for n in (1, 2))
        assert first is not None
        assert second is not None
        assert first.outputs["sha256"] != second.outputs["sha256"]
        assert (first.outputs["size"], second.outputs["size"]) == (50, 50)
    assert (seen.told[0].restored_rows, seen.told[0].deleted_rows) == (47, 50)
    assert seen.told[0].left_rows == 3


def _whole(seen: Witnessed) -> None:
    assert seen.summary["rollback"]["restored_rows"] == 7_980
    assert seen.summary["rollback"]["deleted_rows"] == 1_081


def _day_3(seen: Witnessed) -> None:
    """9,141 rows by Sync B, 111 that Sync A only updated, 50 of the pilot; 574 and 50 created."""
    told = seen.told[-1]
    assert (told.restored_rows, told.deleted_rows) == (9_141 + 111 + 50, 574 + 50)
    writes = sum(count for call, count in seen.calls.items() if call.endswith("sobjects"))
    assert writes == 46 + 111 // 200 + 1 + 1 + 3 + 1
    assert seen.calls.total() < 250, seen.calls


def _stopped(seen: Witnessed) -> None:
    assert seen.state is not None
    canceled = [r for r in seen.state.runs.values() if r.status == "canceled"]
    assert len(canceled) == 1
    assert canceled[0].ours


def _part(seen: Witnessed) -> None:
    """Sync A's rows stay."""
    _stopped(seen)
    assert seen.told[-1].scope == "full_sync_b"
    assert seen.told[-1].deleted_rows == 0
    assert len(seen.before) > 19_000


ALSO = {
    "back_from_pilot": _twice,
    "all_the_way_back": _whole,
    "day3_rolled_back": _day_3,
    "back_in_sync_a": _stopped,
    "back_in_sync_b": _part,
    "back_after_lost_trigger": _stopped,
}


def test_every_scenario_that_ends_rolled_back_is_among_them() -> None:
    ends = {n for n in SCENARIOS if wiring.read_scenario(PLAN, n).expect.outcome == "rolled_back"}
    assert ends == set(WAY_BACK)
