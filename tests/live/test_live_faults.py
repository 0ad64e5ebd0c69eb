"""Everything that can go wrong between a live controller and its services, over real sockets.

Each fault leaves a clear state, the rollout goes on or waits for a named person, and the sandbox's
journal shows that nothing was lost and nothing doubled.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from _pytest.mark import ParameterSet
from live_loop import RUN, Loop, small_rollout
from sandbox_process import SYNC_A, SandboxProcess, sandbox, small_scenario

from rollout.domain.effects import Yes
from rollout.domain.events import (
    EffectAnswered,
    EffectIntended,
    FindingRaised,
    Measured,
    Payload,
    StepTroubled,
)
from rollout.domain.instants import from_text
from rollout.domain.state import EffectState

SPEED = 600
TRIGGER = f"POST /syncs/{SYNC_A}/trigger"
POLL = "GET /sync_runs/*"
RUNS = f"GET /syncs/{SYNC_A}/sync_runs"


def more(fault: dict[str, Any]) -> ParameterSet:
    """A relative of another fault of its list, for the slow part."""
    return pytest.param(fault, marks=pytest.mark.slow)


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    scenario = small_scenario(tmp_path_factory.mktemp("sandbox"))
    with sandbox("--scenario", scenario, speed=SPEED) as running:
        yield running


@pytest.fixture
def box(process: SandboxProcess) -> Iterator[SandboxProcess]:
    yield process
    process.post("/faults/clear", {})
    process.post("/clock", {"skip": 3600, "speed": SPEED})  # whatever runs has ended


@pytest.fixture
def loop(box: SandboxProcess, tmp_path: Path) -> Iterator[Loop]:
    with small_rollout(box, tmp_path) as begun:
        begun.before = box.get("/journal?limit=1")["last"]
        yield begun


def sent(loop: Loop) -> list[dict[str, Any]]:
    """Triggers of this test that reached the sandbox's door."""
    found = loop.box.journal(method="POST", path="*/trigger", after=loop.before)
    return [e for e in found if e["agent"] == "rollout"]


def begun(loop: Loop) -> int:
    """Runs that triggers of this test began, as Census itself lists them."""
    since = loop.state.created_at
    assert since is not None
    runs = loop.box.census().runs(SYNC_A, since=since)
    return len([run for run in runs if run.trigger == "API"])


def trigger_of(loop: Loop, name: str = RUN) -> EffectState:
    return loop.state.effects[name]


def answers(loop: Loop) -> list[str]:
    return [p.answer for p in loop.events(EffectAnswered)]


def assert_once(loop: Loop, posts: int = 1) -> None:
    """However often it was asked for, the sync ran once, and the log knows that run as ours."""
    assert len(sent(loop)) == posts
    assert begun(loop) == 1
    assert len({r.run_id for r in loop.state.runs.values() if r.ours}) == 1


def at_the_trigger(happens: Callable[[], None]) -> Callable[[Payload], None]:
    """Between the commit of the first intent to trigger and its request."""
    done: list[Payload] = []

    def on_event(payload: Payload) -> None:
        if isinstance(payload, EffectIntended) and payload.action == "trigger" and not done:
            done.append(payload)
            happens()

    return on_event


def shut(loop: Loop, seconds: float) -> None:
    """Census' port refuses connections for so many virtual seconds from now on."""
    loop.box.order(on="census", do="refuse", seconds=seconds)
    address = urlsplit(loop.box.document["census"])
    while True:
        try:
            socket.create_connection((address.hostname, address.port), 5).close()
        except ConnectionRefusedError:
            return
        except ConnectionError:
            continue  # it is about to be shut


# The answer to a trigger


@pytest.mark.parametrize(
    "fault",
    [
        {"do": "timeout_after_effect"},
        {"do": "status_after_effect", "status": 500},
        more({"do": "status_after_effect", "status": 504, "body": "<html>gateway</html>"}),
        more({"do": "cut_json"}),
        more({"do": "garbage"}),
        {"do": "garbage", "bytes": 100 * 1024 * 1024},
        more({"do": "empty"}),
    ],
    ids=lambda f: f"{f['do']}{f.get('status', '')}{f.get('bytes', '')}",
)
def test_a_trigger_whose_answer_is_lost_is_adopted_and_not_sent_again(
    loop: Loop, fault: dict[str, Any]
) -> None:
    loop.box.order(match=TRIGGER, **fault)
    loop.to_the_end()
    assert trigger_of(loop).how == "adopted"
    assert answers(loop) == ["unknown"]
    assert_once(loop)


