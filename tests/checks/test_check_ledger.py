from __future__ import annotations

import math
from typing import Any

import pytest
from fakes_services import (
    FakeConnections,
    FakeRecordStore,
    FakeWarehouse,
    context,
    judged,
    look,
    table,
    verdict,
)
from pydantic import ValidationError

from rollout.checks.ledger import Ledger
from rollout.domain.errors import KindMisused, ServiceError
from rollout.domain.evidence import Verdict
from rollout.ports import Table

AFTER = "SELECT COUNT() FROM Product_Property__c"
LEDGER = Ledger()


def rows(**changes: Any) -> dict[str, Any]:
    return {"terms": {"before": 17_875, "created": 574, "deleted": 0, "after": 18_449, **changes}}


def run(**changes: Any) -> dict[str, Any]:
    terms = {"processed": 690, "accepted": 685, "created": 574, "failed": 5, "invalid": 0}
    return {"terms": {**terms, **changes}}


def test_balanced_rows_pass() -> None:
    assert verdict(LEDGER, rows(), context()) is Verdict.PASS


def test_the_273_rows_of_day_three_fail_and_are_named() -> None:
    seen = look(LEDGER, rows(after=18_722), context())
    said = judged(LEDGER, seen)
    assert said.verdict is Verdict.FAIL
    assert seen.metrics["unexplained"] == 273
    assert "17875 + 574 - 0 should give 18722: 273 unexplained" in seen.detail["rows"]


def test_a_missing_row_fails_like_a_surplus_one() -> None:
    assert verdict(LEDGER, rows(after=18_448), context()) is Verdict.FAIL


def test_an_upsert_derives_updated_from_accepted() -> None:
    seen = look(LEDGER, run(), context())
    assert (seen.metrics["updated"], seen.metrics["unaccounted"]) == (111, 0)
    assert judged(LEDGER, seen).verdict is Verdict.PASS


def test_created_and_updated_given_apart_balance_too() -> None:
    terms = {"processed": 690, "created": 574, "updated": 111, "failed": 5, "invalid": 0}
    assert verdict(LEDGER, {"terms": terms}, context()) is Verdict.PASS


def test_accepted_alone_balances_the_run() -> None:
    terms = {"processed": 690, "accepted": 685, "failed": 4, "invalid": 0}
    seen = look(LEDGER, {"terms": terms}, context())
    assert seen.metrics["unaccounted"] == 1
    assert judged(LEDGER, seen).verdict is Verdict.FAIL


def test_more_rows_created_than_the_run_had_accepted_fails() -> None:
    seen = look(LEDGER, run(created=847), context())
    assert (seen.metrics["updated"], seen.metrics["unaccounted"]) == (0, -162)
    assert judged(LEDGER, seen).verdict is Verdict.FAIL


def test_both_equations_add_up_to_one_imbalance() -> None:
    terms = {**run(failed=6)["terms"], "before": 17_875, "deleted": 0, "after": 18_722}
    seen = look(LEDGER, {"terms": terms}, context())
    assert seen.metrics["unexplained"] == 273
    assert seen.metrics["unaccounted"] == -1
    assert seen.metrics["imbalance"] == 274


def test_a_term_is_asked_in_soql_and_in_sql() -> None:
    connections = FakeConnections(
        salesforce=FakeRecordStore({AFTER: table((18_449,))}),
        databricks=FakeWarehouse({"SELECT COUNT(*) FROM snap": table((17_875.0,))}),
    )
    asked = rows(
        after={"soql": AFTER, "on": "salesforce"},
        before={"sql": "SELECT COUNT(*) FROM snap", "on": "warehouse"},
    )
    seen = look(LEDGER, asked, context(connections))
    assert judged(LEDGER, seen).verdict is Verdict.PASS
    assert seen.source == "salesforce, warehouse"
    assert AFTER in seen.query


@pytest.mark.parametrize("unknown", [None, math.nan, math.inf])
def test_an_unknown_term_is_inconclusive(unknown: float | None) -> None:
    seen = look(LEDGER, rows(created=unknown), context())
    said = judged(LEDGER, seen)
    assert said.verdict is Verdict.INCONCLUSIVE
    assert "created: not known" in said.reason
    assert seen.metrics["created"] is None


@pytest.mark.parametrize(
    "answer",
    [
        Table(["count"], []),
        table((1,), (2,)),
        table((1, 2), columns=("a", "b")),
        table((None,)),
        table(("18449",)),
        table((True,)),
        table((math.nan,)),
    ],
)
def test_a_query_without_one_number_is_inconclusive(answer: Table) -> None:
    connections = FakeConnections(salesforce=FakeRecordStore({AFTER: answer}))
    asked = rows(after={"soql": AFTER, "on": "salesforce"})
    assert verdict(LEDGER, asked, context(connections)) is Verdict.INCONCLUSIVE


def test_books_of_nothing_but_zeros_are_inconclusive() -> None:
    asked = rows(before=0, created=0, deleted=0, after=0)
    said = judged(LEDGER, look(LEDGER, asked, context()))
    assert said.verdict is Verdict.INCONCLUSIVE
    assert "nothing was counted" in said.reason


def test_a_negative_number_of_rows_is_inconclusive() -> None:
    assert verdict(LEDGER, rows(created=-1, after=17_874), context()) is Verdict.INCONCLUSIVE


def test_a_dead_service_is_an_error() -> None:
    connections = FakeConnections(salesforce=FakeRecordStore(down=True))
    with pytest.raises(ServiceError):
        look(LEDGER, rows(after={"soql": AFTER, "on": "salesforce"}), context(connections))


def test_a_reference_nobody_filled_is_misuse() -> None:
    with pytest.raises(KindMisused, match="not filled"):
        look(LEDGER, rows(created="${{ steps.create.accepted }}"), context())


def test_what_was_expected_stands_beside_the_books_without_deciding() -> None:
    seen = look(LEDGER, {**rows(), "expected_after": [18_450, 18_560]}, context())
    assert (seen.detail["expected_low"], seen.detail["expected_high"]) == (18_450, 18_560)
    assert judged(LEDGER, seen).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("terms", "why"),
    [
        ({"before": 1, "created": 1, "after": 2}, "make no equation"),
        ({"processed": 1, "failed": 0, "created": 1, "invalid": 0}, "make no equation"),
        ({"processed": 1, "failed": 0, "invalid": 0, "accepted": 1, "updated": 1}, "not both"),
        ({"before": True, "created": 1, "deleted": 0, "after": 2}, "not true or false"),
        ({"before": 1, "created": 1, "deleted": 0, "after": 2, "aftr": 2}, "aftr"),
        ({"before": {"on": "warehouse"}, "created": 1, "deleted": 0, "after": 2}, "either"),
        (
            {"before": {"sql": "DELETE FROM t", "on": "w"}, "created": 1, "deleted": 0, "after": 2},
            "reading is allowed",
        ),
        (
            {
                "before": {"sql": "WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x", "on": "w"},
                "created": 1,
                "deleted": 0,
                "after": 2,
            },
            "reading is allowed",
        ),
    ],
)
def test_terms_that_make_no_books_are_refused(terms: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Ledger.Inputs.model_validate({"terms": terms})
