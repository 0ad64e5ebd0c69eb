"""`untouched`: nothing outside the cohort changed, told by a fresh copy or by the target itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NoReturn

import pytest
from duck_tables import NOW, Duck, look, verdict
from pydantic import ValidationError

from rollout.checks.untouched import Untouched
from rollout.domain.errors import KindMisused, QueryFailed
from rollout.domain.evidence import Verdict
from rollout.ports import ApiAllowance, Row, Table

KIND = Untouched()
COHORT = {"pilot": {"keys": ["a", "b"]}}
SINCE = NOW - timedelta(hours=1)
INPUTS: dict[str, Any] = {
    "relation": "copy",
    "key": "uuid",
    "modified_at": "modified",
    "since": SINCE,
    "cohort_steps": ["pilot"],
    "as_of": {"column": "synced"},
}
CENSUS = {"modified_by": {"column": "by_id", "is": ["census"]}}


def copy(*rows: tuple[str | None, int | None, str], synced: int | None = 1) -> Duck:
    """Rows (key, minutes since modified, user), copied `synced` minutes ago."""
    duck = Duck(
        "CREATE TABLE copy (uuid VARCHAR, modified TIMESTAMPTZ, by_id VARCHAR, synced TIMESTAMPTZ)"
    )
    at = [None if m is None else NOW - timedelta(minutes=m) for m in (r[1] for r in rows)]
    copied = None if synced is None else NOW - timedelta(minutes=synced)
    for (key, _, user), when in zip(rows, at, strict=True):
        duck.connection.execute("INSERT INTO copy VALUES (?, ?, ?, ?)", [key, when, user, copied])
    return duck


def test_changes_of_the_cohort_alone_pass() -> None:
    duck = copy(("a", 30, "census"), ("b", 20, "census"), ("c", 90, "census"))
    seen = look(KIND, duck, INPUTS, steps=COHORT)
    assert seen.metrics == {"outside": 0, "inside": 2, "population": 3}
    assert seen.as_of == NOW - timedelta(minutes=1)
    assert verdict(KIND, seen).verdict == Verdict.PASS
    assert len(duck.asked) == 1


def test_a_change_outside_the_cohort_fails_and_is_shown() -> None:
    duck = copy(("a", 30, "census"), ("z", 20, "census"), ("c", 90, "census"))
    seen = look(KIND, duck, {**INPUTS, **CENSUS}, steps=COHORT)
    assert seen.metrics == {"outside": 1, "inside": 1, "population": 3}
    assert seen.sample == [
        {"row_key": "z", "modified_at": "2026-01-08T19:40:00Z", "modified_by": "census"}
    ]
    assert verdict(KIND, seen).verdict == Verdict.FAIL


def test_a_change_at_the_very_instant_counts() -> None:
    seen = look(KIND, copy(("z", 60, "census")), INPUTS, steps=COHORT)
    assert seen.metrics["outside"] == 1


def test_a_changed_row_without_a_key_is_outside() -> None:
    seen = look(KIND, copy((None, 10, "census"), ("a", 10, "census")), INPUTS, steps=COHORT)
    assert (seen.metrics["outside"], seen.metrics["inside"]) == (1, 1)


def test_other_people_s_changes_are_theirs_when_a_user_is_named() -> None:
    duck = copy(("z", 10, "human"), ("y", 10, "census"), ("a", 10, "census"))
    assert look(KIND, duck, INPUTS, steps=COHORT).metrics["outside"] == 2
    assert look(KIND, duck, {**INPUTS, **CENSUS}, steps=COHORT).metrics["outside"] == 1
    both = {"modified_by": {"column": "by_id", "is": ["census", "human", "census"]}}
    assert look(KIND, duck, {**INPUTS, **both}, steps=COHORT).metrics["outside"] == 2


def test_without_cohorts_nothing_at_all_may_change() -> None:
    seen = look(KIND, copy(("a", 10, "census")), {**INPUTS, "cohort_steps": []})
    assert seen.metrics["outside"] == 1


def test_several_cohorts_are_allowed_together() -> None:
    steps = {"pilot": {"keys": ["a"]}, "fresh": {"keys": ["b", "a"]}}
    inputs = {**INPUTS, "cohort_steps": ["pilot", "fresh"]}
    seen = look(KIND, copy(("a", 10, "x"), ("b", 10, "x")), inputs, steps=steps)
    assert (seen.metrics["outside"], seen.metrics["inside"]) == (0, 2)


@pytest.mark.parametrize("synced", [60, 61, 600])
def test_a_copy_from_before_the_change_shows_nothing_and_does_not_pass(synced: int) -> None:
    seen = look(KIND, copy(("a", 90, "census"), synced=synced), INPUTS, steps=COHORT)
    assert seen.metrics["outside"] == 0
    assert "the copy is older than the change" in (seen.problem or "")
    assert verdict(KIND, seen).verdict == Verdict.INCONCLUSIVE


def test_the_copy_must_be_later_than_the_moment_the_changes_settled() -> None:
    duck = copy(("a", 50, "census"), synced=30)
    for settled, fresh in (
        ("20m", True),
        ("40m", False),
        (NOW - timedelta(minutes=31), True),
        (NOW, False),
    ):
        seen = look(KIND, duck, {**INPUTS, "settled_after": settled}, steps=COHORT)
        assert (seen.problem is None) is fresh, settled


def test_the_age_of_the_copy_may_stand_in_another_relation() -> None:
    duck = copy(("a", 90, "census"), synced=600)
    duck.connection.execute(
        "CREATE TABLE copies AS SELECT TIMESTAMPTZ '2026-01-08 19:55:00Z' AS done"
    )
    inputs = {**INPUTS, "as_of": {"column": "done", "relation": "copies"}}
    seen = look(KIND, duck, inputs, steps=COHORT)
    assert verdict(KIND, seen).verdict == Verdict.PASS
    assert seen.source == "warehouse warehouse: copy, copies"


def test_a_copy_that_does_not_say_when_it_was_made_does_not_pass() -> None:
    seen = look(KIND, copy(("a", 90, "census"), synced=None), INPUTS, steps=COHORT)
    assert seen.problem == "the copy does not say when it was made"


def test_an_empty_copy_does_not_pass() -> None:
    seen = look(KIND, copy(), INPUTS, steps=COHORT)
    assert seen.problem == "copy is empty: nothing was looked at"
    assert verdict(KIND, seen).verdict == Verdict.INCONCLUSIVE


def test_rows_that_do_not_say_when_they_changed_do_not_pass() -> None:
    seen = look(KIND, copy(("a", 90, "x"), ("z", None, "x")), INPUTS, steps=COHORT)
    assert "1 rows have no modified" in (seen.problem or "")
    kept = look(
        KIND,
        copy(("a", 90, "x"), ("z", None, "x")),
        {**INPUTS, "where": "uuid = 'a'"},
        steps=COHORT,
    )
    assert kept.problem is None


def test_the_sample_is_cut_and_the_count_is_not() -> None:
    rows = [(f"z{i}", 10, "census") for i in range(31)]
    seen = look(KIND, copy(*rows), INPUTS, steps=COHORT)
    assert (seen.metrics["outside"], len(seen.sample)) == (31, 20)


def test_a_missing_table_is_an_error() -> None:
    with pytest.raises(QueryFailed):
        look(KIND, Duck(), INPUTS, steps=COHORT)


@pytest.mark.parametrize("steps", [{}, {"pilot": {"rows": []}}, {"pilot": ["a"]}])
def test_a_cohort_that_is_not_there_is_a_misuse(steps: dict[str, Any]) -> None:
    with pytest.raises(KindMisused, match="pilot"):
        look(KIND, copy(("a", 10, "x")), INPUTS, steps=steps)


def test_a_key_with_a_line_break_cannot_be_sent() -> None:
    with pytest.raises(KindMisused, match="line break"):
        look(KIND, copy(("a", 10, "x")), INPUTS, steps={"pilot": {"keys": ["a\nb"]}})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"as_of": None}, "`as_of` is needed"),
        ({"since": "yesterday"}, "since"),
        ({"since": "2026-01-08T19:00:00"}, "no time zone"),
        ({"settled_after": "soon"}, "not a duration"),
        ({"relation": "copy; DROP"}, "no name of a table"),
        ({"modified_by": {"column": "by_id", "is": []}}, "at least 1 item"),
        ({"via": "salesforce"}, "belong to"),
        (
            {"via": "salesforce", "as_of": None, "relation": "A WHERE 1=1"},
            "no name of a Salesforce",
        ),
    ],
)
def test_what_cannot_be_asked_is_refused_when_the_plan_is_read(
    changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValidationError, match=said):
        KIND.Inputs.model_validate({**INPUTS, **changes})


def test_references_may_stand_where_instants_will_be() -> None:
    inputs = {
        **INPUTS,
        "since": "${{ phase.started_at }}",
        "settled_after": "${{ steps.run.completed_at }}",
    }
    KIND.Inputs.model_validate(inputs)
    with pytest.raises(KindMisused, match="since"):
        look(KIND, copy(("a", 10, "x")), inputs, steps=COHORT)
    with pytest.raises(KindMisused, match="settled_after"):
        look(KIND, copy(("a", 10, "x")), {**inputs, "since": SINCE}, steps=COHORT)


class Records:
    """The target, with a fixed number of records and the changed ones."""

    def __init__(self, population: int, changed: Sequence[Row], truncated: bool = False) -> None:
        self.population, self.changed, self.truncated = population, changed, truncated
        self.asked: list[str] = []

    def query(self, soql: str, *, max_rows: int = 50_000, deleted_too: bool = False) -> Table:
        self.asked.append(soql)
        if "COUNT()" in soql:
            return Table(["count"], [(self.population,)])
        columns = ["UUID__c", "SystemModstamp", "LastModifiedById"]
        rows = [tuple(row[c] for c in columns) for row in self.changed]
        return Table(columns, rows, self.truncated)

    def update(self, object_name: str, rows: Sequence[Row]) -> NoReturn:
        raise AssertionError("a check changed something")

    def delete(self, object_name: str, ids: Sequence[str]) -> NoReturn:
        raise AssertionError("a check changed something")

    def allowance(self) -> ApiAllowance:
        return ApiAllowance(100, 100)


DIRECT: dict[str, Any] = {
    "via": "salesforce",
    "relation": "Product_Property__c",
    "key": "UUID__c",
    "modified_at": "SystemModstamp",
    "modified_by": {"column": "LastModifiedById", "is": ["005'; x"]},
    "since": "2026-01-08T18:00:00.25-01:00",
    "cohort_steps": ["pilot"],
}


def changed(*keys: str | None) -> list[Row]:
    return [
        {"UUID__c": k, "SystemModstamp": "2026-01-08T19:30:00Z", "LastModifiedById": "005"}
        for k in keys
    ]


def test_the_target_itself_is_asked_without_waiting_for_a_copy() -> None:
    records = Records(17_875, changed("a", "b"))
    seen = look(KIND, Duck(), DIRECT, steps=COHORT, records=records)
    assert seen.metrics == {"outside": 0, "inside": 2, "population": 17_875}
    assert verdict(KIND, seen).verdict == Verdict.PASS
    assert records.asked[1] == (
        "SELECT UUID__c, SystemModstamp, LastModifiedById FROM Product_Property__c"
        " WHERE SystemModstamp >= 2026-01-08T19:00:00.250Z AND LastModifiedById IN ('005\\'; x')"
        " ORDER BY SystemModstamp"
    )


def test_a_record_outside_the_cohort_fails_at_the_target() -> None:
    seen = look(KIND, Duck(), DIRECT, steps=COHORT, records=Records(9, changed("a", "z", None)))
    assert (seen.metrics["outside"], seen.metrics["inside"]) == (2, 1)
    assert [row["UUID__c"] for row in seen.sample] == ["z", None]
    assert verdict(KIND, seen).verdict == Verdict.FAIL


def test_a_record_without_a_key_is_outside_whatever_the_cohort_is_called() -> None:
    steps = {"pilot": {"keys": ["None"]}}
    seen = look(KIND, Duck(), DIRECT, steps=steps, records=Records(9, changed(None)))
    assert seen.metrics["outside"] == 1


def test_an_empty_target_or_a_cut_answer_does_not_pass() -> None:
    for records in (Records(0, []), Records(90_000, changed("a"), truncated=True)):
        seen = look(KIND, Duck(), DIRECT, steps=COHORT, records=records)
        assert verdict(KIND, seen).verdict == Verdict.INCONCLUSIVE
