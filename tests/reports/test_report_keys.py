"""Keys of records do not leave the store by way of a report."""

from __future__ import annotations

import pytest

from rollout.reports.keys import hashed, key_columns, masked


@pytest.mark.parametrize(
    "column",
    ["id", "Id", "rds_property_id", "Snappt_Property_ID__c", "sfdc_id", "UUID", "record_keys",
     "contactEmail", "OwnerId"],
)  # fmt: skip
def test_a_column_named_like_an_id_is_hashed(column: str) -> None:
    assert masked({column: "abc"}, ()) == {column: hashed("abc")}


@pytest.mark.parametrize("column", ["idv_enabled", "valid", "company", "keyboard", "paid", "n"])
def test_other_columns_stay_readable(column: str) -> None:
    assert masked({column: "abc"}, ()) == {column: "abc"}


def test_a_declared_key_is_hashed_whatever_its_name_and_type() -> None:
    assert masked({"number": 7, "n": 7}, {"number"}) == {"number": hashed(7), "n": 7}


def test_an_address_is_hashed_in_any_column() -> None:
    assert masked({"who": "a.b@example.test"}, ())["who"] == hashed("a.b@example.test")


def test_absence_and_flags_stay_visible() -> None:
    assert masked({"id": None, "key": True}, {"key"}) == {"id": None, "key": True}


def test_a_number_in_an_id_column_is_no_key_unless_declared() -> None:
    assert masked({"run_id": 990017}, ()) == {"run_id": 990017}


def test_key_inputs_come_in_three_shapes() -> None:
    assert key_columns({"key": "a"}) == {"a"}
    assert key_columns({"key": ["a", "b"]}) == {"a", "b"}
    assert key_columns({"key": {"a": "b"}}) == {"a", "b"}
    assert key_columns({}) == key_columns({"key": 3}) == set()


def test_equal_keys_have_equal_digests_and_half_pairs_do_not_break_it() -> None:
    assert hashed("a") == hashed("a") != hashed("b")
    assert len(hashed("\ud800")) == 12


def test_a_long_text_is_looked_through_in_linear_time() -> None:
    for long in ("<&>" * 200_000, "a" * 500_000 + "@", "@a" * 200_000, "a@" + "b" * 500_000):
        assert masked({"note": long}, set())["note"] == long
    assert masked({"note": "x" * 500_000 + " ann@example.test"}, set())["note"] != ""
    assert len(str(masked({"note": "ann@example.test"}, set())["note"])) == 12
