from __future__ import annotations

from typing import Any

import pytest
from fakes_services import FakeFacts, context, finding, judged, look, verdict
from pydantic import ValidationError

from rollout.checks.findings import Findings
from rollout.domain.evidence import Verdict
from rollout.kinds import CheckContext, OpenFinding

FINDINGS = Findings()


def with_findings(*raised: OpenFinding) -> CheckContext:
    return context(facts=FakeFacts(raised=list(raised)))


def test_a_log_without_grave_open_findings_passes() -> None:
    where = with_findings(
        finding("a", state="resolved"),
        finding("b", state="waived"),
        finding("c", severity="P2"),
    )
    assert verdict(FINDINGS, {}, where) is Verdict.PASS
    assert verdict(FINDINGS, {}, with_findings()) is Verdict.PASS


def test_an_open_grave_finding_fails_and_is_shown_gravest_first() -> None:
    seen = look(FINDINGS, {}, with_findings(finding("a"), finding("b", severity="P0")))
    assert judged(FINDINGS, seen).verdict is Verdict.FAIL
    assert [row["finding"] for row in seen.sample] == ["b", "a"]
    assert seen.detail["by_severity"] == {"P1": 1, "P0": 1}


def test_a_state_nobody_knows_is_open() -> None:
    assert verdict(FINDINGS, {}, with_findings(finding(state="in_review"))) is Verdict.FAIL


def test_a_finding_of_this_very_check_does_not_keep_itself_open() -> None:
    assert verdict(FINDINGS, {}, with_findings(finding(check="the_check"))) is Verdict.PASS


def test_severities_and_phase_narrow_the_question() -> None:
    where = with_findings(finding("a", severity="P2", phase="pilot"))
    assert verdict(FINDINGS, {"severities": ["P2"]}, where) is Verdict.FAIL
    assert verdict(FINDINGS, {"severities": ["P2"], "phase": "pilot"}, where) is Verdict.FAIL
    assert verdict(FINDINGS, {"severities": ["P2"], "phase": "close"}, where) is Verdict.PASS


def test_at_most_twenty_findings_are_kept_as_evidence() -> None:
    seen = look(FINDINGS, {}, with_findings(*[finding(f"f{n}") for n in range(30)]))
    assert (seen.metrics["open"], len(seen.sample)) == (30, 20)


@pytest.mark.parametrize("inputs", [{"severities": []}, {"severities": ["P9"]}])
def test_no_severity_or_an_unknown_one_is_refused(inputs: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Findings.Inputs.model_validate(inputs)
