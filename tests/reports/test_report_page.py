"""The HTML page: what stands on it first, that it loads nothing, and that no foreign text changes it."""

from __future__ import annotations

import base64
import hashlib
import re
from itertools import pairwise
from typing import Any

from builders import FAIL, PASS, Story, completed_story, held_story, observed
from hypothesis import example, given, settings
from hypothesis import strategies as st
from page_parts import page_of

from rollout.domain.evidence import Decision, Verdict
from rollout.reports.evidence_parts import PAGE_BYTES
from rollout.reports.folder import report_files
from rollout.reports.gate_report import gate_report
from rollout.reports.page import gate_page


def page_text(story: Story, position: int = -1, **options: Any) -> str:
    state = story.state()
    return gate_page(
        gate_report(state, story.plan, story.evidence, state.gates[position], **options)
    )


def signing_story(**waited: float) -> Story:
    """The pilot's exit gate is go; one of two signatures is there."""
    story = Story().begin().stage("pilot", "open_entry", "pending", "exit_gate")
    story.gate("pilot", "exit", "verified", {"created": PASS}, Decision.GO)
    story.stage("pilot", "ask_sign_off", "exit_gate", "sign_off")
    return story.sign("pilot", "verified", "project_lead")


def test_the_first_things_are_question_verdict_blockers_and_signatures() -> None:
    words = page_of(page_text(held_story())).words
    places = [
        words.index(said)
        for said in (
            "REHEARSAL", "May “The pilot” begin?", "✗ NO-GO", "What blocks",
            "The empty keys is right", "Who must sign, and until when", "Each check",
        )
    ]  # fmt: skip
    assert places == sorted(places)


def test_a_blocking_check_is_told_in_words_with_observed_and_required() -> None:
    words = page_of(page_text(held_story())).words
    assert "✗ FAIL The empty keys is right : 3 , required exactly 0" in words
    assert "The phase is held. Nothing moves until the project lead decides" in words


def test_a_shadow_warns_and_does_not_block() -> None:
    text = page_text(held_story())
    blockers = text[text.index("What blocks") : text.index("Who must sign")]
    assert "The drift is right" not in blockers
    assert "▲ WARN The drift is right" in page_of(text).words


def test_a_missing_signature_waits_until_its_deadline() -> None:
    words = page_of(page_text(signing_story())).words
    assert "✓ SIGNED project lead : proj" in words
    assert "◇ WAITS sales ops has not signed" in words
    assert "Until Thu 8 Jan 2026, 16:00 UTC" in words


def test_a_signature_for_other_evidence_is_void_and_still_waited_for() -> None:
    story = signing_story()
    state = story.state()
    state.gates[-1].evidence_sha256 = "0" * 64
    text = gate_page(gate_report(state, story.plan, story.evidence, state.gates[-1]))
    assert "? VOID project lead" in page_of(text).words
    assert "◇ WAITS project lead has not signed" in page_of(text).words


def test_an_entry_gate_names_who_says_proceed() -> None:
    story = Story().begin().stage("pilot", "open_entry", "pending", "entry_gate")
    story.gate("pilot", "entry", "ready", {"empty_keys": PASS}, Decision.GO)
    story.stage("pilot", "entry_go", "entry_gate", "ready")
    words = page_of(page_text(story)).words
    assert "Nobody signs an entry gate. Once it is go, the project lead says" in words
    assert "Nothing. The one check that decides passed." in words


def test_a_waiver_is_no_pass() -> None:
    story = held_story().say("waive", "pilot", subject="empty_keys", reason="known")
    story.stage("pilot", "resume_entry_gate", "held", "entry_gate")
    found: Any = {"empty_keys": (FAIL, observed(rows=3)), "told": PASS}
    story.gate("pilot", "entry", "ready", found, Decision.GO, round=2)
    words = page_of(page_text(story)).words
    assert "⊘ WAIVED The empty keys is right" in words
    assert "Waived by proj (project_lead): known" in words
    assert "passed or were waived" in words


def test_an_error_says_why_and_shows_no_figures() -> None:
    story = Story().begin().stage("pilot", "open_entry", "pending", "entry_gate")
    story.gate(
        "pilot", "entry", "ready", {"empty_keys": (Verdict.ERROR, observed(rows=0))}, Decision.NO_GO
    )
    words = page_of(page_text(story)).words
    assert "? ERROR The empty keys is right : empty_keys reason" in words


def test_keys_are_hashed_unless_asked_and_the_page_says_which() -> None:
    text = page_text(held_story())
    assert "a1b2" not in text
    assert "85337816d263" in text
    assert "Keys of records are hashed." in text
    shown = page_text(held_story(), show_keys=True)
    assert "a1b2" in shown
    assert "confidential" in shown


def test_the_page_runs_nothing_and_loads_nothing() -> None:
    for text in (page_text(held_story()), dict(_folder(completed_story()))["index.html"]):
        page = page_of(text)
        assert not {"script", "link", "img", "iframe", "object", "embed", "base", "form"} & set(
            page.names
        )
        attributes = {name for _, attrs in page.tags for name, _ in attrs}
        assert not {a for a in attributes if a.startswith("on") or a in {"style", "src"}}
        links = [v for _, attrs in page.tags for n, v in attrs if n == "href"]
        assert all(
            re.fullmatch(r"#check-\d+|[A-Za-z0-9_-]+\.(html|md|json|xml)", str(v)) for v in links
        )
        assert "url(" not in text
        assert "@import" not in text


