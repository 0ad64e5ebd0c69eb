"""Pictures of a report: what is drawn, what is thinned, and that the drawing says what the data says."""

from __future__ import annotations

import math
import re
from datetime import timedelta
from typing import Any

import pytest
from builders import START, Story, make_check, make_plan, make_run, observed
from hypothesis import given
from hypothesis import strategies as st
from page_parts import page_of

from rollout.domain import events as e
from rollout.domain.errors import LogDamaged
from rollout.domain.evidence import Decision, Verdict
from rollout.domain.plan import GateSpec, Plan
from rollout.reports.drawing import drawn
from rollout.reports.gate_report import gate_report
from rollout.reports.page import gate_page
from rollout.reports.picture_words import picture_words
from rollout.reports.pictures import MOST_POINTS, thinned
from rollout.reports.scales import Scale, ticks
from rollout.reports.series import seen_in_events, seen_in_store

PLACE: dict[str, Any] = {
    "phase": "pilot",
    "attempt": 1,
    "moment": "soak",
    "gate": "watch",
    "round": 1,
}


def watching_plan(*checks: Any) -> Plan:
    plan = make_plan()
    gate = GateSpec(gate="watch", title="Watched", checks=list(checks))
    return plan.model_copy(update={"gates": {**plan.gates, "watch": gate}})


def watched(plan: Plan, values: list[dict[str, Any]], check: str = "errors") -> Story:
    """One sample an hour of one check, then the gate is decided."""
    story = Story(plan=plan).begin().stage("pilot", "open_entry", "pending", "running")
    story.add(e.GateOpened(**PLACE, checks=[check]))
    for metrics in values:
        story.wait(hours=1).measure(PLACE, check, Verdict.PASS, observed(**metrics))
    story.add(e.CheckConcluded(**PLACE, check=check, verdict=Verdict.PASS, reason="fine"))
    return story.decide(PLACE, {check: Verdict.PASS}, Decision.GO)


def report_of(story: Story, position: int = -1) -> dict[str, Any]:
    state = story.state()
    seen = seen_in_events(story.events())
    return gate_report(state, story.plan, story.evidence, state.gates[position], seen=seen)


def pictures(story: Story, position: int = -1) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = report_of(story, position)["checks"][0]["pictures"]
    return found


ERRORS = watching_plan(make_check("errors", go={"rows": "= 0"}))


def test_a_figure_that_moved_is_drawn_with_its_threshold() -> None:
    [picture] = pictures(watched(ERRORS, [{"rows": n} for n in (0, 4, 2)]))
    assert (picture["kind"], picture["metric"], picture["taken"]) == ("trend", "rows", 3)
    assert [value for _, value in picture["points"]] == [0.0, 4.0, 2.0]
    assert picture["limits"] == [{"at": [0.0], "in_words": "exactly 0"}]
    assert picture_words(picture, "UTC") == (
        "Rows over 3 samples in 2h, from 0 to 4, at last 2; required exactly 0."
    )


def test_a_figure_that_never_moved_is_a_sentence() -> None:
    [picture] = pictures(watched(ERRORS, [{"rows": 0}] * 48))
    assert picture["kind"] == "steady"
    assert drawn(picture, "UTC", "title") == ""
    assert picture_words(picture, "UTC") == (
        "Rows was 0 in all 48 samples since Mon 5 Jan 2026, 17:00 UTC."
    )


def test_two_samples_are_no_line() -> None:
    assert pictures(watched(ERRORS, [{"rows": 0}, {"rows": 1}])) == []


def test_what_is_no_number_is_no_point() -> None:
    values: list[dict[str, Any]] = [
        {"rows": 1},
        {"rows": None},
        {"rows": True},
        {"rows": "text"},
        {"rows": 2},
    ]
    assert pictures(watched(ERRORS, values)) == []
    [picture] = pictures(watched(ERRORS, [*values, {"rows": 5}]))
    assert [value for _, value in picture["points"]] == [1.0, 2.0, 5.0]


def test_what_came_after_the_decision_is_not_in_the_picture() -> None:
    story = watched(ERRORS, [{"rows": n} for n in (0, 4, 2)])
    before = pictures(story)
    again = {**PLACE, "round": 2}
    story.add(e.GateOpened(**again, checks=["errors"]))
    story.wait(hours=9).measure(again, "errors", Verdict.FAIL, observed(rows=99))
    assert pictures(story, 0) == before
    assert pictures(story, 1)[0]["taken"] == 4


