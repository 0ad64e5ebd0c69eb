from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from fakes_services import FakeConnections, FakeFacts, FakeRecordStore, context, look, verdict

from rollout.checks import baseline
from rollout.checks.baseline import Baseline
from rollout.domain.errors import ServiceUnreachable
from rollout.domain.evidence import Scalar, Verdict
from rollout.domain.restoring import HIDDEN
from rollout.ports import Table

SYNC, TOOL, HUMAN = "005SYNC", "005TOOL", "005HUMAN"
COLUMNS = [*HIDDEN, "Key__c", "Name"]
BEFORE, SINCE = "2026-01-01T00:00:00Z", "2026-01-08T19:00:00Z"
INPUTS = {"steps": ["base_pilot", "base_full"], "target": "Thing__c", "users": [SYNC, TOOL]}

Row = tuple[Scalar, ...]


def row(record: str, name: str, *, by: str = SYNC, made_by: str = HUMAN) -> Row:
    made = BEFORE if made_by == HUMAN else SINCE
    return (record, made_by, made, by, SINCE, f"key {record}", name)


def document(**rows: str) -> dict[str, Any]:
    return {
        "object": "Thing__c",
        "key": "Key__c",
        "fields": ["Key__c", "Name"],
        "rows": {record: [f"key {record}", name] for record, name in rows.items()},
        "absent": [],
        "whole": True,
        "taken_at": "2026-01-08T18:00:00Z",
    }


@dataclass
class Documents(FakeFacts):
    """By step, in the order of the log."""

    documents: dict[str, Any] = field(default_factory=dict)

    def evidence_of_steps(self, steps: Any, *, after: str | None = None) -> Iterator[Any]:
        return (document for name, document in self.documents.items() if name in steps)


def where(*rows: Row, **documents: Any) -> Any:
    store = FakeRecordStore(otherwise=Table(COLUMNS, list(rows)))
    given = documents or {"base_pilot": document(a="one", b="two")}
    return context(FakeConnections(salesforce=store), Documents(documents=given))


def metrics(*rows: Row, **documents: Any) -> dict[str, Scalar]:
    return dict(look(Baseline(), INPUTS, where(*rows, **documents)).metrics)


def judged(*rows: Row, **documents: Any) -> Verdict:
    return verdict(Baseline(), INPUTS, where(*rows, **documents))


def test_a_target_as_it_was_passes() -> None:
    assert judged(row("a", "one"), row("b", "two")) is Verdict.PASS


@pytest.mark.parametrize("by", [SYNC, TOOL])
def test_a_row_that_differs_and_was_written_by_us_fails(by: str) -> None:
    seen = look(Baseline(), INPUTS, where(row("a", "synced", by=by), row("b", "two")))
    assert seen.metrics["differing"] == 1
    assert seen.sample == [{"Id": "a", "Name": "synced"}]
    assert judged(row("a", "synced", by=by), row("b", "two")) is Verdict.FAIL


def test_a_changed_key_is_a_difference_too() -> None:
    changed = ("a", HUMAN, BEFORE, SYNC, SINCE, "another key", "one")
    assert metrics(changed, row("b", "two"))["differing"] == 1


def test_a_row_that_others_changed_since_is_counted_and_forgiven() -> None:
    found = metrics(row("a", "mine", by=HUMAN), row("b", "two"))
    assert (found["differing"], found["changed_by_others"]) == (0, 1)
    assert judged(row("a", "mine", by=HUMAN), row("b", "two")) is Verdict.PASS


def test_a_row_that_is_gone_fails() -> None:
    assert metrics(row("a", "one"))["missing"] == 1
    assert judged(row("a", "one")) is Verdict.FAIL


def test_an_empty_target_fails() -> None:
    assert judged() is Verdict.FAIL


@pytest.mark.parametrize("made_by", [SYNC, TOOL])
def test_a_row_that_we_created_and_left_fails(made_by: str) -> None:
    rows = row("a", "one"), row("b", "two"), row("new", "x", made_by=made_by)
    assert metrics(*rows)["created_left"] == 1
    assert judged(*rows) is Verdict.FAIL


def test_a_row_that_somebody_else_created_is_theirs() -> None:
    rows = row("a", "one"), row("b", "two"), row("new", "x", by=HUMAN)
    assert judged(*rows) is Verdict.PASS


def test_two_rows_of_one_key_are_two_rows() -> None:
    rows = row("a", "one"), row("b", "two"), ("c", SYNC, SINCE, SYNC, SINCE, "key a", "one")
    assert metrics(*rows)["created_left"] == 1


def test_the_oldest_baseline_counts_and_of_it_the_oldest_attempt() -> None:
    found = metrics(
        row("a", "one"),
        base_pilot=document(a="one"),
        base_full=document(a="already synced"),
    )
    assert found["differing"] == 0


def test_a_baseline_of_a_phase_that_was_never_reached_is_passed_over() -> None:
    assert metrics(row("a", "x"), base_full=document(a="x"))["rows"] == 1


@pytest.mark.parametrize(
    "documents",
    [
        {"other": document(a="one")},
        {"base_pilot": document()},
        {"base_pilot": document(a="one") | {"whole": False}},
    ],
    ids=["none", "empty", "of some keys"],
)
def test_without_a_baseline_of_the_whole_target_nothing_is_proven(documents: Any) -> None:
    seen = look(Baseline(), INPUTS, where(row("a", "one"), **documents))
    assert seen.problem is not None
    assert "nothing to compare" in seen.problem
    assert judged(row("a", "one"), **documents) is Verdict.INCONCLUSIVE


def test_part_of_a_target_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baseline, "MOST_ROWS", 2)
    rows = row("a", "one"), row("b", "two"), row("new", "x")
    seen = look(Baseline(), INPUTS, where(*rows))
    assert seen.problem == "Thing__c has over 2 rows"
    assert judged(*rows) is Verdict.INCONCLUSIVE


def test_a_target_that_does_not_answer_is_an_error_for_the_engine() -> None:
    asked = where(row("a", "one"))
    asked.connections.salesforce.down = True
    with pytest.raises(ServiceUnreachable):
        look(Baseline(), INPUTS, asked)


def test_no_more_than_twenty_rows_are_shown() -> None:
    names = [f"r{n:02}" for n in range(50)]
    seen = look(
        Baseline(),
        INPUTS,
        where(
            *(row(n, "synced") for n in names), base_pilot=document(**dict.fromkeys(names, "was"))
        ),
    )
    assert (len(seen.sample), seen.metrics["differing"]) == (20, 50)


@pytest.mark.parametrize("changes", [{"steps": []}, {"users": []}, {"user": SYNC}])
def test_inputs_without_a_baseline_or_a_user_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Baseline.Inputs.model_validate({**INPUTS, **changes})
