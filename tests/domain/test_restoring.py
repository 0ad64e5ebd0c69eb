"""What becomes of a row on the way back: given back, deleted, or left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.domain.instants import to_text
from rollout.domain.restoring import Before, Sorted, Target, sort_rows

T0 = datetime(2026, 1, 6, 18, 0, tzinfo=UTC)
SYNC, TOOL, HUMAN = "sync", "tool", "human"
OURS = {SYNC, TOOL}


def hour(number: int) -> str:
    return to_text(T0 + timedelta(hours=number))


def row(record: str, name: Any, by: str, at: int = 1, *, created_by: str = HUMAN) -> dict[str, Any]:
    made = hour(-100) if created_by == HUMAN else hour(at)
    return {
        "Id": record,
        "Key": f"k-{record}",
        "Name": name,
        "CreatedById": created_by,
        "CreatedDate": made,
        "LastModifiedById": by,
        "LastModifiedDate": hour(at),
    }


def before(
    rows: Mapping[str, Any], taken: int = 0, theirs: Mapping[str, int] | None = None
) -> Before:
    return Before(
        fields=["Key", "Name"],
        rows={record: [f"k-{record}", name] for record, name in rows.items()},
        whole=True,
        taken_at=T0 + timedelta(hours=taken),
        theirs={record: [HUMAN, hour(at)] for record, at in (theirs or {}).items()},
    )


def now(*rows: dict[str, Any], deleted: Mapping[str, Sequence[str]] | None = None) -> Target:
    return Target("Key", {r["Id"]: r for r in rows}, OURS, deleted or {})


def outcome(found: Sorted) -> dict[str, Any]:
    return {
        "restore": {r.id: r.values for r in found.restore},
        "delete": [r.id for r in found.delete],
        "left": {r.id: r.why for r in found.left},
        "touched": found.touched,
    }


NOTHING = {"restore": {}, "delete": [], "left": {}, "touched": 0}


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (now(row("a", "old", HUMAN, -5)), {}),
        (now(row("a", "new", SYNC)), {"restore": {"a": {"Name": "old"}}}),
        (now(row("a", "old", SYNC)), {"touched": 1}),
        (now(row("a", "old", SYNC, -5)), {}),
        (now(row("a", "mine", HUMAN)), {"left": {"a": "changed"}}),
        (now(row("a", "new", TOOL)), {"restore": {"a": {"Name": "old"}}}),
        (now(), {"left": {"a": "lost"}}),
        (now(deleted={"a": [HUMAN, hour(2)]}), {"left": {"a": "deleted"}}),
        (now(deleted={"a": [SYNC, hour(2)]}), {"left": {"a": "lost"}}),
    ],
)
def test_a_row_of_the_baseline(found: Target, wanted: dict[str, Any]) -> None:
    assert outcome(sort_rows(found, before({"a": "old"}))) == {**NOTHING, **wanted}


@pytest.mark.parametrize(
    ("fresh", "wanted"),
    [
        (row("n", "x", SYNC, created_by=SYNC), {"delete": ["n"]}),
        (row("n", "x", HUMAN, created_by=SYNC), {"left": {"n": "created"}}),
        (row("n", "x", HUMAN, created_by="somebody"), {}),
        (row("n", "x", SYNC, created_by="somebody"), {"left": {"n": "unknown"}}),
    ],
)
def test_a_row_that_the_baseline_does_not_have(
    fresh: dict[str, Any], wanted: dict[str, Any]
) -> None:
    assert outcome(sort_rows(now(fresh), before({}))) == {**NOTHING, **wanted}


def test_what_somebody_made_of_a_row_between_two_runs_stays() -> None:
    """old -> a run wrote b -> a person wrote mine -> another run wrote d."""
    first = before({"a": "old"})
    second = before({"a": "mine"}, taken=5, theirs={"a": 4})
    over = now(row("a", "d", SYNC, 6))
    assert outcome(sort_rows(over, second)) == {**NOTHING, "restore": {"a": {"Name": "mine"}}}
    given_back = now(row("a", "mine", TOOL, 7))
    assert outcome(sort_rows(given_back, first, [second])) == {**NOTHING, "left": {"a": "changed"}}
    assert outcome(sort_rows(over, first, [second])) == {
        **NOTHING,
        "restore": {"a": {"Name": "mine"}},
    }


def test_what_a_run_had_made_by_the_next_baseline_does_not_stay() -> None:
    first, second = before({"a": "old"}), before({"a": "b"}, taken=5)
    found = sort_rows(now(row("a", "d", SYNC, 6)), first, [second])
    assert outcome(found) == {**NOTHING, "restore": {"a": {"Name": "old"}}}


def test_a_change_that_both_baselines_know_is_nobodys_change_since() -> None:
    first = before({"a": "old"}, theirs={"a": -1})
    second = before({"a": "old"}, taken=5, theirs={"a": -1})
    given_back = now(row("a", "old", TOOL, 7))
    assert outcome(sort_rows(given_back, first, [second])) == {**NOTHING, "touched": 1}


def test_a_baseline_taken_by_a_clock_that_was_ahead_hides_nobodys_change() -> None:
    """By the controller's clock the first baseline is from hour 3; a person changed the row in hour 2."""
    first = before({"a": "old"}, taken=3)
    second = before({"a": "mine"}, taken=5, theirs={"a": 2})
    found = sort_rows(now(row("a", "d", SYNC, 6)), first, [second])
    assert outcome(found) == {**NOTHING, "restore": {"a": {"Name": "mine"}}}


