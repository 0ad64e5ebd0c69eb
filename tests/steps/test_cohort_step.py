from __future__ import annotations

from typing import Any

import pytest
from fakes import column
from pydantic import ValidationError
from small_plans import Bench, gate, phase, plan, step

from rollout.domain.events import StepFailed
from rollout.ports import Table
from rollout.steps import cohort
from rollout.steps.cohort import CohortInputs

FLAGGED = "SELECT id FROM crm.queue WHERE NOT id IS NULL AND flag"
ALL = "SELECT id FROM crm.queue WHERE NOT id IS NULL"
COMPANIES = "SELECT id, company FROM crm.queue WHERE NOT id IS NULL"


def choosing(*strata: dict[str, Any], **answers: Table) -> Bench:
    inputs = {"from": "crm.queue", "key": "id", "seed": 7, "strata": list(strata)}
    bench = Bench(
        plan(
            phase("pilot", step("select_cohort", "chosen", **inputs), exit=["out"]),
            gates=[gate("out")],
        )
    )
    bench.warehouse.answers = {
        FLAGGED: column("id", "a", "b", "c", "d"),
        ALL: column("id", *"abcdefghij"),
        COMPANIES: Table(["id", "company"], [(k, f"co{n // 2}") for n, k in enumerate("abcdef")]),
        **answers,
    }
    return bench


def document(bench: Bench) -> dict[str, Any]:
    newest = [s for s in bench.state.steps.values() if s.outputs][-1]
    found: dict[str, Any] = bench.kept(newest.outputs["evidence"])
    return found


def test_strata_are_drawn_without_overlap_and_frozen_as_evidence() -> None:
    bench = choosing({"name": "flagged", "count": 2, "where": "flag"}, {"name": "any", "count": 3})
    bench.go()
    found = document(bench)
    assert len(found["keys"]) == len(set(found["keys"])) == 5
    flagged = {key for key, stratum in found["members"] if stratum == "flagged"}
    assert flagged <= set("abcd")
    outputs = bench.state.steps["pilot/1/chosen"].outputs
    assert (outputs["size"], outputs["sha256"]) == (5, found["sha256"])


def test_the_same_seed_draws_the_same_keys_whatever_the_order_of_the_rows() -> None:
    first = choosing({"name": "any", "count": 3})
    second = choosing({"name": "any", "count": 3})
    second.warehouse.answers[ALL] = column("id", *reversed("abcdefghij"))
    for bench in (first, second):
        bench.go()
    assert document(first)["keys"] == document(second)["keys"]


def test_a_second_attempt_draws_a_fresh_batch() -> None:
    bench = choosing({"name": "any", "count": 5})
    bench.scripted.answers = {"out_ok": [0, 1]}
    bench.go()
    first = document(bench)["keys"]
    bench.say("retry")
    bench.go()
    second = document(bench)
    assert not set(first) & set(second["keys"])
    assert set(second["used"]) == set(first) | set(second["keys"])


def test_a_third_attempt_without_fresh_keys_says_how_many_are_missing() -> None:
    bench = choosing({"name": "any", "count": 5})
    bench.scripted.answers = {"out_ok": 0}
    bench.go()
    for _ in range(2):
        bench.say("retry")
        bench.go()
    (failed,) = bench.payloads(StepFailed)
    assert "too few candidates" in failed.reason
    assert "any" in failed.reason


def test_all_of_a_stratum_are_the_same_again_in_a_second_attempt() -> None:
    bench = choosing({"name": "any", "count": "all"})
    bench.scripted.answers = {"out_ok": [0, 1]}
    bench.go()
    bench.say("retry")
    bench.go()
    assert document(bench)["keys"] == sorted("abcdefghij")


def test_distinct_draws_at_most_one_of_each_group() -> None:
    bench = choosing({"name": "companies", "count": 3, "distinct": "company"})
    bench.go()
    assert {"abcdef".index(k) // 2 for k in document(bench)["keys"]} == {0, 1, 2}


def test_too_few_candidates_fail_the_step() -> None:
    bench = choosing({"name": "flagged", "count": 5, "where": "flag"})
    bench.go()
    assert "too few candidates" in bench.payloads(StepFailed)[0].reason


def test_candidates_beyond_the_limit_are_refused_not_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cohort, "MOST_CANDIDATES", 10)
    bench = choosing({"name": "any", "count": 5})
    bench.go()
    assert "over 10 candidates" in bench.payloads(StepFailed)[0].reason


@pytest.mark.parametrize(
    "where", ["1; DROP TABLE x", "a = 1 ORDER BY a", "a = 1 LIMIT 3", "SELECT", "a = (", "x) OR (1"]
)
def test_a_stratum_is_one_condition(where: str) -> None:
    with pytest.raises(ValidationError, match="condition in Databricks SQL"):
        CohortInputs.model_validate(
            {
                "from": "q",
                "key": "id",
                "seed": 1,
                "strata": [{"name": "s", "count": 1, "where": where}],
            }
        )
