"""Whatever a service or a person writes: no output is steered, restructured or run by it."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from builders import Story
from hostile import PAYLOADS, STEERS, Say, always, hostile_story, in_turn
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from page_parts import page_of

from rollout.cli.log import line
from rollout.reports.cells import cell, csv_lines
from rollout.reports.folder import report_files
from rollout.reports.foreign import visible_json
from rollout.reports.series import seen_in_events
from rollout.view.findings import findings_view
from rollout.view.findings_text import findings_lines
from rollout.view.gate_text import gate_lines
from rollout.view.log_text import event_lines
from rollout.view.plan_words import plan_words
from rollout.view.runbook import runbook_view
from rollout.view.runbook_text import runbook_lines
from rollout.view.status import status_view
from rollout.view.status_text import status_lines

WIDTHS = (60, 120)

markdown = MarkdownIt("gfm-like", {"html": True, "linkify": False})


def reports(story: Story) -> dict[str, str]:
    """Every form of the story's one gate, by its suffix; file names are the same for all words."""
    state, seen = story.state(), seen_in_events(story.events())
    files = report_files(state, story.plan, story.evidence, seen=seen)
    return {name.replace("pilot-1-entry-ready-1", "gate"): text for name, text in files}


def shapes(files: dict[str, str]) -> dict[str, Any]:
    """What words must not change: tags with their attributes, tokens, elements, keys."""
    return {
        "gate.html": page_of(files["gate.html"]).tags,
        "index.html": page_of(files["index.html"]).tags,
        "gate.md": tokens(files["gate.md"]),
        "index.md": tokens(files["index.md"]),
        "gate.xml": [element.tag for element in ElementTree.fromstring(files["gate.xml"]).iter()],
        "gate.json": len(json.loads(files["gate.json"])),
    }


def tokens(text: str) -> list[str]:
    found = []
    for token in markdown.parse(text):
        found.append(token.type)
        found += [child.type for child in token.children or [] if child.type != "text"]
    return found


@cache
def benign() -> dict[str, Any]:
    return shapes(reports(hostile_story(always("benign"))))


def check_reports(say: Say) -> None:
    files = reports(hostile_story(say))
    found = shapes(files)
    for name, shape in benign().items():
        assert found[name] == shape, name
    for name, content in files.items():
        assert not STEERS.search(content), name


STORIES = 20
"""Logs that hold every attack in three places and more, each place another one."""


@pytest.mark.parametrize("start", range(STORIES))
def test_known_attacks_change_no_report(start: int) -> None:
    check_reports(in_turn(start))


@pytest.mark.slow
@pytest.mark.parametrize("part", range(8))
def test_each_attack_in_every_place_changes_no_report(part: int) -> None:
    for text in PAYLOADS[part::8]:
        check_reports(always(text))


@settings(max_examples=50)
@given(st.text(max_size=80))
@example("")
def test_no_text_changes_a_report(text: str) -> None:
    check_reports(always(text))


def terminal_lines(story: Story) -> list[str]:
    """What `status`, `watch`, `log`, `findings` and `runbook` print, and gates and events in full."""
    state, events = story.state(), story.events()
    words = plan_words(story.plan.model_dump(mode="json", by_alias=True))
    view = status_view(state, words, events[-8:], story.evidence.get)
    shown = [line(event) for event in events]
    for width in WIDTHS:
        shown += status_lines(view, width, ascii_only=False)
        shown += findings_lines(findings_view(state, words, story.now), width)
        shown += runbook_lines(runbook_view(state, words, story.now), width)
        shown += [said for event in events for said in event_lines(event, width)]
        for gate in view.gates:
            shown += gate_lines(gate, width)
    return shown


def check_terminal(say: Say) -> None:
    for shown in terminal_lines(hostile_story(say)):
        assert "\n" not in shown, shown
        assert not STEERS.search(shown), shown


@pytest.mark.parametrize("start", range(STORIES))
def test_known_attacks_steer_no_terminal(start: int) -> None:
    check_terminal(in_turn(start))


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
def test_each_attack_in_every_place_steers_no_terminal(part: int) -> None:
    for text in PAYLOADS[part::4]:
        check_terminal(always(text))


@settings(max_examples=50)
@given(st.text(max_size=80))
@example("")
def test_no_text_steers_a_terminal(text: str) -> None:
    check_terminal(always(text))


def test_every_attack_stands_in_at_least_three_places() -> None:
    said: Counter[str] = Counter()

    def noted(say: Say) -> Say:
        def note() -> str:
            word = say()
            said[word] += 1
            return word

        return note

    for start in range(STORIES):
        hostile_story(noted(in_turn(start)))
    assert min(said[text] for text in PAYLOADS) >= 3


# tables --------------------------------------------------------------------------

RUN_BY_A_SPREADSHEET = re.compile(r"[=+\-@\t\r＝＋－＠]")


def check_cell(text: str) -> None:
    shown = cell(text)
    assert not RUN_BY_A_SPREADSHEET.match(shown), (shown, text)
    assert not STEERS.search(shown), (shown, text)
    assert "\n" not in shown
    written = "".join(csv_lines(["a", text], [[text, -1], [None, text]]))
    rows = list(csv.reader(io.StringIO(written)))
    assert rows == [["a", cell(text)], [cell(text), "'-1"], ["", cell(text)]]
    assert written.count("\r\n") == 3


def test_known_attacks_are_no_formula() -> None:
    for text in PAYLOADS:
        check_cell(text)


@given(st.text(max_size=40))
@example("=1+1")
@example("\x00=1+1")
def test_no_text_is_a_formula(text: str) -> None:
    check_cell(text)


@given(st.recursive(st.one_of(st.none(), st.integers(), st.text()), st.lists, max_leaves=6))
def test_json_for_a_terminal_is_the_same_document(document: Any) -> None:
    shown = visible_json(json.dumps(document, ensure_ascii=False))
    assert json.loads(shown) == document
    assert not STEERS.search(shown)


def test_there_are_at_least_200_different_attacks() -> None:
    assert len(set(PAYLOADS)) == len(PAYLOADS) >= 200
    assert Path(__file__).parents[1].joinpath("hostile.jsonl").read_text("utf-8").isascii()
