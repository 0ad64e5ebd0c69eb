"""`rows`: a query that must return none."""

from __future__ import annotations

import pytest
from duck_tables import Duck, look, verdict

from rollout.checks.rows import Rows
from rollout.domain.errors import QueryFailed
from rollout.domain.evidence import Verdict

KIND = Rows()
UNNAMED = {"sql": "SELECT id, name FROM copy WHERE name IS NULL ORDER BY id", "of": "copy"}


def copy(bad: int, good: int) -> Duck:
    return Duck(
        "CREATE TABLE copy (id INT, name VARCHAR)",
        f"INSERT INTO copy SELECT i, NULL FROM range({bad}) r(i)",
        f"INSERT INTO copy SELECT {bad} + i, 'n' FROM range({good}) r(i)",
    )


def test_no_bad_row_among_some_rows_passes_in_one_round_trip() -> None:
    duck = copy(0, 5)
    seen = look(KIND, duck, UNNAMED)
    assert seen.metrics == {"rows": 0, "population": 5, "share": 0.0}
    assert verdict(KIND, seen).verdict == Verdict.PASS
    assert len(duck.asked) == 1


def test_bad_rows_fail_and_are_the_evidence() -> None:
    seen = look(KIND, copy(2, 6), UNNAMED)
    assert seen.metrics == {"rows": 2, "population": 8, "share": 0.25}
    assert seen.sample == [{"id": 0, "name": None}, {"id": 1, "name": None}]
    assert verdict(KIND, seen).verdict == Verdict.FAIL
    assert verdict(KIND, seen, {"share": "<= 30 %"}).verdict == Verdict.PASS


def test_the_count_is_exact_when_the_sample_is_cut() -> None:
    seen = look(KIND, copy(524, 18_198), UNNAMED)
    assert seen.metrics["rows"] == 524
    assert [row["id"] for row in seen.sample] == list(range(20))
    assert verdict(KIND, seen).verdict == Verdict.FAIL


def test_an_empty_table_has_no_bad_rows_and_does_not_pass() -> None:
    seen = look(KIND, copy(0, 0), UNNAMED)
    assert seen.metrics == {"rows": 0, "population": 0, "share": None}
    assert verdict(KIND, seen).verdict == Verdict.INCONCLUSIVE


def test_fewer_rows_than_asked_for_do_not_pass() -> None:
    seen = look(KIND, copy(0, 5), {**UNNAMED, "at_least": 6})
    assert verdict(KIND, seen).verdict == Verdict.INCONCLUSIVE


def test_a_missing_table_is_an_error() -> None:
    with pytest.raises(QueryFailed):
        look(KIND, copy(0, 1), {**UNNAMED, "of": "crm.nowhere.copy"})


def test_parameters_reach_the_count_and_the_sample() -> None:
    duck = copy(3, 1)
    inputs = {
        "sql": "SELECT id FROM copy WHERE id >= :least",
        "of": "copy",
        "parameters": {"least": 2},
    }
    seen = look(KIND, duck, inputs)
    assert seen.metrics["rows"] == 2
    assert [row["id"] for row in seen.sample] == [2, 3]
    assert [values for _, values in duck.asked] == [{"least": 2}, {"least": 2}]
