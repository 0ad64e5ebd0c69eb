"""Delivery beside the tick: at least once, never in the way, and always to be seen in the log."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Event as Signal
from threading import Lock
from typing import Any, NoReturn

import pytest
from builders import Story, make_plan

from rollout.domain import events as e
from rollout.domain.effects import Answer, No, Unknown, Yes
from rollout.domain.errors import KindMisused, ServiceUnreachable, StoreUnavailable
from rollout.domain.plan import Plan
from rollout.engine.outbox import (
    BACKOFF,
    BACKOFF_LIMIT,
    LOST_AFTER_S,
    MAX_SENDS,
    MAX_SENDS_AT_END,
    PER_TICK,
    OutboxRunner,
    deliver_due,
)
from rollout.engine.record import RolloutRecord
from rollout.ports import Notifier

PATIENCE_S = 10.0
"""Seconds that a test waits for a thread which has nothing to do but end."""


@dataclass
class Clock:
    """The story's own time."""

    story: Story

    def now(self) -> datetime:
        return self.story.now


@dataclass
class Channels:
    """Connections that only tell people. `answer` is called for each message."""

    answer: Callable[[str], Any] = lambda channel: Yes(None)
    sent: list[tuple[str, str, str]] = field(default_factory=list)
    come: Signal = field(default_factory=Signal)
    lock: Lock = field(default_factory=Lock)

    def send(
        self, channel: str, title: str, body: str, *, dedupe: str, severity: str = ""
    ) -> Answer[None]:
        with self.lock:
            self.sent.append((channel, dedupe, severity))
        said: Answer[None] = self.answer(channel)
        return said

    def notifier(self, name: str) -> Notifier:
        if name == "nobody":
            raise KindMisused(f"no connection {name!r} uses notify")
        return self

    def warehouse(self, name: str) -> NoReturn:
        raise KindMisused(name)

    def sync_service(self, name: str) -> NoReturn:
        raise KindMisused(name)

    def record_store(self, name: str) -> NoReturn:
        raise KindMisused(name)

    def pages(self) -> NoReturn:
        raise KindMisused("no pages")

    def files(self) -> NoReturn:
        raise KindMisused("no files")

    def names(self) -> Iterable[str]:
        return []


def telling(*channels: str) -> Plan:
    return make_plan(
        notifications={"routes": {"P0": [{"channels": list(channels or ("oncall",))}]}}
    )


def finding(name: str) -> e.FindingRaised:
    return e.FindingRaised(
        finding=name,
        check="created",
        phase="pilot",
        attempt=1,
        severity="P0",
        title="Rows are missing",
        owner="data_engineering",
        due_at=None,
        evidence=None,
    )


@dataclass
class Bench:
    """A log with findings, and a runner over it."""

    plan: Plan = field(default_factory=telling)
    findings: int = 1
    channels: Channels = field(default_factory=Channels)
    workers: int = 0
    elapsed: float = 0.0

    def __post_init__(self) -> None:
        self.story = Story(plan=self.plan).begin()
        self.story.stage("pilot", "open_entry", "pending", "entry_gate")
        self.story.add(*(finding(f"f{number}") for number in range(self.findings)))
        self.record = RolloutRecord(self.story.log, self.plan.plan, Clock(self.story))
        self.runner = self.restart()

    def restart(self) -> OutboxRunner:
        """As a new process would begin: nothing is remembered but the log."""
        self.record = RolloutRecord(self.story.log, self.plan.plan, Clock(self.story))
        self.runner = OutboxRunner(
            self.plan,
            self.record,
            self.channels,
            Clock(self.story),
            self.workers,
            lambda: self.elapsed,
        )
        return self.runner

    def answers(self) -> list[e.NoticeAnswered]:
        return [
            event.payload
            for event in self.story.events()
            if isinstance(event.payload, e.NoticeAnswered)
        ]


