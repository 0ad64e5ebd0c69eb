"""Reports as JUnit XML, for whatever runs a pipeline: one test case a check, never a pass by absence.

fail is a failure; error, inconclusive and not answered are errors; what was waived or is only shown is
skipped, with the reason. A gate that is not go always has a failure or an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from xml.etree import ElementTree

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

from rollout.domain.instants import from_text
from rollout.reports.foreign import lines, one_line
from rollout.reports.verdicts import headline, must

DECISION = "the gate's decision"
"""Name of the case that stands for the gate itself, where no check says that it is not go."""


def gate_junit(report: Mapping[str, Any]) -> str:
    """One gate report as a document with one suite."""
    return junit_document([report])


def junit_document(reports: Iterable[Mapping[str, Any]]) -> str:
    """Several gate reports, each as a suite; equal reports give equal bytes, whatever library writes
    XML underneath."""
    document = JUnitXml("rollout")
    for report in reports:
        document.add_testsuite(_suite(report))
    document.update_statistics()  # type: ignore[no-untyped-call]  # typed but for these two
    written = document.tostring()  # type: ignore[no-untyped-call]
    tree = ElementTree.fromstring(written)  # noqa: S314 - what we just wrote
    tree.attrib.pop("skipped")  # not in the schema that pipelines check against
    ElementTree.indent(tree)
    body = ElementTree.tostring(tree, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'


def _suite(report: Mapping[str, Any]) -> TestSuite:
    number = f"Gate {report['number']}: " if report["number"] is not None else ""
    suite = TestSuite(one_line(f"{number}{report['title']} ({_place(report)})"))
    if report["decided_at"] is not None:
        # The form that schemas of JUnit files ask for: UTC without saying so.
        suite.timestamp = f"{from_text(report['decided_at']):%Y-%m-%dT%H:%M:%S}"
    for name, value in _properties(report).items():
        suite.add_property(name, one_line(value))
    cases = [_case(report, check) for check in report["checks"]]
    if not _says_no(cases) and report["decision"] != "go":
        cases.append(_decision_case(report))
    for case in cases:
        suite.add_testcase(case)
    return suite


def _says_no(cases: Iterable[TestCase]) -> bool:
    return any(isinstance(result, Failure | Error) for case in cases for result in case.result)


def _place(report: Mapping[str, Any]) -> str:
    place = f"{report['phase']['id']}, {report['moment_in_words']}"
    place += f", attempt {report['attempt']}" if report["attempt"] > 1 else ""
    return place + (f", round {report['round']}" if report["round"] > 1 else "")


def _properties(report: Mapping[str, Any]) -> dict[str, Any]:
    verify = report["verify"]
    return {
        "question": report["question"],
        "decision": report["decision"] or "not decided",
        "rollout": report["rollout"]["name"],
        "profile": report["rollout"]["profile"],
        "plan_sha256": report["rollout"]["plan_sha256"],
        "evidence_sha256": verify["evidence_sha256"] or "none",
        "log_seq": verify["log_seq"],
        "log_head": verify["log_head"],
    }


def _new_case(report: Mapping[str, Any], name: str) -> TestCase:
    return TestCase(
        one_line(name), f"{one_line(report['phase']['id'])}.{one_line(report['gate'])}", 0.0
    )


def _case(report: Mapping[str, Any], check: Mapping[str, Any]) -> TestCase:
    case = _new_case(report, f"{check['title']} [{check['id']}]")
    result = _result(check)
    if result is not None:
        result.text = _told(check)
        case.result = [result]
    else:
        case.system_out = _told(check)
    return case


def _result(check: Mapping[str, Any]) -> Failure | Error | Skipped | None:
    """None is a pass; only a check that decides and has passed is one."""
    said = one_line(_sentence(check))
    if check["waived_by"]:
        return Skipped(one_line(f"waived by {check['waived_by']}; {said}"), "waived")
    if check["shadow"]:
        return Skipped(one_line(f"shown only, it decides nothing; {said}"), "shadow")
    if check["verdict"] == "pass":
        return None
    if check["verdict"] == "fail":
        return Failure(said, "fail")
    return Error(said, check["verdict"] or "not answered")


def _sentence(check: Mapping[str, Any]) -> str:
    told = headline(check)["rulings"]
    parts = [f"{r['metric']} {r['observed_in_words']}, required {must(r)}" for r in told]
    return "; ".join(parts) or check["reason"] or "not answered"


def _told(check: Mapping[str, Any]) -> str:
    said = [
        f"verdict: {check['verdict'] or 'none'}",
        f"because: {one_line(check['reason'])}",
        *(_ruling(ruling) for ruling in check["rulings"]),
        f"owner: {one_line(check['owner'])}, severity {check['severity']}",
        f"looked at: {check['taken_at'] or 'never'}, data as of: {check['as_of'] or 'not known'}",
        f"source: {one_line(check['source']) or 'none'}",
        f"evidence: {check['evidence'] or 'none'}",
    ]
    if check["verdict"] != "pass" and check["if_it_fails"]:
        said.append(f"what to do: {one_line(check['if_it_fails'])}")
    return lines("\n".join(said))


def _ruling(ruling: Mapping[str, Any]) -> str:
    margin = f", margin {ruling['margin_in_words']}" if ruling["margin_in_words"] else ""
    observed = one_line(ruling["observed_in_words"])
    return f"{one_line(ruling['metric'])}: {observed}, required {one_line(must(ruling))}{margin}"


def _decision_case(report: Mapping[str, Any]) -> TestCase:
    case = _new_case(report, DECISION)
    reasons = "; ".join(one_line(reason) for reason in report["blocking"])
    said = f"{report['decision'] or 'not decided'}: {reasons or 'no check says why'}"
    case.result = [Error(one_line(said), report["decision"] or "not decided")]
    return case