def test_a_strangers_new_row_that_a_run_changed_gets_the_strangers_values() -> None:
    second = before({"n": "theirs"}, taken=5, theirs={"n": 3})
    found = sort_rows(now(row("n", "synced", SYNC, 6)), before({}), [second])
    assert outcome(found) == {**NOTHING, "restore": {"n": {"Name": "theirs"}}}


def test_a_row_we_created_that_somebody_changed_and_we_changed_again_goes_back_to_theirs() -> None:
    second = before({"n": "theirs"}, taken=5, theirs={"n": 3})
    found = sort_rows(now(row("n", "synced", SYNC, 6, created_by=SYNC)), before({}), [second])
    assert outcome(found) == {**NOTHING, "restore": {"n": {"Name": "theirs"}}}
    found = sort_rows(now(row("n", "theirs", TOOL, 7, created_by=SYNC)), before({}), [second])
    assert outcome(found) == {**NOTHING, "left": {"n": "created"}}


def test_a_part_of_the_target_knows_new_rows_by_their_date_alone() -> None:
    part = Before(["Key", "Name"], {}, False, T0, {})
    old = row("o", "x", SYNC, 1, created_by=SYNC) | {"CreatedDate": hour(-3)}
    found = sort_rows(now(old, row("n", "x", SYNC, 1, created_by=SYNC)), part)
    assert outcome(found) == {**NOTHING, "delete": ["n"], "left": {"o": "unknown"}}


def test_a_row_that_stays_is_listed_with_both_values() -> None:
    found = sort_rows(now(row("a", "mine", HUMAN, 3)), before({"a": "old"}))
    (left,) = found.left
    assert (left.key, left.by, left.at) == ("k-a", HUMAN, hour(3))
    assert left.baseline == {"Key": "k-a", "Name": "old"}
    assert left.now == {"Key": "k-a", "Name": "mine"}


NAMES = st.sampled_from(["p", "q", "r", None])
USERS = st.sampled_from([SYNC, TOOL, HUMAN])
RECORDS = st.sampled_from(["a", "b", "c", "d"])


@given(
    st.dictionaries(RECORDS, NAMES),
    st.dictionaries(RECORDS, st.tuples(NAMES, USERS, USERS)),
)
def test_carried_out_it_leaves_nothing_to_do_and_touches_nothing_of_others(
    was: dict[str, Any], there: dict[str, tuple[Any, str, str]]
) -> None:
    rows = {
        record: row(record, name, by, 1, created_by=HUMAN if record in was else creator)
        for record, (name, by, creator) in there.items()
    }
    found = sort_rows(now(*rows.values()), before(was))
    assert all(rows[r.id]["LastModifiedById"] in OURS for r in found.restore)
    assert all(rows[r.id]["LastModifiedById"] in OURS for r in found.delete)
    assert not {r.id for r in found.delete} & was.keys()
    for restored in found.restore:
        rows[restored.id] |= {**restored.values, "LastModifiedById": TOOL}
    for deleted in found.delete:
        del rows[deleted.id]
    again = sort_rows(now(*rows.values()), before(was))
    assert (again.restore, again.delete) == ([], [])
    assert again.left == found.left
    ours = {r: v["Name"] for r, v in rows.items() if v["LastModifiedById"] in OURS and r in was}
    assert all(was[record] == name for record, name in ours.items())
