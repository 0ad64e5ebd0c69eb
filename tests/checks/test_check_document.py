from __future__ import annotations

import time
from typing import Any

import pytest
from fakes_services import FakeConnections, FakeFiles, FakePages, context, judged, look, verdict
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rollout.checks.document import Document
from rollout.checks.document_text import read_html, read_markdown
from rollout.domain.errors import KindMisused, ServiceUnreachable
from rollout.domain.evidence import Scalar, Verdict
from rollout.kinds import CheckContext
from rollout.ports import Page

DOCUMENT = Document()
MARKDOWN = """# Runbook

When the *create queue* grows, look at the schedule.

Contacts
--------
On call, see the rota.

```sh
# Rollback is no heading here
echo TODO
```
"""
HTML = """<!doctype html><html><head><title>Runbook</title><style>h1 {TBD}</style></head>
<body><h1>The <em>runbook</em></h1><p>Look at the schedule &amp; the queue.</p><h2>Contacts</h2>
<script>document.write("<h2>Rollback</h2>")</script></body></html>"""
ASK: dict[str, Any] = {
    "path": "docs/runbook.md",
    "headings": ["runbook", "Contacts"],
    "min_words": 9,
}
URL = "https://wiki.example.test/runbook"


def holding(text: str | bytes | None, place: str = "docs/runbook.md", **of: Any) -> CheckContext:
    body = text.encode() if isinstance(text, str) else text
    page = None if body is None else Page(place=place, body=body, **of)
    return context(FakeConnections(read=FakePages({place: page})))


def changed(old: str, new: str) -> CheckContext:
    assert old in MARKDOWN
    return holding(MARKDOWN.replace(old, new))


def test_a_document_that_has_everything_passes() -> None:
    seen = look(DOCUMENT, {**ASK, "placeholders": ["TBD"]}, holding(MARKDOWN))
    assert judged(DOCUMENT, seen).verdict is Verdict.PASS
    assert (seen.metrics["words"], seen.metrics["missing_headings"]) == (16, 0)
    assert seen.source == "docs/runbook.md"


@pytest.mark.parametrize(
    ("where", "metric", "value"),
    [
        (changed("Contacts\n", "Contact\n"), "missing_headings", 1),
        (changed("# Runbook", "Runbook"), "missing_headings", 1),
        (changed("see the rota", "TBD"), "placeholders", 2),
        (changed("rota.", "rota. <!-- FIXME: who? -->"), "placeholders", 2),
        (holding("# Runbook\n## Contacts\n"), "words", 2),
        (holding(None), "present", False),
    ],
)
def test_a_document_that_lacks_something_fails(
    where: CheckContext, metric: str, value: Scalar
) -> None:
    seen = look(DOCUMENT, ASK, where)
    assert seen.metrics[metric] == value
    assert judged(DOCUMENT, seen).verdict is Verdict.FAIL


def test_a_reminder_in_a_code_block_counts_too() -> None:
    seen = look(DOCUMENT, ASK, holding(MARKDOWN))
    assert seen.detail["left"] == ["TODO"]
    assert judged(DOCUMENT, seen).verdict is Verdict.FAIL


def test_a_missing_document_passes_no_condition() -> None:
    for metric in ("missing_headings", "placeholders", "words"):
        lenient = {metric: "<= 1000000"}
        assert verdict(DOCUMENT, ASK, holding(None), lenient) is Verdict.INCONCLUSIVE


def test_a_page_is_read_as_html() -> None:
    ask = {"url": URL, "headings": ["The runbook", "Contacts"], "hosts": ["wiki.example.test"]}
    where = holding(HTML, URL, status=200, content_type="text/html; charset=utf-8")
    assert verdict(DOCUMENT, ask, where) is Verdict.PASS
    missing = {**ask, "headings": ["Rollback"]}
    assert verdict(DOCUMENT, missing, where) is Verdict.FAIL
    assert isinstance(where.connections, FakeConnections)
    assert where.connections.read.asked[0] == (URL, ("wiki.example.test",), False)


@pytest.mark.parametrize("status", [404, 410])
def test_a_page_that_is_gone_fails(status: int) -> None:
    assert verdict(DOCUMENT, {"url": URL}, holding(HTML, URL, status=status)) is Verdict.FAIL