@pytest.mark.parametrize(
    "fault",
    [
        more({"do": "timeout_before_effect"}),
        {"do": "status", "status": 500},
        more({"do": "status", "status": 503}),
        {"do": "html"},
        more({"do": "html", "bytes": 100 * 1024 * 1024}),
    ],
    ids=lambda f: f"{f['do']}{f.get('status', '')}{f.get('bytes', '')}",
)
def test_a_trigger_that_may_not_have_arrived_waits_for_a_named_person(
    loop: Loop, fault: dict[str, Any]
) -> None:
    loop.box.order(match=TRIGGER, **fault)
    loop.settle_wanted()
    assert "no run of sync_a" in trigger_of(loop).detail
    assert begun(loop) == 0
    loop.say("settle", RUN)
    loop.to_the_end()
    assert [e.effect for e in loop.events(EffectIntended)][-2:] == [RUN, "only/1/run/trigger-2"]
    assert_once(loop, posts=2)


def test_of_two_candidates_none_is_adopted_and_a_named_person_is_told_why(loop: Loop) -> None:
    """Somebody else's trigger arrives between our look and our request, whose answer is lost."""
    others: list[int] = []

    def meddle() -> None:
        answer = loop.box.census().trigger(SYNC_A)
        assert isinstance(answer, Yes)
        others.append(answer.value)

    loop.on_event = at_the_trigger(meddle)
    loop.box.order(match=TRIGGER, nth=2, do="timeout_after_effect")
    loop.settle_wanted()
    detail = trigger_of(loop).detail
    assert "several runs could be ours" in detail
    assert str(others[0]) in detail
    (ours,) = {int(word) for word in re.findall(r"\b99\d{4}\b", detail)} - set(others)
    loop.say("settle", RUN, run_id=ours)
    state = loop.until(lambda s: s.phases["only"].stage == "held")
    assert state.effects[RUN].value == ours
    assert "ended skipped" in state.phases["only"].reason  # Census had another one to run
    assert len(sent(loop)) == 2  # theirs and ours, and nothing again


def test_a_token_refused_at_the_trigger_holds_the_phase_until_somebody_tries_again(
    loop: Loop,
) -> None:
    loop.box.order(match=TRIGGER, do="expire_token", seconds=60)
    state = loop.until(lambda s: s.phases["only"].stage == "held")
    assert "the token is not accepted" in state.phases["only"].reason
    assert trigger_of(loop).how == "refused"
    loop.box.post("/faults/clear", {})  # on a fast machine the hold comes before the minute is over
    assert begun(loop) == 0
    loop.say("retry")
    loop.to_the_end()
    assert trigger_of(loop, "only/2/run/trigger-1").how == "done"
    assert_once(loop, posts=2)


def test_429_is_waited_for_as_long_as_was_asked(loop: Loop) -> None:
    loop.box.order(match=TRIGGER, do="status", status=429, headers={"Retry-After": "300"})
    loop.to_the_end()
    refused, resent = loop.events(EffectAnswered)
    assert (refused.answer, resent.answer) == ("no", "resent")
    again = next(e for e in sent(loop) if e["status"] == 200)
    first = next(e for e in sent(loop) if e["status"] == 429)
    waited = from_text(again["at"]) - from_text(first["at"])
    assert timedelta(seconds=300) <= waited < timedelta(hours=1)
    assert trigger_of(loop).how == "done"
    assert_once(loop, posts=2)


def test_a_refused_connection_is_tried_again_until_there_is_one(loop: Loop) -> None:
    loop.on_event = at_the_trigger(lambda: shut(loop, 1200))
    loop.to_the_end()
    assert set(answers(loop)) == {"no", "resent"}
    assert "no connection" in loop.events(EffectAnswered)[0].detail
    assert trigger_of(loop).how == "done"
    assert_once(loop)


def test_a_connection_that_is_reset_may_have_carried_the_trigger(loop: Loop) -> None:
    """The port shuts while the request is on its way: nobody knows, and looking has to wait."""
    loop.box.order(match=TRIGGER, on="census", do="refuse", seconds=1200)
    state = loop.settle_wanted()
    assert answers(loop) == ["unknown"]
    assert [f.state for f in state.findings.values()] == ["resolved"]  # nobody could look for long
    loop.say("settle", RUN)
    loop.to_the_end()
    assert_once(loop, posts=2)