def test_what_is_due_is_sent_and_the_answer_is_in_the_log() -> None:
    bench = Bench()
    assert bench.runner.deliver_due() is None
    assert bench.channels.sent == [("oncall", "two-phases/3/finding_raised/0", "P0")]
    [answered] = bench.answers()
    assert (answered.channel, answered.answer, answered.severity) == ("oncall", "yes", "P0")
    assert "Rows are missing" in answered.title
    assert bench.runner.deliver_due() is None
    assert len(bench.channels.sent) == 1


def test_a_plan_that_tells_nobody_costs_nothing() -> None:
    bench = Bench(plan=make_plan())
    assert bench.runner.deliver_due() is None
    assert bench.answers() == []


def test_the_function_does_the_same_in_this_thread() -> None:
    bench = Bench()
    clock = Clock(bench.story)
    assert deliver_due(bench.record, bench.plan, bench.channels, clock) is None
    assert [a.answer for a in bench.answers()] == ["yes"]


def test_one_call_sends_no_more_than_its_share_and_comes_back_for_the_rest() -> None:
    bench = Bench(findings=PER_TICK + 2)
    wake = bench.runner.deliver_due()
    assert wake is not None
    assert wake.at == bench.story.now
    assert len(bench.channels.sent) == PER_TICK
    assert bench.runner.deliver_due() is None
    assert len(bench.channels.sent) == PER_TICK + 2


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (No("slack answered 404"), "no"),
        (Unknown("no answer within 30 s"), "unknown"),
        (ServiceUnreachable("down"), "no"),
        (RuntimeError("canary"), "unknown"),
        ("ok", "unknown"),
        (None, "unknown"),
    ],
)
def test_whatever_goes_wrong_is_an_answer_and_is_sent_again(answer: Any, said: str) -> None:
    def speak(channel: str) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    bench = Bench(channels=Channels(speak))
    wake = bench.runner.deliver_due()
    [answered] = bench.answers()
    assert answered.answer == said
    assert "canary" not in answered.detail
    assert answered.retry_at == bench.story.now + BACKOFF
    assert wake is not None
    assert wake.at == answered.retry_at


def test_a_channel_that_is_not_there_keeps_no_other_from_being_told() -> None:
    bench = Bench(plan=telling("nobody", "oncall"))
    bench.runner.deliver_due()
    assert {a.channel: a.answer for a in bench.answers()} == {"nobody": "no", "oncall": "yes"}


def test_the_pause_doubles_up_to_its_limit_and_then_it_is_given_up() -> None:
    bench = Bench(channels=Channels(lambda channel: Unknown("lost")))
    pauses = []
    while (wake := bench.runner.deliver_due()) is not None:
        assert wake.at is not None
        pauses.append(wake.at - bench.story.now)
        bench.story.now = wake.at
    assert pauses[:3] == [BACKOFF, BACKOFF * 2, BACKOFF * 4]
    assert max(pauses) == BACKOFF_LIMIT
    assert len(bench.channels.sent) == MAX_SENDS
    assert bench.answers()[-1].retry_at is None
    bench.story.now += timedelta(days=1)
    assert bench.runner.deliver_due() is None
    assert len(bench.channels.sent) == MAX_SENDS


def test_after_the_end_nobody_waits_for_hours() -> None:
    bench = Bench(channels=Channels(lambda channel: Unknown("lost")))
    bench.story.add(e.RolloutEnded(outcome="aborted"))
    bench.restart()
    began = bench.story.now
    while (wake := bench.runner.deliver_due()) is not None:
        assert wake.at is not None
        bench.story.now = wake.at
    assert len(bench.channels.sent) == MAX_SENDS_AT_END
    assert bench.story.now - began < timedelta(minutes=15)


@pytest.mark.parametrize(
    ("asked", "pause"),
    [
        (300.0, timedelta(seconds=300)),
        (1.0, BACKOFF),
        (-5.0, BACKOFF),
        (float("nan"), BACKOFF),
        (float("inf"), BACKOFF),
        (10.0**9, BACKOFF),
    ],
)
def test_a_channel_may_ask_for_patience_within_reason(asked: float, pause: timedelta) -> None:
    bench = Bench(channels=Channels(lambda channel: No("busy", asked)))
    bench.runner.deliver_due()
    assert bench.answers()[0].retry_at == bench.story.now + pause