@pytest.mark.parametrize("status", [204, 301, 401, 403, 429, 500, 503])
def test_an_error_page_is_neither_there_nor_absent(status: int) -> None:
    where = holding(HTML, URL, status=status, content_type="text/html")
    said = judged(DOCUMENT, look(DOCUMENT, {"url": URL}, where))
    assert said.verdict is Verdict.INCONCLUSIVE
    assert f"answered {status}" in said.reason


@pytest.mark.parametrize("body", [b"\xff\xfe# R", b"PK\x03\x04\x00binary", b"a\x00b"])
def test_what_is_no_text_is_inconclusive(body: bytes) -> None:
    said = judged(DOCUMENT, look(DOCUMENT, {"path": "docs/runbook.md"}, holding(body)))
    assert said.verdict is Verdict.INCONCLUSIVE
    assert "not a text" in said.reason


def test_a_published_file_is_looked_for_among_those() -> None:
    ask = {"published": "operations/runbook.md", "headings": ["Runbook"], "placeholders": ["TBD"]}
    files = FakeFiles({"operations/runbook.md": MARKDOWN.encode()})
    assert verdict(DOCUMENT, ask, context(FakeConnections(published=files))) is Verdict.PASS
    assert verdict(DOCUMENT, ask, context()) is Verdict.FAIL


def test_no_answer_and_a_forbidden_place_are_errors() -> None:
    down = context(FakeConnections(read=FakePages(down=True)))
    with pytest.raises(ServiceUnreachable):
        look(DOCUMENT, {"url": URL}, down)
    with pytest.raises(KindMisused):
        look(DOCUMENT, {"path": "../secrets.md"}, context())


@pytest.mark.parametrize(
    "inputs",
    [
        {},
        {"path": "a.md", "url": URL},
        {"path": ""},
        {"url": "file:///etc/passwd"},
        {"path": "a.md", "min_words": -1},
        {"path": "a.md", "headings": [""]},
        {"path": "a.md", "heading": ["A"]},
    ],
)
def test_inputs_that_name_no_one_place_are_refused(inputs: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Document.Inputs.model_validate(inputs)


@pytest.mark.parametrize(
    ("source", "headings"),
    [
        ("# A #\n##B\n### C *c*", ["A", "C *c"]),
        ("A\n===\n\n---\nB\n---", ["A", "B"]),
        ("~~~\n# no\n```\n# no\n~~~\n# yes", ["yes"]),
        ("````\n```\n# no\n````\n# yes", ["yes"]),
        ("<!--\n# no\n-->\n# yes\n<!-- # open", ["yes"]),
        ("    # code", []),
        ("#hash\n####### seven", []),
        ("#", [""]),
    ],
)
def test_headings_of_markdown(source: str, headings: list[str]) -> None:
    assert read_markdown(source).headings == headings


@pytest.mark.parametrize(
    ("source", "headings", "words"),
    [
        ("<H1 class='a'>A</H1><h2>open", ["A"], 2),
        ("<script><h1>no</h1></script><h1>yes</h1>", ["yes"], 1),
        ("<SCRIPT>a</Script >b", [], 1),
        ("<script>never closed <h1>no</h1>", [], 0),
        ("a < b and <h3>c&nbsp;d</h3>", ["c d"], 5),
        ("<!-- <h1>no</h1> --><h1>yes</h1>", ["yes"], 1),
        ("text <h1", [], 2),
    ],
)
def test_headings_and_words_of_html(source: str, headings: list[str], words: int) -> None:
    found = read_html(source)
    assert found.headings == headings
    assert found.words == words


def test_a_mark_in_capitals_is_looked_for_in_capitals_and_as_a_word() -> None:
    text = read_markdown("My todo list, TODOS and Lorem  ipsum; METHOD TBDs")
    assert text.unwritten(["TODO", "TBD", "lorem ipsum"]) == []
    assert read_markdown("LOREM IPSUM (TODO)").unwritten(["TODO", "lorem ipsum"]) == [
        "TODO",
        "lorem ipsum",
    ]


@given(st.text(alphabet="<>!-/h1#`~= \nab&;", max_size=60))
def test_any_source_is_read(source: str) -> None:
    assert read_html(source).words >= 0
    assert read_markdown(source).words >= 0


@pytest.mark.parametrize(
    "piece", ["<!--", "<", "<h1>", '<a b="', "&#", "</", "```\n", "-\n", "<script>"]
)
def test_a_page_made_to_be_slow_is_not(piece: str) -> None:
    source = piece * (1_000_000 // len(piece))
    began = time.process_time()
    read_html(source)
    read_markdown(source)
    assert time.process_time() - began < 5
