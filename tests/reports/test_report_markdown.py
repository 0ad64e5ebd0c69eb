"""Markdown of reports: readable, and no foreign text changes its structure."""

from __future__ import annotations

import json

from builders import FAIL, PASS, Story, completed_story, held_story, observed, undone_story
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from rollout.domain.evidence import Decision
from rollout.reports.folder import file_stem, report_files
from rollout.reports.foreign import json_text
from rollout.reports.gate_report import gate_report
from rollout.reports.markdown import escape, fenced, gate_markdown

HOSTILE = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "a | b | c", "x\n\n# heading",
    "[click](javascript:alert(1))", "![i](http://evil.example.test/p.png)", "`code` ``more``",
    "*bold* __strong__ ~~gone~~", "1. list", "- item", "> quote", "```\nfence", "https://evil.example.test",
    "www.evil.example.test", "a@example.test", "&lt;b&gt;", "\\| \\", "$x$", "{{ 7 * 7 }}", "{% raw %}",
    "\x1b[31mred", "a\u202eb", "| --- |", "<!-- ", "]]>", "\t tab",
]  # fmt: skip

markdown = MarkdownIt("gfm-like", {"html": True, "linkify": False})


def tags(text: str) -> list[str]:
    """The shape of the rendered page: every token's kind, in order, without its words."""
    found = []
    for token in markdown.parse(text):
        found.append(token.type)
        found += [child.type for child in token.children or [] if child.type != "text"]
    return found


def story_with(text: str) -> Story:
    story = Story().begin().stage("pilot", "open_entry", "pending", "entry_gate")
    bad = observed(sample=[{"note": text, "other": "b"}], query=text or "q", rows=3)
    story.gate("pilot", "entry", "ready", {"empty_keys": (FAIL, bad)}, Decision.NO_GO)
    return story.say("hold", "pilot", reason=text, by=text or "somebody")


def page_with(text: str) -> str:
    story = story_with(text)
    state = story.state()
    gate = state.gates[-1]
    gate.checks["empty_keys"].reason = text
    gate.reasons = [text]
    state.title = text
    return gate_markdown(gate_report(state, story.plan, story.evidence, gate))


BENIGN = tags(page_with("benign"))


@settings(max_examples=150)
@given(st.text(max_size=60))
@example("")
def test_foreign_text_never_changes_the_structure(text: str) -> None:
    assert tags(page_with(text)) == BENIGN


def test_known_attacks_never_change_the_structure() -> None:
    for text in HOSTILE:
        assert tags(page_with(text)) == BENIGN, text
        assert "<script" not in markdown.render(page_with(text))


@given(st.text(max_size=60))
def test_escaped_text_renders_as_itself(text: str) -> None:
    rendered = markdown.render("x" + escape(text) + "x")
    assert rendered.count("<") == 2  # the paragraph's own tags


def test_a_fence_is_longer_than_any_run_inside() -> None:
    assert str(fenced("a ```` b")).startswith("`````\n")
    assert str(fenced("plain")) == "```\nplain\n```"


def test_absent_values_and_flags_have_words() -> None:
    assert (escape(None), escape(True), escape(False)) == ("–", "yes", "no")
    assert len(escape("x" * 5000)) == 1000


def test_the_page_begins_with_the_decision_and_what_blocks() -> None:
    story = held_story()
    state = story.state()
    page = gate_markdown(gate_report(state, story.plan, story.evidence, state.gates[-1]))
    lines = page.splitlines()
    assert lines[0] == "# NO-GO: Everything is ready"
    assert lines[4] == "| What is decided | May “The pilot” begin? |"
    assert lines[5] == "| Decision | **NO-GO** (gate 1) |"
    assert lines[6].startswith("| What blocks | empty_keys fail: empty_keys reason<br>")
    assert page.index("The empty keys is right") < page.index("The told is right")
    assert "| Acme | 3 | 85337816d263 | " in page


def test_a_page_of_a_signed_gate_names_the_signatures() -> None:
    story = completed_story()
    state = story.state()
    page = gate_markdown(gate_report(state, story.plan, story.evidence, state.gates[1]))
    assert "| Who must sign | project_lead, sales_ops; all have signed |" in page
    assert "- Signed by proj (project_lead)" in page


def test_a_folder_holds_an_index_and_every_form_of_every_gate() -> None:
    story = completed_story()
    files = dict(report_files(story.state(), story.plan, story.evidence))
    stems = [file_stem(gate) for gate in story.state().gates]
    assert stems == ["pilot-1-entry-ready-1", "pilot-1-exit-verified-1", "full-1-exit-all_done-1"]
    forms = ("html", "md", "json", "xml")
    assert set(files) == {
        "index.html", "index.md", "junit.xml", *(f"{s}.{form}" for s in stems for form in forms)
    }  # fmt: skip
    for stem in stems:
        assert f"]({stem}.md)" in files["index.md"]
        assert json.loads(files[f"{stem}.json"])["decision"] == "go"


def test_an_index_says_where_it_stands_in_the_words_of_the_plan() -> None:
    story = held_story()
    phase = story.state().current_phase()
    assert phase is not None
    assert phase.title != phase.title.lower(), "a small letter more would be noticed"
    files = dict(report_files(story.state(), story.plan, story.evidence))
    assert f"Held in {phase.title}." in files["index.html"]
    assert f"held in {phase.title}" in files["index.md"]


def test_file_names_hold_no_path() -> None:
    story = Story().begin().stage("pilot", "open_entry", "pending", "running")
    story.gate("pilot", "every:12h#3/../x", "verified", {"created": PASS}, Decision.GO)
    assert file_stem(story.last_gate()) == "pilot-1-every_12h_3_x-verified-1"


def test_undecided_gates_get_no_file() -> None:
    story = Story().begin().stage("pilot", "open_entry", "pending", "entry_gate")
    story.gate("pilot", "entry", "ready", {"empty_keys": PASS}, None)
    names = [name for name, _ in report_files(story.state(), story.plan, story.evidence)]
    assert names == ["index.html", "index.md", "junit.xml"]


def test_the_same_store_gives_the_same_bytes() -> None:
    def folder() -> list[tuple[str, str]]:
        story = held_story()
        return list(report_files(story.state(), story.plan, story.evidence))

    assert folder() == folder()


def test_json_keeps_the_order_of_the_document() -> None:
    assert json_text({"b": 1, "a": [None]}) == '{\n  "b": 1,\n  "a": [\n    null\n  ]\n}\n'


def test_the_first_page_says_what_was_undone() -> None:
    story = undone_story()
    files = dict(report_files(story.state(), story.plan, story.evidence))
    assert "| The pilot | undone | 1 |" in files["index.md"]
    assert "| Everything | rolled back | 1 |" in files["index.md"]
    assert "undone" in files["index.html"]


def test_a_phase_that_has_not_begun_had_no_attempt() -> None:
    story = held_story()
    files = dict(report_files(story.state(), story.plan, story.evidence))
    assert "| The pilot | held | 1 |" in files["index.md"]
    assert "| Everything | pending | none yet |" in files["index.md"]
    assert "none yet</td>" in files["index.html"]
