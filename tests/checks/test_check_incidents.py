from __future__ import annotations

import math
from typing import Any

import pytest
from fakes_services import NOW, FakeFacts, ago, context, finding, judged, look, verdict
from pydantic import ValidationError

from rollout.checks.incidents import Incidents
from rollout.domain.errors import KindMisused
from rollout.domain.evidence import Scalar, Verdict
from rollout.kinds import CheckContext, OpenFinding, PastMeasure

INCIDENTS = Incidents()
ASK: dict[str, Any] = {"since": "48h", "watched_by": ["errors", "health"]}


def looked(minutes: float, value: Scalar = 1) -> PastMeasure:
    return PastMeasure(at=ago(minutes), observed={"n": value})


def watched(*raised: OpenFinding, **measured: list[PastMeasure]) -> CheckContext:
    seen = {"errors": [looked(600), looked(5)], "health": [looked(30)], **measured}
    return context(facts=FakeFacts(raised=list(raised), measured=seen))


def test_a_watched_quiet_period_passes() -> None:
    seen = look(INCIDENTS, ASK, watched(finding(severity="P2")))
    assert judged(INCIDENTS, seen).verdict is Verdict.PASS
    names = ("incidents", "p0", "p1", "looks", "last_look_age_s")
    assert [seen.metrics[name] for name in names] == [0, 0, 0, 1, 1800]


@pytest.mark.parametrize("state", ["open", "resolved", "waived"])
@pytest.mark.parametrize("severity", ["P0", "P1"])
def test_an_incident_counts_in_whatever_state(severity: str, state: str) -> None:
    seen = look(INCIDENTS, ASK, watched(finding(severity=severity, state=state)))
    assert judged(INCIDENTS, seen).verdict is Verdict.FAIL
    assert seen.metrics[severity.lower()] == 1


def test_a_period_nobody_watched_is_inconclusive() -> None:
    said = judged(INCIDENTS, look(INCIDENTS, ASK, watched(health=[])))
    assert said.verdict is Verdict.INCONCLUSIVE
    assert said.reason == "nobody looked since then: health"


def test_looks_before_the_period_or_without_a_value_do_not_count() -> None:
    long_ago = [looked(49 * 60)]
    assert verdict(INCIDENTS, ASK, watched(health=long_ago)) is Verdict.INCONCLUSIVE
    assert verdict(INCIDENTS, ASK, watched(health=[looked(5, None)])) is Verdict.INCONCLUSIVE
    nothing = [PastMeasure(at=ago(5), observed={})]
    assert verdict(INCIDENTS, ASK, watched(health=nothing)) is Verdict.INCONCLUSIVE
    assert verdict(INCIDENTS, ASK, watched(health=[looked(5, math.nan)])) is Verdict.INCONCLUSIVE


def test_an_incident_before_the_period_does_not_count_but_an_undated_one_does() -> None:
    assert verdict(INCIDENTS, ASK, watched(finding(raised_at=ago(49 * 60)))) is Verdict.PASS
    assert verdict(INCIDENTS, ASK, watched(finding(raised_at=None))) is Verdict.FAIL


def test_findings_of_this_check_and_ignored_ones_are_no_incidents() -> None:
    where = watched(finding("a", check="the_check"), finding("b", check="told"))
    assert verdict(INCIDENTS, ASK, where) is Verdict.FAIL
    assert verdict(INCIDENTS, {**ASK, "ignoring": ["told"]}, where) is Verdict.PASS


def test_a_period_that_has_not_begun_is_misuse() -> None:
    with pytest.raises(KindMisused):
        look(INCIDENTS, {**ASK, "since": NOW.replace(year=2027)}, watched())


def test_somebody_must_watch() -> None:
    with pytest.raises(ValidationError):
        Incidents.Inputs.model_validate({**ASK, "watched_by": []})
