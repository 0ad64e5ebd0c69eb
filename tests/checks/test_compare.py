"""`compare`: what a plain loop over dictionaries would find, found inside the warehouse."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from duck_tables import Duck, look, verdict
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from rollout.checks.compare import Compare
from rollout.checks.statements import column, hash_of, render
from rollout.domain.errors import KindMisused, QueryFailed
from rollout.domain.evidence import Observation, Verdict

KIND = Compare()
BOTH: dict[str, Any] = {"source": "src", "target": "tgt", "key": "id", "columns": ["name", "score"]}
FORMS = {
    "whole": {},
    "hashed": {"large_from": 0},
    "trusted": {"large_from": 0, "trust_unique_keys": True},
}
Rows = Sequence[tuple[Any, ...]]


def tables(source: Rows, target: Rows) -> Duck:
    duck = Duck(
        "CREATE TABLE src (id VARCHAR, name VARCHAR, score DOUBLE)",
        "CREATE TABLE tgt (id VARCHAR, name VARCHAR, score DOUBLE)",
    )
    for name, rows in (("src", source), ("tgt", target)):
        for row in rows:
            duck.connection.execute(f"INSERT INTO {name} VALUES (?, ?, ?)", list(row))
    return duck


def compare(duck: Duck, form: str = "whole", **changes: Any) -> Observation:
    return look(KIND, duck, {**BOTH, **FORMS[form], **changes})


any_form = pytest.mark.parametrize("form", FORMS)


@any_form
def test_equal_tables_match_in_full(form: str) -> None:
    rows = [("a", "A", 1.0), ("b", None, 2.0), ("c", "C", None)]
    seen = compare(tables(rows, rows[::-1]), form)
    assert seen.problem is None
    assert seen.metrics["match_rate"] == 1.0
    assert (seen.metrics["matched"], seen.metrics["missing"], seen.metrics["extra"]) == (3, 0, 0)
    assert seen.metrics["match_rate_name"] == seen.metrics["match_rate_score"] == 1.0
    assert seen.sample == []
    assert verdict(KIND, seen, ">= 99 %").verdict == Verdict.PASS


@any_form
def test_every_kind_of_difference_is_counted_and_shown_with_both_values(form: str) -> None:
    source = [("a", "A", 1.0), ("b", "B", 2.0), ("c", None, 3.0), ("d", "D", 4.0)]
    target = [("a", "A", 1.0), ("b", "X", 2.5), ("c", "C", 3.0), ("e", "E", 5.0)]
    seen = compare(tables(source, target), form)
    expected = {
        "source_rows": 4,
        "target_rows": 4,
        "matched": 3,
        "missing": 1,
        "extra": 1,
        "missing_share": 0.25,
        "mismatched_rows": 2,
        "mismatched_name": 2,
        "mismatched_score": 1,
        "match_rate": 1 / 3,
        "match_rate_name": 1 / 3,
        "match_rate_score": 2 / 3,
        "duplicate_source_keys": 0,
        "duplicate_target_keys": 0,
        "null_source_keys": 0,
        "null_target_keys": 0,
    }
    assert seen.metrics == expected
    assert {row["finding"]: row for row in seen.sample if row["id"] != "c"} == {
        "missing": {"finding": "missing", "id": "d", "source_name": "D", "source_score": 4.0},
        "extra": {"finding": "extra", "id": "e", "target_name": "E", "target_score": 5.0},
        "mismatched": {
            "finding": "mismatched",
            "id": "b",
            "source_name": "B",
            "target_name": "X",
            "source_score": 2.0,
            "target_score": 2.5,
        },
    }
    null_against_value = next(row for row in seen.sample if row["id"] == "c")
    assert null_against_value == {
        "finding": "mismatched",
        "id": "c",
        "source_name": None,
        "target_name": "C",
    }
    assert verdict(KIND, seen, ">= 99 %").verdict == Verdict.FAIL
    assert verdict(KIND, seen, {"missing": "<= 1", "extra": "<= 1"}).verdict == Verdict.PASS


def test_the_place_of_a_value_is_part_of_its_hash() -> None:
    hashed = render(hash_of([column("a"), column("b")]), pretty=False)
    assert hashed == "XXHASH64(`a`, 0, `b`, 1)"  # Spark passes over NULL: only the places tell


@any_form
def test_a_value_that_moved_to_the_next_column_beside_a_null_is_seen(form: str) -> None:
    duck = Duck(
        "CREATE TABLE src AS SELECT 'a' AS id, NULL::VARCHAR AS name, 'x' AS score",
        "CREATE TABLE tgt AS SELECT 'a' AS id, 'x' AS name, NULL::VARCHAR AS score",
    )
    assert compare(duck, form).metrics["mismatched_rows"] == 1


@pytest.mark.parametrize("form", ["whole", "hashed"])
@pytest.mark.parametrize(
    ("source", "target", "name", "n"),
    [
        (["a", "a", "b"], ["a", "b"], "duplicate_source_keys", 1),
        (["a", "b"], ["a", "b", "b", "b"], "duplicate_target_keys", 1),
        (["z", "z", "a"], ["a"], "duplicate_source_keys", 1),
        (["a"], ["a", "z", "z", "y", "y"], "duplicate_target_keys", 2),
        (["a", None], ["a"], "null_source_keys", 1),
        (["a"], ["a", None, None], "null_target_keys", 2),
    ],
)
def test_keys_that_repeat_or_are_null_make_accuracy_unanswerable(
    form: str, source: list[str | None], target: list[str | None], name: str, n: int
) -> None:
    duck = tables([(k, "n", 1.0) for k in source], [(k, "n", 1.0) for k in target])
    seen = compare(duck, form)
    assert seen.metrics[name] == n
    assert seen.metrics["match_rate"] is None
    assert seen.metrics["source_rows"] == len(source)
    assert f"{n} {name.replace('_', ' ')}" in (seen.problem or "")
    assert {row["side"] for row in seen.sample} == {name.split("_")[1]}
    assert verdict(KIND, seen, ">= 0 %").verdict == Verdict.INCONCLUSIVE
    assert verdict(KIND, seen, None, {name: "> 0"}).verdict == Verdict.FAIL


@pytest.mark.parametrize("form", ["whole", "hashed"])
def test_the_same_rows_twice_on_both_sides_are_still_duplicates(form: str) -> None:
    rows = [("a", "A", 1.0), ("a", "A", 1.0), ("b", "B", 1.0)]
    seen = compare(tables(rows, rows), form)
    assert (seen.metrics["duplicate_source_keys"], seen.metrics["duplicate_target_keys"]) == (1, 1)
    assert seen.sample == [
        {"side": "source", "k0": "a", "n": 2},
        {"side": "target", "k0": "a", "n": 2},
    ]


def test_trusted_keys_are_not_counted_when_the_tables_are_equal() -> None:
    rows = [("a", "A", 1.0)]
    duck = tables(rows, rows)
    seen = compare(duck, "trusted")
    assert seen.metrics["duplicate_target_keys"] is None
    assert verdict(KIND, seen, {"duplicate_target_keys": "= 0"}).verdict == Verdict.INCONCLUSIVE
    assert len(duck.asked) == 2  # sizes and fingerprints


@any_form
@pytest.mark.parametrize(
    ("source", "target", "problem"),
    [
        ([], [], "src is empty: nothing was looked at"),
        ([("a", "A", 1.0)], [], "tgt is empty: nothing was looked at"),
        ([], [("a", "A", 1.0)], "src is empty: nothing was looked at"),
        ([("a", "A", 1.0)], [("b", "A", 1.0)], "no key is on both sides: nothing was compared"),
    ],
)
def test_nothing_to_compare_never_passes(
    form: str, source: Rows, target: Rows, problem: str
) -> None:
    seen = compare(tables(source, target), form)
    assert seen.problem == problem
    for condition in ({"extra": ">= 0"}, {"mismatched_rows": "= 0"}, {"match_rate": ">= 0 %"}):
        assert verdict(KIND, seen, condition).verdict == Verdict.INCONCLUSIVE


def test_too_few_rows_do_not_pass() -> None:
    rows = [("a", "A", 1.0)]
    assert compare(tables(rows, rows), at_least=2).problem == (
        "src holds 1 rows, at least 2 are needed for an answer"
    )


@any_form
def test_numbers_may_differ_by_a_tolerance_that_travels_as_a_parameter(form: str) -> None:
    source = [
        ("a", "A", 1.0),
        ("b", "B", 1.0),
        ("c", "C", None),
        ("d", "D", math.nan),
        ("e", "E", math.inf),
    ]
    target = [
        ("a", "A", 1.5),
        ("b", "B", 1.6),
        ("c", "C", 0.0),
        ("d", "D", math.nan),
        ("e", "E", math.inf),
    ]
    duck = tables(source, target)
    seen = compare(duck, form, tolerance={"score": 0.5})
    assert seen.metrics["mismatched_score"] == 2
    assert {row["id"] for row in seen.sample} == {"b", "c"}
    assert duck.asked[-1][1] == {"tolerance_1": 0.5}


@any_form
@pytest.mark.parametrize("blank", [True, ["name"]])
def test_a_blank_text_can_stand_for_null(form: str, blank: bool | list[str]) -> None:
    duck = tables(
        [("a", "", 1.0), ("b", "  ", 1.0), ("c", None, 1.0)], [(k, None, 1.0) for k in "abc"]
    )
    assert compare(duck, form).metrics["mismatched_name"] == 2
    assert compare(duck, form, blank_is_null=blank).metrics["mismatched_name"] == 0
    other = compare(duck, form, blank_is_null=["score"])
    assert other.metrics["mismatched_name"] == 2


@any_form
def test_columns_of_other_names_and_types_compare_after_a_cast(form: str) -> None:
    duck = Duck(
        "CREATE TABLE src AS SELECT * FROM (VALUES (1, '7'), (2, '8')) v(rds_id, units)",
        "CREATE TABLE tgt AS SELECT * FROM (VALUES ('1', 7.0), ('2', 9.0)) v(uuid_c, units_c)",
    )
    inputs = {
        **FORMS[form],
        "source": "src",
        "target": "memory.main.tgt",
        "key": {"rds_id": "uuid_c"},
        "columns": {"units": "units_c"},
        "types": {"units": "decimal(10, 2)", "rds_id": "string"},
    }
    seen = look(KIND, duck, inputs)
    assert (seen.metrics["matched"], seen.metrics["mismatched_units"]) == (2, 1)


@any_form
def test_types_that_hash_unlike_but_are_equal_are_equal(form: str) -> None:
    duck = Duck(
        "CREATE TABLE src AS SELECT 'a' AS id, 1::INT AS name, 2.0::DOUBLE AS score",
        "CREATE TABLE tgt AS SELECT 'a' AS id, 1::DOUBLE AS name, 2.0::DECIMAL(9, 3) AS score",
    )
    assert compare(duck, form).metrics["match_rate"] == 1.0


@any_form
def test_a_key_of_two_columns_pairs_by_both(form: str) -> None:
    duck = Duck(
        "CREATE TABLE src AS SELECT * FROM (VALUES ('a', 1, 'x'), ('a', 2, 'y')) v(id, part, name)",
        "CREATE TABLE tgt AS SELECT * FROM (VALUES ('a', 1, 'x'), ('a', 2, 'z')) v(id, part, name)",
    )
    seen = compare(duck, form, key=["id", "part"], columns="name")
    assert (seen.metrics["matched"], seen.metrics["mismatched_rows"]) == (2, 1)
    assert seen.sample[0]["part"] == 2
    duck.connection.execute("INSERT INTO src VALUES ('b', NULL, 'q')")
    assert compare(duck, form, key=["id", "part"], columns="name").metrics["null_source_keys"] == 1


def test_each_side_can_be_restricted_or_be_a_query() -> None:
    duck = tables([("a", "A", 1.0), ("b", "B", 1.0)], [("a", "A", 1.0), ("c", "C", 9.0)])
    seen = compare(duck, where={"source": "id <> 'b'", "target": "score < 5 OR id = 'q'"})
    assert (seen.metrics["missing"], seen.metrics["extra"], seen.metrics["matched"]) == (0, 0, 1)
    queries: dict[str, Any] = {
        "source": None,
        "source_sql": "SELECT * FROM src WHERE id = 'a'",
        "target": None,
        "target_sql": "SELECT * FROM tgt WHERE id = 'a'",
    }
    seen = compare(duck, **queries)
    assert seen.metrics["match_rate"] == 1.0
    assert seen.source == "warehouse warehouse: source query, target query"
    empty = {**queries, "source_sql": "SELECT * FROM src WHERE FALSE"}
    assert compare(duck, **empty).problem == "source query is empty: nothing was looked at"


def test_only_the_keys_of_a_cohort_are_looked_at() -> None:
    duck = tables(
        [("a", "A", 1.0), ("b", "B", 1.0), ("z", "Z", 1.0)], [("a", "A", 1.0), ("z", "Y", 1.0)]
    )
    inputs = {**BOTH, "only_keys_of": "pilot", "large_from": 0}
    seen = look(KIND, duck, inputs, steps={"pilot": {"keys": ["a", "b", "it's"]}})
    assert seen.metrics["cohort_keys"] == 3
    assert (seen.metrics["source_rows"], seen.metrics["target_rows"]) == (2, 1)
    assert (seen.metrics["missing"], seen.metrics["mismatched_rows"]) == (1, 0)
    assert duck.asked[0][1] == {"keys": "a\nb\nit's"}
    assert "it's" not in seen.query


def test_a_repeated_key_outside_the_cohort_does_not_matter_and_inside_it_does() -> None:
    duck = tables([("a", "A", 1.0)], [("a", "A", 1.0), ("z", "Y", 1.0), ("z", "Y", 1.0)])
    inputs = {**BOTH, "only_keys_of": "pilot"}
    assert look(KIND, duck, inputs, steps={"pilot": {"keys": ["a"]}}).problem is None
    seen = look(KIND, duck, inputs, steps={"pilot": {"keys": ["a", "z"]}})
    assert (seen.metrics["duplicate_target_keys"], seen.metrics["target_rows"]) == (1, 3)
    assert seen.metrics["cohort_keys"] == 2


def test_a_cohort_that_is_empty_missing_or_unsendable_never_passes() -> None:
    duck = tables([("a", "A", 1.0)], [("a", "A", 1.0)])
    inputs = {**BOTH, "only_keys_of": "pilot"}
    empty = look(KIND, duck, inputs, steps={"pilot": {"keys": []}})
    assert empty.problem == "pilot lists no keys"
    with pytest.raises(KindMisused, match="pilot"):
        look(KIND, duck, inputs)
    with pytest.raises(KindMisused, match="line break"):
        look(KIND, duck, inputs, steps={"pilot": {"keys": ["a\nb"]}})


@any_form
def test_a_missing_table_or_column_is_an_error(form: str) -> None:
    duck = tables([("a", "A", 1.0)], [("a", "A", 1.0)])
    for wrong in ({"target": "nowhere"}, {"columns": ["nothing"]}):
        with pytest.raises(QueryFailed):
            compare(duck, form, **wrong)


def test_the_sample_is_cut_at_twenty_and_shows_every_kind() -> None:
    source = [(f"m{i:02}", "A", 1.0) for i in range(40)] + [
        (f"x{i:02}", "A", 1.0) for i in range(40)
    ]
    target = [(f"e{i:02}", "A", 1.0) for i in range(40)] + [
        (f"x{i:02}", "B", 1.0) for i in range(40)
    ]
    duck = tables(source, target)
    seen = compare(duck)
    assert len(seen.sample) == 20
    assert Counter(str(row["finding"]) for row in seen.sample) == {
        "missing": 7,
        "mismatched": 7,
        "extra": 6,
    }
    assert seen.sample == compare(duck, "hashed").sample


def test_every_statement_sent_is_in_the_evidence() -> None:
    duck = tables([("a", "A", 1.0)], [("a", "B", 1.0)])
    seen = compare(duck, "hashed")
    assert seen.query.split(";\n\n") == [sql for sql, _ in duck.asked]
    assert seen.detail["statements"] == 2


class Moving(Duck):
    """A pair of tables that changes between two statements of one comparison."""

    def __init__(self, *statements: str, after: Callable[[Duck], None]) -> None:
        super().__init__(*statements)
        self.after: Callable[[Duck], None] | None = after

    def query(self, sql: str, *arguments: Any, **options: Any) -> Any:
        table = super().query(sql, *arguments, **options)
        if self.after is not None:
            self.after(self)
            self.after = None
        return table


def test_rows_that_arrive_while_comparing_do_not_make_a_wrong_sum() -> None:
    def arrive(duck: Duck) -> None:
        duck.connection.execute("INSERT INTO tgt VALUES ('b', 'B', 2.0)")

    duck = Moving(
        "CREATE TABLE src AS SELECT 'a' AS id, 'A' AS name, 1.0::DOUBLE AS score UNION ALL SELECT 'b', 'B', 2.0",
        "CREATE TABLE tgt AS SELECT 'a' AS id, 'A' AS name, 1.0::DOUBLE AS score",
        after=arrive,
    )
    seen = compare(duck, "hashed")
    assert (seen.metrics["target_rows"], seen.metrics["matched"], seen.metrics["missing"]) == (
        2,
        2,
        0,
    )
    assert seen.problem is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"source": None}, "give either `source` or `source_sql`"),
        ({"target_sql": "SELECT 1"}, "give either `target` or `target_sql`"),
        ({"source": None, "source_sql": "DROP TABLE x"}, "only reading"),
        ({"where": {"source": "1 = 1; DROP TABLE x"}}, "not a condition"),
        ({"where": {"both": "1 = 1"}}, "Extra inputs"),
        ({"columns": []}, "at least 1 item"),
        ({"columns": ["name", "name"]}, "named twice"),
        ({"tolerance": {"nam": 1}}, "`tolerance` names 'nam'"),
        ({"tolerance": {"score": -1}}, "greater than or equal to 0"),
        ({"blank_is_null": ["nam"]}, "`blank_is_null` names 'nam'"),
        ({"types": {"nam": "int"}}, "`types` names 'nam'"),
        ({"types": {"name": "no type"}}, "no Databricks type"),
        ({"key": ["a", "b"], "only_keys_of": "pilot"}, "a key of one column"),
    ],
)
def test_what_cannot_be_asked_is_refused_when_the_plan_is_read(
    changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValidationError, match=said):
        KIND.Inputs.model_validate({**BOTH, **changes})


def test_the_metrics_of_every_column_are_known_by_name() -> None:
    known = KIND.metrics or {}
    assert "match_rate_anything" in known
    assert "mismatched_anything" in known
    assert "missing" in known
    assert "mising" not in known


KEYS = st.sampled_from(["a", "b", "c", "d", "it's", ""])
NAMES = st.sampled_from(["x", "y", " ", "", None])
SCORES = st.sampled_from([0.0, 1.0, 1.25, None, math.nan])
ROW = st.tuples(KEYS, NAMES, SCORES)
UNIQUE = st.lists(ROW, max_size=6, unique_by=lambda row: row[0])
ANY = st.lists(st.tuples(KEYS | st.none(), NAMES, SCORES), max_size=6)


def plainly(source: Rows, target: Rows) -> dict[str, Any]:
    """The same counts by loops; for keys that can be paired."""
    here, there = {r[0]: r for r in source}, {r[0]: r for r in target}
    both = here.keys() & there.keys()

    def differs(key: str, place: int) -> bool:
        one, other = here[key][place], there[key][place]
        if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
            return not math.isnan(other)
        return bool(one != other)

    return {
        "matched": len(both),
        "missing": len(here.keys() - there.keys()),
        "extra": len(there.keys() - here.keys()),
        "mismatched_name": sum(differs(k, 1) for k in both),
        "mismatched_score": sum(differs(k, 2) for k in both),
        "mismatched_rows": sum(differs(k, 1) or differs(k, 2) for k in both),
    }


def repeated(rows: Rows) -> int:
    counts = Counter(row[0] for row in rows if row[0] is not None)
    return sum(n > 1 for n in counts.values())


@settings(max_examples=20, deadline=None)
@given(source=UNIQUE | ANY, target=UNIQUE | ANY)
def test_small_tables_compare_as_loops_over_dictionaries_would(source: Rows, target: Rows) -> None:
    duck = tables(source, target)
    for form in ("whole", "hashed"):
        seen = compare(duck, form)
        keys = {
            "source_rows": len(source),
            "target_rows": len(target),
            "duplicate_source_keys": repeated(source),
            "duplicate_target_keys": repeated(target),
            "null_source_keys": sum(r[0] is None for r in source),
            "null_target_keys": sum(r[0] is None for r in target),
        }
        assert {name: seen.metrics[name] for name in keys} == keys, form
        pairable = not any(n for name, n in keys.items() if not name.endswith("_rows"))
        expected = plainly(source, target) if pairable else dict.fromkeys(plainly([], []))
        assert {name: seen.metrics[name] for name in expected} == expected, form
        answerable = pairable and bool(expected["matched"])
        assert (seen.problem is None) is answerable, form
