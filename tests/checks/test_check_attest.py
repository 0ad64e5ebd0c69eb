from __future__ import annotations

from typing import Any

import pytest
from fakes_services import FakeFacts, ago, context, judged, look, verdict
from pydantic import ValidationError

from rollout.checks.attest import Attest
from rollout.domain.evidence import Verdict
from rollout.kinds import CheckContext, Confirmation

ATTEST = Attest()
ASK: dict[str, Any] = {
    "statement": "The stakeholders were told",
    "roles": ["project_lead", "sales_ops"],
}


def answered(**changes: Any) -> CheckContext:
    made: dict[str, Any] = {
        "by": "lead",
        "role": "project_lead",
        "answer": True,
        "note": "mailed at nine",
        "at": ago(10),
    }
    return context(facts=FakeFacts(confirmed=Confirmation(**{**made, **changes})))


def test_a_yes_of_the_right_role_passes() -> None:
    seen = look(ATTEST, ASK, answered())
    assert judged(ATTEST, seen).verdict is Verdict.PASS
    assert seen.source == "lead (project_lead)"
    assert seen.as_of == ago(10)
    assert seen.detail["note"] == "mailed at nine"


def test_a_no_fails() -> None:
    assert verdict(ATTEST, ASK, answered(answer=False)) is Verdict.FAIL


def test_while_nobody_has_answered_it_waits_for_a_person() -> None:
    said = judged(ATTEST, look(ATTEST, ASK, context()))
    assert said.verdict is Verdict.INCONCLUSIVE
    assert said.reason.startswith("waiting for a person: project_lead or sales_ops")
    assert Attest.waits


@pytest.mark.parametrize("answer", [True, False])
def test_an_answer_of_another_role_is_no_answer(answer: bool) -> None:
    said = judged(ATTEST, look(ATTEST, ASK, answered(role="intern", answer=answer)))
    assert said.verdict is Verdict.INCONCLUSIVE
    assert "answered as intern" in said.reason


def test_a_yes_without_the_file_it_needs_is_no_answer() -> None:
    ask = {**ASK, "file_required": True}
    assert verdict(ATTEST, ask, answered()) is Verdict.INCONCLUSIVE
    assert verdict(ATTEST, ask, answered(file_sha256="ab" * 32)) is Verdict.PASS
    assert verdict(ATTEST, ask, answered(answer=False)) is Verdict.FAIL


@pytest.mark.parametrize("inputs", [{"roles": []}, {"statement": ""}, {"role": "x"}])
def test_a_question_for_nobody_is_refused(inputs: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Attest.Inputs.model_validate({**ASK, **inputs})