def test_a_crash_between_send_and_append_sends_again_with_the_same_key() -> None:
    bench = Bench()

    class Dies(Exception):
        """The process ends here."""

    def append(*_: Any, **__: Any) -> NoReturn:
        raise Dies

    keep = bench.record.append
    bench.record.append = append  # type: ignore[method-assign]
    with pytest.raises(Dies):
        bench.runner.deliver_due()
    bench.record.append = keep  # type: ignore[method-assign]
    bench.restart().deliver_due()
    assert len(bench.channels.sent) == 2
    assert bench.channels.sent[0] == bench.channels.sent[1]
    assert [a.answer for a in bench.answers()] == ["yes"]


def test_an_answer_is_appended_although_somebody_else_appended_meanwhile() -> None:
    bench = Bench()

    def decide(channel: str) -> Answer[None]:
        bench.story.say("hold", "pilot")
        return Yes(None)

    bench.channels.answer = decide
    bench.runner.deliver_due()
    assert [a.answer for a in bench.answers()] == ["yes"]


def test_a_log_that_never_lets_it_append_is_no_store() -> None:
    bench = Bench()
    bench.runner.deliver_due()
    refresh = bench.record.refresh

    def outrun() -> None:
        refresh()
        bench.story.say("hold", "pilot")

    bench.story.add(finding("again"))
    bench.record.refresh()
    bench.record.refresh = outrun  # type: ignore[method-assign]
    bench.story.say("hold", "pilot")
    with pytest.raises(StoreUnavailable, match="could not be appended"):
        bench.runner.deliver_due()


# in threads ----------------------------------------------------------------------------------------


def settle(bench: Bench) -> None:
    """Come back until every thread's answer is in the log."""
    waited = Signal()
    for _ in range(int(PATIENCE_S / 0.01)):
        if bench.runner.deliver_due() is None:
            return
        waited.wait(0.01)
    raise AssertionError("a send does not come back")


def test_a_slow_channel_holds_nobody_up() -> None:
    release = Signal()

    def slow(channel: str) -> Answer[None]:
        release.wait(PATIENCE_S)
        return Yes(None)

    bench = Bench(channels=Channels(slow), workers=4)
    wake = bench.runner.deliver_due()
    assert wake is not None
    assert wake.at is not None
    assert wake.at > bench.story.now
    assert bench.answers() == []
    bench.runner.deliver_due()
    release.set()
    settle(bench)
    assert len(bench.channels.sent) == 1
    assert [a.answer for a in bench.answers()] == ["yes"]


def test_answers_are_appended_by_the_thread_that_owns_the_log() -> None:
    bench = Bench(findings=9, workers=3)
    bench.runner.deliver_due()
    assert len(bench.channels.sent) <= 3
    assert bench.answers() == []
    settle(bench)
    assert len(bench.channels.sent) == 9
    assert len({dedupe for _, dedupe, _ in bench.channels.sent}) == 9


def test_a_channel_that_never_answers_loses_its_place() -> None:
    release = Signal()

    def hang(channel: str) -> Answer[None]:
        release.wait(PATIENCE_S)
        return Yes(None)

    bench = Bench(channels=Channels(hang), workers=1)
    bench.runner.deliver_due()
    bench.elapsed = LOST_AFTER_S - 1
    bench.runner.deliver_due()
    assert bench.answers() == []
    bench.elapsed = LOST_AFTER_S
    bench.runner.deliver_due()
    [lost] = bench.answers()
    assert (lost.answer, lost.detail) == ("unknown", "the channel has not answered")
    bench.channels.answer = lambda channel: Yes(None)
    bench.story.now += timedelta(minutes=1)
    release.set()
    settle(bench)
    assert [a.answer for a in bench.answers()] == ["unknown", "yes"]
