"""A log of any length, a page and a look at a time."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
from builders import NAME, Story, completed_story, held_story, make_run
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import payloads
from view_stories import hostile, steers_nothing

from rollout.domain import events as e
from rollout.domain.chain import SealedEvent
from rollout.domain.evidence import Decision, Verdict
from rollout.ports import Head
from rollout.view import log_page
from rollout.view.chain_mark import ChainMark
from rollout.view.event_marks import mark_of
from rollout.view.log_filter import LogFilter, parse_filter, phase_of
from rollout.view.log_page import (
    LogPages,
    LogSource,
    Matches,
    find_next,
    find_previous,
    look_back,
    look_on,
)
from rollout.view.log_text import DENSITIES, event_lines, log_line
from rollout.view.text import cells


class ListSource:
    """A log in a list; counts what it hands out."""

    def __init__(self, events: list[e.Event]) -> None:
        self.all = events
        self.handed_out = 0

    def head(self, rollout: str) -> Head:
        return Head(seq=len(self.all), hash=self.all[-1].hash if self.all else "")

    def events(
        self,
        rollout: str,
        *,
        after: int = 0,
        before: int | None = None,
        limit: int | None = None,
        kinds: Iterable[str] = (),
        newest: bool = False,
    ) -> list[e.Event]:
        wanted = set(kinds)
        found = [
            x
            for x in self.all[after : None if before is None else before - 1]
            if not wanted or e.kind_of(x.payload) in wanted
        ]
        if limit is not None:
            found = found[-limit:] if newest else found[:limit]
        self.handed_out += len(found)
        return found

    def sealed(
        self, rollout: str, after: int = 0, before: int | None = None, limit: int | None = None
    ) -> list[SealedEvent]:
        raise AssertionError("nobody asked for it")

    def close(self) -> None:
        raise AssertionError("nobody asked for it")


def long_log(count: int) -> ListSource:
    """Every tenth is a run, every hundredth goes wrong."""

    def payload(n: int) -> Any:
        if n % 100 == 0:
            return e.StepFailed(phase="full", attempt=1, step="s", reason=f"trouble {n}")
        if n % 10 == 0:
            return make_run(run_id=n)
        return e.StepStarted(phase="pilot", attempt=1, step=f"s{n}")

    at = Story().now
    return ListSource(
        [
            e.Event(
                rollout=NAME, seq=n, at=at, actor="ann" if n % 7 == 0 else "rollout",
                payload=payload(n), prev="", hash=str(n),
            )
            for n in range(1, count + 1)
        ]
    )  # fmt: skip


# filters ---------------------------------------------------------------------


def test_a_filter_reads_words_and_names_in_any_order() -> None:
    wanted = parse_filter('fail phase:pilot "no go" kind:measured actor:ann kind:gate_decided')
    assert wanted == LogFilter(
        kinds=("measured", "gate_decided"), phase="pilot", actor="ann", words=("fail", "no go")
    )
    assert parse_filter(wanted.said()) == wanted
    assert not parse_filter("  ")


def test_a_filter_that_is_still_being_typed_is_words() -> None:
    assert parse_filter('"no go').words == ('"no', "go")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kind:mesured", "did you mean measured?"),
        ("kind:xyz", "one of rollout_created"),
        ("phase:", "`phase:` names none"),
    ],
)
def test_a_filter_that_cannot_be_read_says_what_may_be_meant(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        parse_filter(text)


@settings(max_examples=60)
@given(
    st.lists(st.sampled_from(["measured", "run_observed"]), max_size=2),
    st.text(max_size=8),
    st.lists(st.text(min_size=1, max_size=8), max_size=3),
)
def test_what_a_filter_says_can_be_typed_again(
    kinds: list[str], actor: str, words: list[str]
) -> None:
    plain_words = [
        w
        for w in words
        if w.isprintable() and w.partition(":")[0] not in {"kind", "phase", "actor"}
    ]
    actor = actor if actor.isprintable() else ""
    wanted = LogFilter(kinds=tuple(kinds), actor=actor, words=tuple(plain_words))
    assert parse_filter(wanted.said()) == wanted


@pytest.mark.parametrize(
    ("payload", "phase"),
    [
        (make_run(phase="full"), "full"),
        (e.EffectAnswered(effect="pilot/1/s/x", answer="no", detail=""), "pilot"),
        (e.FindingResolved(finding="pilot-1-keys", how="resolved", by="a", reason=""), "pilot"),
        (e.RolloutEnded(outcome="completed"), ""),
    ],
)
def test_events_know_their_phase(payload: Any, phase: str) -> None:
    assert phase_of(payload) == phase


# pages -----------------------------------------------------------------------


def test_a_page_is_read_once_and_old_ones_go() -> None:
    source = long_log(10_000)
    pages = LogPages(source, NAME)
    for seq in (1, 200, 1, 199):
        found = pages.event(seq)
        assert found is not None
        assert found.seq == seq
    assert source.handed_out == log_page.PAGE
    for seq in range(1, 10_000, 100):
        pages.event(seq)
    assert len(pages._pages) == log_page.PAGES


def test_what_is_not_there_is_none_until_it_is() -> None:
    source = long_log(250)
    pages = LogPages(source, NAME)
    assert pages.event(0) is None
    assert pages.event(251) is None
    source.all += long_log(260).all[250:]
    found = pages.event(251)
    assert found is not None
    assert found.seq == 251


# looks -----------------------------------------------------------------------

filters = st.sampled_from(
    [
        LogFilter(),
        LogFilter(kinds=("run_observed",)),
        LogFilter(words=("TROUBLE",)),
        LogFilter(phase="full"),
        LogFilter(actor="ANN", kinds=("step_started",)),
        LogFilter(words=("nothing says this",)),
    ]
)


def _all(source: ListSource, wanted: LogFilter) -> list[int]:
    return [x.seq for x in source.all if wanted.matches(x)]


@settings(max_examples=40)
@given(st.integers(0, 1500), st.integers(0, 700), filters)
def test_looks_back_and_on_find_every_match_once(size: int, more: int, wanted: LogFilter) -> None:
    source = long_log(size)
    matches = Matches(source, NAME, wanted, size)
    for _ in range(20):
        matches.older()
    assert matches.is_complete
    source.all = long_log(size + more).all
    for _ in range(20):
        matches.newer(size + more)
    found = [matches.seq(n) for n in range(len(matches))]
    assert found == _all(source, wanted)
    for position, seq in list(enumerate(found))[::7]:
        assert matches.position(seq) == position


def test_a_look_never_opens_more_than_it_may() -> None:
    source = long_log(50_000)
    matches = Matches(source, NAME, LogFilter(words=("nothing says this",)), 50_000)
    matches.older()
    assert source.handed_out <= log_page.LOOK
    assert not matches.is_complete
    assert matches.low == 50_001 - log_page.LOOK
    source.handed_out = 0
    by_kind = Matches(source, NAME, LogFilter(kinds=("run_observed",)), 50_000)
    assert by_kind.older() == source.handed_out > 0
    assert by_kind.low == 50_001 - log_page.LOOK_BY_KIND


def test_the_newest_matches_are_found_first() -> None:
    matches = Matches(long_log(5000), NAME, LogFilter(words=("trouble",)), 5000)
    matches.older()
    assert [matches.seq(n) for n in range(len(matches))] == [4700, 4800, 4900, 5000]
    matches.older()
    assert matches.seq(0) == 4300


@settings(max_examples=60)
@given(st.integers(0, 1200), st.integers(-5, 1300), filters)
def test_a_search_goes_from_match_to_match_in_bounded_steps(
    size: int, start: int, wanted: LogFilter
) -> None:
    source: LogSource = long_log(size)
    start = min(max(start, 0), size)
    known = _all(long_log(size), wanted)
    at, found = start, None
    for _ in range(10):
        step = find_next(source, NAME, wanted, after=at, head=size)
        found, at = step.seq, step.at
        if found is not None or step.is_over:
            break
    assert found == next((seq for seq in known if seq > start), None)
    at, found = start, None
    for _ in range(10):
        step = find_previous(source, NAME, wanted, before=at)
        found, at = step.seq, step.at
        if found is not None or step.is_over:
            break
    assert found == next((seq for seq in reversed(known) if seq < start), None)


def test_a_look_at_nothing_finds_nothing() -> None:
    source = long_log(3)
    assert look_back(source, NAME, LogFilter(), before=1).found == []
    assert look_on(source, NAME, LogFilter(), after=3, before=4).found == []


# chain -----------------------------------------------------------------------


def _sealed(story: Story) -> list[SealedEvent]:
    return [
        SealedEvent(
            x.rollout, x.seq, x.at.isoformat().replace("+00:00", "Z"), x.actor,
            e.kind_of(x.payload), e.VERSION, e.encode_payload(x.payload), x.prev, x.hash,
        )
        for x in story.events()
    ]  # fmt: skip


def test_the_chain_is_followed_a_stretch_at_a_time() -> None:
    sealed = _sealed(completed_story())
    mark = ChainMark(NAME)
    mark.follow(sealed[:5])
    assert mark.said(len(sealed)) == f"▸ RUN chain to #5 of {len(sealed)}"
    mark.follow(sealed[5:])
    assert mark.said(len(sealed), ascii_only=True) == f"+ PASS chain whole to #{len(sealed)}"


def test_a_changed_event_breaks_the_chain_and_nothing_behind_it_is_trusted() -> None:
    sealed = _sealed(completed_story())
    sealed[6] = msgspec.structs.replace(sealed[6], actor="mallory")
    mark = ChainMark(NAME)
    mark.follow(sealed)
    assert mark.verified == 6
    assert mark.said(99).startswith("✗ FAIL chain broken at #7: ")


# text ------------------------------------------------------------------------


def test_an_event_in_three_densities() -> None:
    event = held_story().events()[-1]
    compact, normal, raw = (log_line(event, 200, density) for density in DENSITIES)
    assert (
        compact
        == "#12 17:00:00 ✗ FAIL pilot: entry_gate to held by entry_no_go: ready is no_go: empty_keys fail"
    )
    assert normal.startswith("#12 2026-01-05 17:00:00Z rollout      ✗ FAIL pilot: entry_gate to ")
    assert raw.startswith('#12 stage_changed {"attempt":1,"kind":"stage_changed"')


def test_a_whole_event_has_every_field_and_its_place_in_the_chain() -> None:
    event = held_story().events()[-2]
    text = "\n".join(event_lines(event, 80))
    assert f"hash     {event.hash}" in text
    assert '"finding": "pilot-1-empty_keys"' in text
    assert "kind     finding_raised" in text


def test_a_whole_event_may_be_very_long_and_says_what_is_left_out() -> None:
    payload = e.StepFailed(phase="p", attempt=1, step="s", reason="x" * 200_000)
    event = msgspec.structs.replace(held_story().events()[-1], payload=payload)
    assert event_lines(event, 80)[-1].startswith("and 100,")
    assert event_lines(event, 80)[-1].endswith(" more characters")


@settings(max_examples=80)
@given(payloads, hostile, st.integers(10, 160), st.sampled_from(DENSITIES), st.booleans())
def test_no_event_breaks_a_line(
    payload: Any, actor: str, width: int, density: str, ascii_only: bool
) -> None:
    event = e.Event(
        rollout=NAME, seq=10**7, at=Story().now, actor=actor, payload=payload, prev="", hash=""
    )
    line = log_line(event, width, density, ascii_only=ascii_only)
    assert cells(line) <= width
    assert steers_nothing(line)
    for whole in event_lines(event, width):
        assert cells(whole) <= width
        assert steers_nothing(whole)


@given(payloads)
def test_every_kind_of_event_has_a_mark_or_none(payload: Any) -> None:
    mark = mark_of(payload)
    assert mark is None or mark.word


def test_marks_say_what_went_wrong() -> None:
    place: dict[str, Any] = {"phase": "p", "attempt": 1, "moment": "exit", "gate": "g", "round": 1}
    decided = e.GateDecided(**place, decision=Decision.NO_GO, reasons=[], evidence_sha256="")
    measured = e.Measured(**place, check="c", verdict=Verdict.ERROR, reason="", observed={})
    stuck = e.EffectResolved(effect="x", how="needs_human")
    told = e.NoticeAnswered(notice="n", channel="c", severity="P1", title="t", answer="yes")
    words = [m.word if m else "" for m in map(mark_of, (decided, measured, stuck, told))]
    assert words == ["FAIL", "UNKN", "WAIT", ""]
