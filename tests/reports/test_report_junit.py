"""JUnit XML of reports: what a pipeline reads is never better than the gate."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree

import pytest
from builders import FAIL, PASS, Found, Story, completed_story, held_story, observed
from hypothesis import given
from hypothesis import strategies as st
from junitparser import Error, Failure, JUnitXml, Skipped

from rollout.domain.evidence import Decision, Verdict
from rollout.reports.folder import report_files
from rollout.reports.gate_report import gate_report
from rollout.reports.junit import DECISION, gate_junit, junit_document

CHILDREN = {
    "testsuites": {"testsuite"},
    "testsuite": {"properties", "testcase"},
    "properties": {"property"},
    "property": set(),
    "testcase": {"failure", "error", "skipped", "system-out"},
    "failure": set(),
    "error": set(),
    "skipped": set(),
    "system-out": set(),
}
ATTRIBUTES = {
    "testsuites": {"name", "tests", "failures", "errors", "time"},
    "testsuite": {"name", "tests", "failures", "errors", "skipped", "time", "timestamp"},
    "property": {"name", "value"},
    "testcase": {"name", "classname", "time"},
    "failure": {"message", "type"},
    "error": {"message", "type"},
    "skipped": {"message", "type"},
}
"""What the schema of Jenkins' xunit plug-in (junit-10.xsd) lets stand where."""


def asked(found: dict[str, Found], decision: Decision | None) -> dict[str, Any]:
    story = Story().begin().stage("pilot", "open_entry", "pending", "entry_gate")
    return report_of(story.gate("pilot", "entry", "ready", found, decision))


def report_of(story: Story, position: int = -1) -> dict[str, Any]:
    state = story.state()
    return gate_report(state, story.plan, story.evidence, state.gates[position])


def results(report: dict[str, Any]) -> dict[str, Any]:
    """Kind of result by the case's name; None is a pass."""
    suite = next(iter(JUnitXml.fromstring(gate_junit(report).encode())))
    return {str(case.name): type(case.result[0]) if case.result else None for case in suite}


def fits_the_schema(text: str) -> None:
    for element in ElementTree.fromstring(text).iter():
        assert {child.tag for child in element} <= CHILDREN[element.tag], element.tag
        assert set(element.attrib) <= ATTRIBUTES.get(element.tag, set()), element.attrib


@pytest.mark.parametrize(
    ("verdict", "kind"),
    [(Verdict.PASS, None), (FAIL, Failure), (Verdict.INCONCLUSIVE, Error), (Verdict.ERROR, Error)],
)
def test_every_verdict_has_its_result(verdict: Verdict, kind: Any) -> None:
    decision = Decision.GO if verdict is Verdict.PASS else Decision.NO_GO
    found = results(asked({"empty_keys": verdict, "told": PASS}, decision))
    assert found["The empty keys is right [empty_keys]"] is kind
    assert found["The told is right [told]"] is None


def test_what_is_only_shown_is_skipped_even_when_it_passes() -> None:
    for verdict in (PASS, FAIL, Verdict.ERROR):
        found = results(asked({"empty_keys": PASS, "drift": verdict}, Decision.GO))
        assert found["The drift is right [drift]"] is Skipped


def test_a_waived_check_is_skipped_with_the_reason() -> None:
    story = held_story().say("waive", "pilot", subject="empty_keys", reason="known since May")
    story.stage("pilot", "resume_entry_gate", "held", "entry_gate")
    waived: dict[str, Found] = {"empty_keys": (FAIL, observed(rows=3)), "told": PASS}
    story.gate("pilot", "entry", "ready", waived, Decision.GO, round=2)
    text = gate_junit(report_of(story))
    assert results(report_of(story))["The empty keys is right [empty_keys]"] is Skipped
    assert (
        'message="waived by proj (project_lead): known since May; rows 3, required exactly 0"'
        in text
    )


def test_a_check_nobody_answered_is_an_error() -> None:
    story = Story().begin().stage("pilot", "open_entry", "pending", "entry_gate")
    story.gate("pilot", "entry", "ready", {"empty_keys": PASS}, None)
    state = story.state()
    state.gates[-1].checks["empty_keys"].verdict = None
    found = results(gate_report(state, story.plan, story.evidence, state.gates[-1]))
    assert found == {"The empty keys is right [empty_keys]": Error}


@pytest.mark.parametrize("decision", [None, Decision.NO_GO, Decision.INCONCLUSIVE])
def test_a_gate_that_is_not_go_is_never_green(decision: Decision | None) -> None:
    for found in ({"empty_keys": PASS}, {"drift": FAIL}, {}):
        seen = results(asked(dict(found), decision))
        assert seen[DECISION] is Error, (found, decision)
    assert DECISION not in results(asked({"empty_keys": FAIL}, Decision.NO_GO))


def test_a_failure_says_observed_required_and_what_to_do() -> None:
    text = gate_junit(report_of(held_story()))
    assert '<failure message="rows 3, required exactly 0" type="fail">' in text
    assert "rows: 3, required exactly 0, margin -3" in text
    assert "what to do: Stop and look." in text


def test_the_counts_are_those_of_the_cases() -> None:
    root = ElementTree.fromstring(gate_junit(report_of(held_story())))
    suite = root[0]
    assert suite.attrib["name"] == "Gate 1: Everything is ready (pilot, before the phase)"
    assert (suite.attrib["tests"], suite.attrib["failures"]) == ("3", "1")
    assert (suite.attrib["errors"], suite.attrib["skipped"]) == ("0", "1")
    assert suite.attrib["timestamp"] == "2026-01-05T17:00:00"
    properties = {p.attrib["name"]: p.attrib["value"] for p in suite.iter("property")}
    report = report_of(held_story())
    assert properties["decision"] == "no_go"
    assert properties["log_head"] == report["verify"]["log_head"]


def test_a_document_fits_the_schema_that_pipelines_check() -> None:
    fits_the_schema(gate_junit(report_of(held_story())))
    story = completed_story()
    fits_the_schema(junit_document([report_of(story, n) for n in range(3)]))


def test_a_folder_has_one_document_with_the_newest_rounds() -> None:
    story = held_story().stage("pilot", "resume_entry_gate", "held", "entry_gate")
    story.gate("pilot", "entry", "ready", {"empty_keys": PASS}, Decision.GO, round=2)
    files = dict(report_files(story.state(), story.plan, story.evidence))
    root = ElementTree.fromstring(files["junit.xml"])
    assert [suite.attrib["name"] for suite in root] == [
        "Gate 1: Everything is ready (pilot, before the phase, round 2)"
    ]
    assert json.loads(files["pilot-1-entry-ready-1.json"])["decision"] == "no_go"
    assert "pilot-1-entry-ready-1.xml" in files


@given(st.text(max_size=60))
def test_foreign_text_gives_a_document_of_the_same_shape(text: str) -> None:
    def shape(said: str) -> list[str]:
        story = Story().begin(title=said or "t")
        story.stage("pilot", "open_entry", "pending", "entry_gate")
        bad = observed(query=said, rows=3)
        story.gate("pilot", "entry", "ready", {"empty_keys": (FAIL, bad)}, Decision.NO_GO)
        state = story.state()
        state.gates[-1].checks["empty_keys"].reason = said
        document = gate_junit(gate_report(state, story.plan, story.evidence, state.gates[-1]))
        fits_the_schema(document)
        return [element.tag for element in ElementTree.fromstring(document).iter()]

    assert shape(text) == shape("benign")


def test_the_same_report_gives_the_same_bytes() -> None:
    assert gate_junit(report_of(held_story())) == gate_junit(report_of(held_story()))