def test_the_same_question_asked_by_another_check_belongs_to_the_line() -> None:
    asked = {"inputs": {"relation": "r"}, "go": {"rows": "= 0"}}
    plan = watching_plan(
        make_check("errors", **asked),
        make_check("errors_before", **asked),
        make_check("else", inputs={"relation": "other"}, go={"rows": "= 0"}),
    )
    story = Story(plan=plan).begin().stage("pilot", "open_entry", "pending", "running")
    story.add(e.GateOpened(**PLACE, checks=["errors", "errors_before", "else"]))
    for check, rows in (("errors_before", 7), ("else", 5), ("errors", 1), ("errors", 0)):
        story.wait(hours=1).measure(PLACE, check, Verdict.PASS, observed(rows=rows))
    [picture] = pictures(story)
    assert [value for _, value in picture["points"]] == [7.0, 1.0, 0.0]


def test_shares_by_column_stand_before_and_after() -> None:
    plan = watching_plan(
        make_check("flags", kind="compare", go={"match_rate": "> 99 %", "match_rate_idv": "> 98 %"})
    )
    before = {"match_rate": 0.9, "match_rate_idv": 0.881, "match_rate_payroll": 0.95}
    after = {"match_rate": 1.0, "match_rate_idv": 0.999, "match_rate_payroll": 1.0}
    [picture] = pictures(watched(plan, [before, after], "flags"))
    assert picture["kind"] == "columns"
    # the sample's document holds one ruling, over its first metric, as the builder stores it
    assert [(c["in_words"], c["before"], c["after"]) for c in picture["columns"]] == [
        ("idv", 0.881, 0.999),
        ("payroll", 0.95, 1.0),
    ]
    svg = page_of(str(drawn(picture, "UTC", "t")))
    assert "88.1 % → 99.9 %" in svg.words


def test_perfect_shares_without_a_before_need_no_picture() -> None:
    plan = watching_plan(make_check("flags", kind="compare", go={"match_rate": "> 99 %"}))
    now = {"match_rate": 1.0, "match_rate_idv": 1.0, "match_rate_payroll": 1.0}
    assert pictures(watched(plan, [now], "flags")) == []
    worse = {**now, "match_rate_idv": 0.4}
    assert [p["kind"] for p in pictures(watched(plan, [worse], "flags"))] == ["columns"]


def running_story() -> Story:
    plan = watching_plan(
        make_check(
            "run", kind="census_run", go={"status": "= completed"}, inputs={"sync": "sync_a"}
        )
    )
    story = Story(plan=plan).begin().stage("pilot", "open_entry", "pending", "running")
    story.add(make_run(ours=False, run_id=1, processed=9))
    for processed in (None, 0, 20, 50):
        story.wait(minutes=5).add(make_run(processed=processed, failed=0))
    return story.gate("pilot", "soak", "watch", {"run": Verdict.PASS}, Decision.GO)


def test_our_run_is_drawn_from_its_counters() -> None:
    [picture] = pictures(running_story())
    assert (picture["kind"], picture["run_id"], picture["source_rows"]) == ("run", 7, 50)
    assert [value for _, value in picture["points"]] == [0.0, 20.0, 50.0]
    assert picture_words(picture, "UTC").startswith(
        "Run 7 of sync_a: 50 of 50 rows processed, 0 failed, in 10m"
    )


def test_a_check_the_plan_does_not_know_has_no_picture() -> None:
    story = Story().begin().stage("pilot", "open_entry", "pending", "running")
    found = {"soak_coverage": Verdict.PASS}
    story.gate("pilot", "soak", "soak_coverage", found, Decision.GO)
    assert pictures(story) == []


def test_stored_payloads_and_events_give_the_same_pictures() -> None:
    story = running_story()
    rows = [
        (event.seq, event.at.isoformat().replace("+00:00", "Z"), e.encode_payload(event.payload))
        for event in story.events()
        if e.kind_of(event.payload) in {"measured", "run_observed"}
    ]
    state = story.state()
    stored = gate_report(
        state, story.plan, story.evidence, state.gates[-1], seen=seen_in_store(rows)
    )
    assert stored == report_of(story)


@pytest.mark.parametrize("payload", [b"{", b'{"kind": 1}', b"[]", b"\xff", "text"])
def test_a_damaged_payload_is_damage(payload: Any) -> None:
    with pytest.raises(LogDamaged, match="#7 cannot be read"):
        seen_in_store([(7, "2026-01-05T16:00:00Z", payload)])


# thinning, scales, drawing ------------------------------------------------------

