"""A report as people see it: rendered by a real browser, measured, and read back."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from builders import FAIL, PASS, Found, Story, completed_story, make_check, make_plan, observed
from chromium import Chromium, browser, installed
from hostile import always, hostile_story, in_turn

from rollout.domain import events as e
from rollout.domain.evidence import Decision, Verdict
from rollout.domain.plan import GateSpec
from rollout.reports.folder import report_files
from rollout.reports.gate_report import gate_report
from rollout.reports.page import gate_page
from rollout.reports.series import seen_in_events
from rollout.reports.verdicts import must, seal_of

REQUIRED = "ROLLOUT_REQUIRE_CHROMIUM"
"""Set to 1, a missing browser is a failure instead of a skip."""

WIDTHS = (400, 1280)
OPEN = "document.querySelectorAll('details').forEach(d => { d.open = true })"

OVERFLOWING = """
[...document.querySelectorAll('body *')].filter(element => {
  if (element.closest('.wide') && !element.matches('.wide')) return false
  if (element.closest('svg') && !element.matches('svg')) return false
  const box = element.getBoundingClientRect()
  return box.width > 0 && (box.right > innerWidth + 0.5 || box.left < -0.5)
}).map(element => element.tagName + '.' + element.className)
"""

LOW_CONTRAST = """
(() => {
  const part = value => (value /= 255) <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
  const light = ([r, g, b]) => 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b)
  const numbers = text => (text.match(/[0-9.]+/g) || []).map(Number)
  const ground = element => {
    for (let here = element; here; here = here.parentElement) {
      const found = numbers(getComputedStyle(here).backgroundColor)
      if (found.length === 3 || found[3] > 0) return found
    }
    return [255, 255, 255]
  }
  return [...document.querySelectorAll('body *:not(title)')].filter(element =>
    [...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim())
  ).map(element => {
    const style = getComputedStyle(element)
    const ink = numbers(element.closest('svg') ? style.fill : style.color)
    const [high, low] = [light(ink), light(ground(element))].sort((a, b) => b - a)
    return [(high + 0.05) / (low + 0.05), element.tagName + '.' + (element.className.baseVal ?? element.className)]
  }).filter(([ratio]) => ratio < 4.5)
})()
"""


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    if installed() is None:
        assert os.environ.get(REQUIRED) != "1", "install chromium: apt-get install chromium"
        pytest.skip("there is no Chromium: apt-get install chromium")
    with browser(tmp_path_factory.mktemp("profile")) as found:
        yield found


def rich_story() -> Story:
    """A no-go with everything a page can hold, some of it very long."""
    names = ["empty_keys", "told", "drift", "watched"]
    plan = make_plan(timezone="America/Los_Angeles")
    checks = [
        *plan.gates["ready"].checks,
        make_check("watched", go={"rows": "<= 2"}, inputs={"sql": "SELECT 1"}),
    ]
    gate = GateSpec(gate="ready", title="Everything is ready", number=1, checks=checks)
    plan = plan.model_copy(update={"gates": {**plan.gates, "ready": gate}})
    story = Story(plan=plan).begin().stage("pilot", "open_entry", "pending", "entry_gate")
    place: dict[str, Any] = {
        "phase": "pilot", "attempt": 1, "moment": "entry", "gate": "ready", "round": 1,
    }  # fmt: skip
    rows: list[dict[str, Any]] = [
        {"key": f"k{n}", **{f"source_column_{c}": "w" * 60 for c in range(9)}} for n in range(20)
    ]
    query = "SELECT " + ", ".join(f"a_rather_long_name_of_a_column_{n}" for n in range(200))
    story.add(e.GateOpened(**place, checks=names))
    found: dict[str, Found] = {
        "empty_keys": (FAIL, observed(sample=rows, query=query + "x" * 900, rows=31)),
        "told": (Verdict.INCONCLUSIVE, observed(rows=0)),
        "drift": (FAIL, observed(rows=7)),
        "watched": PASS,
    }
    for count in (5, 1, 0, 2):
        story.wait(hours=1).measure(place, "watched", PASS, observed(rows=count))
    for check, said in found.items():
        verdict, observation = said if isinstance(said, tuple) else (said, observed(rows=0))
        if check != "watched":
            story.measure(place, check, verdict, observation)
        story.add(e.CheckConcluded(**place, check=check, verdict=verdict, reason=f"{check} reason"))
    story.decide(place, found, Decision.NO_GO)
    story.stage("pilot", "entry_no_go", "entry_gate", "held")
    return story.say("hold", "pilot", reason="averylongwordwithoutanyspace" * 12)


def report_of(story: Story, position: int = -1) -> dict[str, Any]:
    state, seen = story.state(), seen_in_events(story.events())
    return gate_report(state, story.plan, story.evidence, state.gates[position], seen=seen)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pages") / "gate.html"
    path.write_text(gate_page(report_of(rich_story())), encoding="utf-8")
    return path


@pytest.mark.parametrize("width", [320, *WIDTHS])
def test_nothing_is_wider_than_the_screen(chromium: Chromium, page: Path, width: int) -> None:
    chromium.open(page, width)
    chromium.value(OPEN)
    assert chromium.value("document.documentElement.scrollWidth") <= width
    assert chromium.value(OVERFLOWING) == []


@pytest.mark.parametrize("width", WIDTHS)
def test_what_people_read_is_what_the_store_says(
    chromium: Chromium, page: Path, width: int
) -> None:
    chromium.open(page, width)
    chromium.value(OPEN)
    seen = " ".join(str(chromium.value("document.body.innerText")).split())
    report = report_of(rich_story())
    assert "NO-GO" in seen
    assert report["question"] in seen
    assert len(report["checks"]) == 4
    for check in report["checks"]:
        assert f"{seal_of(check)} {check['title']}" in seen
        for ruling in check["rulings"]:
            figures = f"{ruling['observed_in_words']}.{{1,40}}{re.escape(must(ruling))}"
            assert re.search(figures, seen), ruling
        assert check["evidence"] in seen
    for said in (report["verify"]["log_head"], report["verify"]["evidence_sha256"]):
        assert said in seen


def test_the_first_screen_answers_the_first_questions(chromium: Chromium, page: Path) -> None:
    chromium.open(page, 1280, 800)
    bottom = chromium.value(
        "Math.max(...[...document.querySelectorAll('.verdict, .first')]"
        ".map(e => e.getBoundingClientRect().bottom))"
    )
    assert bottom <= 800


def test_the_page_loads_nothing_and_its_policy_refuses_nothing(
    chromium: Chromium, page: Path
) -> None:
    chromium.open(page, 1280)
    asked = [
        said["params"]["request"]["url"]
        for said in chromium.told
        if said["method"] == "Network.requestWillBeSent"
    ]
    assert asked == [page.absolute().as_uri()]
    complaints = ("Log.entryAdded", "Audits.issueAdded", "Runtime.exceptionThrown")
    assert [said for said in chromium.told if said["method"] in complaints] == []
    colour = chromium.value("getComputedStyle(document.querySelector('.word')).color")
    assert colour == "rgb(127, 22, 0)"  # the style sheet was let through


def test_a_script_that_slipped_in_would_not_run(chromium: Chromium, tmp_path: Path) -> None:
    text = gate_page(report_of(rich_story()))
    evil = "<script>window.ran = 1</script><img src=x onerror='window.ran = 2'><style>*{color:red}</style>"
    path = tmp_path / "evil.html"
    path.write_text(text.replace("<main>", f"<main>{evil}"), encoding="utf-8")
    chromium.open(path, 1280)
    assert chromium.value("window.ran") is None
    assert chromium.value("getComputedStyle(document.body).color") != "rgb(255, 0, 0)"
    assert any(said["method"] == "Log.entryAdded" for said in chromium.told)


@pytest.mark.parametrize("is_dark", [False, True])
def test_every_word_can_be_told_from_its_ground(
    chromium: Chromium, page: Path, is_dark: bool
) -> None:
    chromium.open(page, 1280)
    chromium.value(OPEN)
    chromium.dark(on=is_dark)
    assert chromium.value("matchMedia('(prefers-color-scheme: dark)').matches") is is_dark
    assert chromium.value(LOW_CONTRAST) == []


def test_on_paper_the_folds_are_open_and_the_ink_is_black(
    chromium: Chromium, page: Path, tmp_path: Path
) -> None:
    chromium.open(page, 794, media="print")
    hidden = "[...document.querySelectorAll('details *')].filter(e => !e.checkVisibility()).length"
    assert chromium.value(hidden) == 0
    assert (
        chromium.value("document.querySelector('details pre').getBoundingClientRect().height") > 20
    )
    assert (
        chromium.value("getComputedStyle(document.querySelector('.word')).color") == "rgb(0, 0, 0)"
    )
    assert chromium.value("document.documentElement.scrollWidth") <= 794
    chromium.open(page, 1280)
    assert chromium.value(hidden) > 0
    chromium.paper(tmp_path / "gate.pdf")
    assert (tmp_path / "gate.pdf").read_bytes().startswith(b"%PDF")


def test_a_picture_is_heard_by_its_title(chromium: Chromium, page: Path) -> None:
    chromium.open(page, 1280)
    nodes = chromium.ask("Accessibility.getFullAXTree")["nodes"]
    pictures = [n["name"]["value"] for n in nodes if n.get("role", {}).get("value") == "image"]
    assert [p for p in pictures if p] == [
        "Rows over 4 samples in 3h, from 0 to 5, at last 2; required exactly 0."
    ]


SHAPE = "[...document.querySelectorAll('*')].map(e => e.tagName + e.attributes.length).join(' ')"


def test_attacks_stay_words_in_a_real_browser(chromium: Chromium, tmp_path: Path) -> None:
    path, shapes = tmp_path / "gate.html", set()
    for say in (always("benign"), *(in_turn(start) for start in range(6))):
        path.write_text(gate_page(report_of(hostile_story(say), 0)), encoding="utf-8")
        chromium.open(path, 400)
        chromium.value(OPEN)
        shapes.add(chromium.value(SHAPE))
        assert chromium.value("document.documentElement.scrollWidth") <= 400
        heard = {said["method"] for said in chromium.told}
        assert not heard & {"Log.entryAdded", "Audits.issueAdded", "Page.javascriptDialogOpening"}
    assert len(shapes) == 1


@pytest.mark.parametrize("width", WIDTHS)
def test_the_index_fits_too(chromium: Chromium, tmp_path: Path, width: int) -> None:
    story = completed_story()
    for name, text in report_files(story.state(), story.plan, story.evidence):
        (tmp_path / name).write_text(text, encoding="utf-8")
    chromium.open(tmp_path / "index.html", width)
    assert chromium.value("document.documentElement.scrollWidth") <= width
    assert chromium.value(OVERFLOWING) == []
    seen = " ".join(str(chromium.value("document.body.innerText")).split())
    for gate in story.state().gates:
        assert story.plan.gates[gate.gate].title in seen
    broken = "[...document.querySelectorAll('.forms a')].filter(a => a.getClientRects().length > 1)"
    assert chromium.value(f"{broken}.length") == 0, "a name of a form is broken over two lines"
