"""Words that reports and screens share."""

from __future__ import annotations

import pytest

from rollout.domain.evidence import Ruling
from rollout.reports.wording import moment_in_words, required, sample_document


def ruling(metric: str, condition: str) -> Ruling:
    return Ruling(metric=metric, observed=1, condition=condition, met=True)


@pytest.mark.parametrize(
    ("moment", "said"),
    [
        ("entry", "before the phase"),
        ("exit", "after the steps"),
        ("step:run", "at step run"),
        ("after:4h", "4h into the watch"),
        ("every:30m#7", "in look 7 of every 30m"),
        ("soak", "at the end of the watch"),
        ("rollback", "after the way back"),
        ("someday", "at someday"),
    ],
)
def test_moments_have_words(moment: str, said: str) -> None:
    assert moment_in_words(moment) == said


def test_one_condition_stands_alone() -> None:
    assert required([ruling("rows", "= 0")], None, None) == "= 0"
    assert required([ruling("rows", ">= 5")], None, ">= 5") == "no-go at >= 5"


def test_several_conditions_name_their_metrics_and_what_leads_to_no_go() -> None:
    rulings = [ruling("rate", ">= 99 %"), ruling("lost", ">= 5"), ruling("gone", ">= 1")]
    said = required(rulings, {"rate": ">= 99 %"}, {"lost": ">= 5", "gone": ">= 1"})
    assert said == "rate >= 99 %; no-go at lost >= 5; no-go at gone >= 1"


def test_without_rulings_the_plan_speaks() -> None:
    assert required([], "= ${{ steps.a.size }}", {"lost": ">= 5"}) == (
        "= ${{ steps.a.size }}; no-go at lost >= 5"
    )
    assert required([], None, None) == ""


def test_rulings_that_do_not_fit_the_plan_are_still_shown() -> None:
    assert required([ruling("rows", "= 0")], None, {"a": "= 1", "b": "= 2"}) == "no-go at = 0"


def test_what_is_no_sample_is_none() -> None:
    assert sample_document({"rows": [1]}) is None
    assert sample_document([1]) is None