numbers = st.floats(-1e9, 1e9)


@given(st.lists(numbers, min_size=1, max_size=800))
def test_a_thinned_line_keeps_its_ends_and_its_extremes(values: list[float]) -> None:
    points = [(str(n), value) for n, value in enumerate(values)]
    kept = thinned(points)
    assert len(kept) <= MOST_POINTS
    assert (kept[0], kept[-1]) == (points[0], points[-1])
    assert {min(values), max(values)} <= {value for _, value in kept}
    assert kept == sorted(kept, key=lambda point: int(point[0]))


@given(numbers, numbers)
def test_ticks_lie_inside_and_are_few(low: float, high: float) -> None:
    found = ticks(min(low, high), max(low, high))
    assert len(found) <= 6
    assert all(math.isfinite(tick) for tick in found)
    if high != low:
        slack = abs(high - low) * 1e-9
        assert all(min(low, high) - slack <= tick <= max(low, high) + slack for tick in found)


@given(numbers, numbers, numbers)
def test_a_scale_is_linear_and_never_leaves_its_span(low: float, high: float, value: float) -> None:
    low, value, high = sorted((low, value, high))
    assert 10 <= Scale(low, high, 10, 100)(value) <= 100


@given(
    st.lists(st.one_of(st.integers(0, 10**9), st.floats(0, 1)), min_size=3, max_size=60),
    st.sampled_from(
        ["= 0", ">= 99 %", "between 3 and 5", "<= 2h", "within 5 % of 7820", "is true"]
    ),
)
def test_any_series_can_be_drawn_inside_its_frame(values: list[float], condition: str) -> None:
    plan = watching_plan(make_check("errors", go={"rows": condition}))
    story = watched(plan, [{"rows": value} for value in values])
    report = report_of(story)
    ruling = {**report["checks"][0]["rulings"][0], "condition": condition}
    for picture in report["checks"][0]["pictures"]:
        if picture["kind"] == "steady":
            continue
        svg = str(drawn({**picture, "condition": ruling["condition"]}, "UTC", "t"))
        assert page_of(svg).names.count("svg") == 1
        places = [float(n) for n in re.findall(r' [cxy][xy]?[12]?="(-?[0-9.]+)"', svg)]
        assert all(0 <= place <= 400 for place in places), svg
        assert not re.search("nan|inf|e[+-]", "".join(re.findall(r'd="([^"]*)"', svg)))


def test_foreign_words_stay_words_in_a_drawing() -> None:
    evil = '"><script>alert(1)</script>&\x1b</svg>'
    [picture] = pictures(watched(ERRORS, [{"rows": n} for n in (0, 4, 2)]))
    benign = page_of(str(drawn(picture, "UTC", "title"))).tags
    limits = [{"at": [0.0], "in_words": evil}]
    assert page_of(str(drawn({**picture, "limits": limits}, "UTC", evil))).tags == benign
    run = pictures(running_story())[0]
    tags = page_of(str(drawn(run, "UTC", "title"))).tags
    assert page_of(str(drawn({**run, "sync": evil}, "UTC", evil))).tags == tags


def test_a_drawing_has_a_title_and_neither_style_nor_script() -> None:
    page = page_of(gate_page(report_of(watched(ERRORS, [{"rows": n} for n in (0, 4, 2)]))))
    svg = next(dict(attrs) for tag, attrs in page.tags if tag == "svg")
    assert svg["role"] == "img"
    assert page.names.count("svg") == page.names.count("title") - 1 == 1
    assert not {"style", "script"} & set(page.names[page.names.index("svg") :])


def test_a_long_watch_gives_a_short_page() -> None:
    values: list[dict[str, Any]] = [{"rows": n % 7} for n in range(2880)]
    story = Story(plan=ERRORS).begin().stage("pilot", "open_entry", "pending", "running")
    story.add(e.GateOpened(**PLACE, checks=["errors"]))
    digest = story.evidence.put({"judgement": {"verdict": "pass", "reason": "r", "rulings": [
        {"metric": "rows", "observed": 1, "condition": "= 0", "met": True}]}})  # fmt: skip
    samples = [
        e.Measured(
            **PLACE, check="errors", verdict=Verdict.PASS, reason="r", observed=v, evidence=digest
        )
        for v in values
    ]
    story.now = START + timedelta(hours=48)
    story.add(*samples)
    report = report_of(story)
    assert report["checks"][0]["pictures"][0]["taken"] == 2880
    assert len(gate_page(report).encode()) < 40_000