def test_the_policy_lets_only_this_style_sheet_through() -> None:
    text = page_text(held_story())
    policy = next(
        dict(attrs)["content"]
        for tag, attrs in page_of(text).tags
        if tag == "meta" and dict(attrs).get("http-equiv") == "Content-Security-Policy"
    )
    style = text[text.index("<style>") + 7 : text.index("</style>")]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    assert text.index("Content-Security-Policy") < text.index("<style>")


def test_headings_are_in_order_and_the_language_is_named() -> None:
    page = page_of(page_text(held_story()))
    levels = [int(tag[1]) for tag in page.names if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))
    assert ("html", (("lang", "en"),)) in page.tags


def test_every_link_inside_the_page_leads_somewhere() -> None:
    page = page_of(page_text(held_story()))
    ids = {value for _, attrs in page.tags for name, value in attrs if name == "id"}
    links = {
        str(value)[1:]
        for _, attrs in page.tags
        for name, value in attrs
        if name == "href" and str(value).startswith("#")
    }
    assert links
    assert links <= ids


def test_a_page_says_how_it_is_rebuilt() -> None:
    story = held_story()
    assert (
        "rollout report --state STORE --rollout two-phases --gate ready --phase pilot --attempt 1 "
        f"--moment entry --round 1 --at {story.state().seq} --format html"
    ) in page_of(page_text(story)).words


def test_two_sides_of_a_comparison_stand_beside_each_other() -> None:
    rows: list[dict[str, Any]] = [
        {"key": "k", "source_idv": True, "source_n": 2, "target_idv": False, "target_n": 2}
    ]
    story = Story().begin().stage("pilot", "open_entry", "pending", "entry_gate")
    bad = observed(sample=rows, rows=1)
    story.gate("pilot", "entry", "ready", {"empty_keys": (FAIL, bad)}, Decision.NO_GO)
    words = page_of(page_text(story)).words
    assert "key source idv target idv source n target n" in words
    assert "yes ≠ no 2 2" in words


def test_huge_evidence_is_cut_and_says_so() -> None:
    rows: list[dict[str, Any]] = [
        {f"column_{n}": "<&>" * 500 for n in range(40)} for _ in range(20)
    ]
    story = Story().begin().stage("pilot", "open_entry", "pending", "entry_gate")
    bad = observed(sample=rows, query="SELECT '&' -- \n" * 50_000, rows=20)
    found: Any = {"empty_keys": (FAIL, bad), "told": (FAIL, bad), "drift": (FAIL, bad)}
    story.gate("pilot", "entry", "ready", found, Decision.NO_GO)
    text = page_text(story)
    assert len(text.encode()) < PAGE_BYTES
    assert "all of it is in the store" in text
    assert "columns more are in the store" in text


def _folder(story: Story) -> list[tuple[str, str]]:
    return list(report_files(story.state(), story.plan, story.evidence))


def test_the_index_leads_to_every_gate() -> None:
    files = dict(_folder(completed_story()))
    index = files["index.html"]
    for name in files:
        if not name.startswith("index"):
            assert f'href="{name}"' in index
    assert 'href="index.html"' in files["pilot-1-entry-ready-1.html"]
    assert "Completed" in page_of(index).words


# hostile data ----------------------------------------------------------------


def hostile_page(text: str) -> str:
    story = Story().begin(title=text or "t").stage("pilot", "open_entry", "pending", "entry_gate")
    bad = observed(sample=[{"note": text, "other": "b", text or "c": 1}], query=text or "q", rows=3)
    story.gate("pilot", "entry", "ready", {"empty_keys": (FAIL, bad)}, Decision.NO_GO)
    story.say("hold", "pilot", reason=text, by=text or "somebody", subject=text or "s")
    state = story.state()
    gate = state.gates[-1]
    gate.checks["empty_keys"].reason = text or "r"
    gate.reasons = [text]
    return gate_page(gate_report(state, story.plan, story.evidence, gate))


BENIGN = page_of(hostile_page("benign")).tags


@settings(max_examples=150)
@given(st.text(max_size=60))
@example("")
@example("--></style><script>alert(1)</script>")
@example("\"' onmouseover=alert(1) x='")
@example("]]>&lt;b&gt;{{ 7 * 7 }}{% raw %}")
def test_foreign_text_never_changes_the_structure(text: str) -> None:
    assert page_of(hostile_page(text)).tags == BENIGN


@given(st.text(alphabet=st.characters(min_codepoint=0, max_codepoint=0x2100), max_size=40))
def test_nothing_that_hides_or_steers_reaches_the_page(text: str) -> None:
    page = hostile_page(text)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b]", page)


def test_templates_are_never_made_from_data() -> None:
    assert "{{ 7 * 7 }}" in page_of(hostile_page("{{ 7 * 7 }}")).words