# While a run is watched


@pytest.mark.parametrize(
    "fault",
    [
        {"do": "html"},
        {"do": "cut_json"},
        more({"do": "garbage"}),
        more({"do": "garbage", "bytes": 100 * 1024 * 1024}),
        more({"do": "status", "status": 500}),
        more({"do": "status", "status": 429, "headers": {"Retry-After": "60"}}),
        more({"do": "timeout_after_effect"}),
    ],
    ids=lambda f: f"{f['do']}{f.get('status', '')}{f.get('bytes', '')}",
)
def test_a_poll_without_an_answer_is_asked_again_and_the_log_says_so(
    loop: Loop, fault: dict[str, Any]
) -> None:
    loop.box.order(match=POLL, **fault)
    loop.to_the_end()
    troubles = [p.detail for p in loop.events(StepTroubled)]
    assert len(troubles) == 2
    assert "census" in troubles[0]
    assert troubles[1] == ""
    assert loop.events(FindingRaised) == []
    assert_once(loop)


def test_a_token_that_expires_in_mid_run_is_a_finding_until_it_is_accepted_again(
    loop: Loop,
) -> None:
    loop.box.order(match=POLL, nth=2, do="expire_token", seconds=600)
    loop.to_the_end()
    (found,) = loop.events(FindingRaised)
    assert (found.severity, found.owner) == ("P1", "project_lead")
    assert "401" in found.detail
    assert [f.state for f in loop.state.findings.values()] == ["resolved"]
    assert_once(loop)


def test_a_port_that_is_shut_for_an_hour_is_a_finding_and_the_run_is_found_again(
    loop: Loop,
) -> None:
    loop.box.order(match=POLL, on="census", do="refuse", seconds=3600)
    loop.to_the_end()
    (found,) = loop.events(FindingRaised)
    assert "no connection" in found.detail or "no whole answer" in found.detail
    assert_once(loop)


# The warehouse


def test_a_warehouse_that_is_cold_for_three_minutes_is_waited_for(loop: Loop) -> None:
    """Twelve real seconds: more than the connector's own second request makes up for."""
    loop.box.post("/clock", {"speed": 15})
    loop.box.order(on="warehouse", do="cold", seconds=180)
    loop.until(lambda s: s.phases["only"].stage == "running")
    loop.box.post("/clock", {"speed": SPEED})
    loop.to_the_end()
    verdicts = [p.verdict for p in loop.events(Measured) if p.check == "queue_answers"]
    assert verdicts[-1].value == "pass"
    asked = loop.box.journal(service="warehouse", after=loop.before)
    assert 503 in {e["status"] for e in asked}
    assert any("waiting for the warehouse since" in word for word in loop.words)
    assert_once(loop)


@pytest.mark.parametrize(
    "fault",
    [
        more({"do": "html"}),
        {"do": "cut_json"},
        more({"do": "garbage", "bytes": 100 * 1024 * 1024}),
        more({"do": "status", "status": 500}),
        {"do": "expire_token", "seconds": 60},
        more({"do": "timeout_after_effect"}),
    ],
    ids=lambda f: f"{f['do']}{f.get('status', '')}{f.get('bytes', '')}",
)
def test_a_check_whose_statement_gets_no_answer_never_passes_and_is_asked_again(
    loop: Loop, fault: dict[str, Any]
) -> None:
    loop.box.order(match="ExecuteStatement *queued*", on="warehouse", **fault)
    loop.to_the_end()
    looks = [p for p in loop.events(Measured) if p.check == "queue_answers"]
    *without, last = [p.verdict.value for p in looks]
    assert (set(without), last) == ({"error"}, "pass")  # a fast look finds the token still refused
    assert "databricks" in looks[0].reason
    assert_once(loop)


def test_a_warehouse_that_stays_away_holds_the_gate_with_a_finding(loop: Loop) -> None:
    loop.box.order(match="ExecuteStatement *queued*", on="warehouse", do="html", times=0)
    loop.until(lambda s: s.phases["only"].stage == "held")
    assert [f.check for f in loop.events(FindingRaised)] == ["queue_answers"]
    assert sent(loop) == []
    loop.box.post("/faults/clear", {})
    loop.say("resume")
    loop.to_the_end()
    assert [f.state for f in loop.state.findings.values()] == ["resolved"]
    assert_once(loop)
