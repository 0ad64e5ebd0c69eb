from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from fakes_services import (
    NOW,
    FakeConnections,
    FakeFacts,
    FakeNotifier,
    ago,
    context,
    judged,
    look,
    verdict,
)
from pydantic import ValidationError

from rollout.checks.channel import Channel
from rollout.domain.assess import SamplingPolicy, SeriesCounts, assess_series
from rollout.domain.effects import Answer, No, Unknown, Yes
from rollout.domain.errors import KindMisused, ServiceUnreachable
from rollout.domain.evidence import Scalar, Verdict
from rollout.domain.instants import to_text
from rollout.kinds import CheckContext, Confirmation, PastMeasure

CHANNEL = Channel()
ASK: dict[str, Any] = {"channel": "oncall", "max_age": "1h"}
SEEN: dict[str, Any] = {**ASK, "arrival": "page_arrived"}


def answering(answer: Answer[None], **facts: Any) -> CheckContext:
    return context(FakeConnections(oncall=FakeNotifier(answer)), FakeFacts(**facts))


def sent_to(where: CheckContext) -> list[tuple[str, str, str, str]]:
    assert isinstance(where.connections, FakeConnections)
    return where.connections.oncall.sent


def past(minutes: float, **changes: Scalar) -> PastMeasure:
    """An earlier sample of this check, whose test was sent then."""
    made: dict[str, Scalar] = {
        "delivered": True,
        "taken": True,
        "sent_at": to_text(ago(minutes)),
        "channel": "oncall",
    }
    return PastMeasure(at=ago(minutes), observed={**made, **changes})


def confirmed(minutes: float, *, answer: bool = True) -> Confirmation:
    return Confirmation(by="ana", role="on_call", answer=answer, note="", at=ago(minutes))


def test_a_test_that_is_taken_passes() -> None:
    where = answering(Yes(None, "oncall: taken by slack"))
    seen = look(CHANNEL, ASK, where)
    assert judged(CHANNEL, seen).verdict is Verdict.PASS
    assert (seen.metrics["age_s"], seen.metrics["sent_at"]) == (0.0, to_text(NOW))
    assert seen.detail["answer"] == "oncall: taken by slack"
    [(channel, title, body, dedupe)] = sent_to(where)
    assert channel == "oncall"
    assert "Test alert" in title
    assert dedupe == f"test/feature-sync/full_sync_a/1/the_check/{to_text(NOW)}"
    assert dedupe in body


def test_a_test_that_is_refused_fails() -> None:
    where = answering(No("oncall: slack answered 404"))
    assert verdict(CHANNEL, ASK, where) is Verdict.FAIL


def test_a_test_whose_answer_was_lost_is_inconclusive() -> None:
    said = judged(CHANNEL, look(CHANNEL, ASK, answering(Unknown("no answer within 30 s"))))
    assert said.verdict is Verdict.INCONCLUSIVE
    assert "no answer within 30 s" in said.reason


def test_a_channel_that_is_down_or_unknown_gives_no_verdict() -> None:
    down = context(FakeConnections(oncall=FakeNotifier(down=True)))
    with pytest.raises(ServiceUnreachable):
        look(CHANNEL, ASK, down)
    with pytest.raises(KindMisused):
        look(CHANNEL, {"channel": "nobody"}, context())


def test_a_recent_test_speaks_for_the_channel_and_nobody_is_told_again() -> None:
    where = answering(No("not asked"), measured={"the_check": [past(90), past(40)]})
    seen = look(CHANNEL, ASK, where)
    assert judged(CHANNEL, seen).verdict is Verdict.PASS
    assert seen.metrics["age_s"] == 2400.0
    assert sent_to(where) == []


@pytest.mark.parametrize(
    "earlier",
    [
        [past(61)],
        [past(-5)],
        [past(5, channel="team")],
        [past(5, taken=None)],
        [past(20), past(5, taken=False)],
        [past(5, sent_at="soon")],
        [past(5, sent_at=None)],
        [PastMeasure(at=ago(5), observed={"delivered": True})],
    ],
)
def test_an_old_a_lost_or_a_foreign_test_does_not(earlier: list[PastMeasure]) -> None:
    where = answering(Yes(None), measured={"the_check": earlier})
    look(CHANNEL, ASK, where)
    assert len(sent_to(where)) == 1


def test_where_a_person_must_see_it_being_taken_is_not_enough() -> None:
    where = answering(Yes(None))
    said = judged(CHANNEL, look(CHANNEL, SEEN, where))
    assert said.verdict is Verdict.INCONCLUSIVE
    assert "page_arrived must confirm" in said.reason
    assert "page_arrived" in sent_to(where)[0][2]


def test_a_confirmation_of_this_test_passes_and_of_an_older_one_does_not() -> None:
    tests = {"the_check": [past(30, delivered=None)]}
    newer = answering(Yes(None), measured=tests, confirmed=confirmed(10))
    seen = look(CHANNEL, SEEN, newer)
    assert judged(CHANNEL, seen).verdict is Verdict.PASS
    assert seen.metrics["confirmed"] is True
    assert seen.detail["confirmed_by"] == "ana"
    assert sent_to(newer) == []
    older = answering(Yes(None), measured=tests, confirmed=confirmed(50))
    assert verdict(CHANNEL, SEEN, older) is Verdict.INCONCLUSIVE


def test_a_test_that_did_not_arrive_fails_and_the_next_look_sends_another() -> None:
    tests = [past(30, delivered=None)]
    denied = answering(
        Yes(None), measured={"the_check": tests}, confirmed=confirmed(10, answer=False)
    )
    assert verdict(CHANNEL, SEEN, denied) is Verdict.FAIL
    assert sent_to(denied) == []
    judged_since = PastMeasure(at=ago(5), observed={**tests[0].observed, "delivered": False})
    again = answering(
        Yes(None),
        measured={"the_check": [*tests, judged_since]},
        confirmed=confirmed(10, answer=False),
    )
    assert verdict(CHANNEL, SEEN, again) is Verdict.INCONCLUSIVE
    assert len(sent_to(again)) == 1


def test_a_confirmation_does_not_make_up_for_a_lost_test() -> None:
    lost = answering(Unknown("lost"), confirmed=confirmed(-1))
    assert verdict(CHANNEL, SEEN, lost) is Verdict.INCONCLUSIVE
    refused = answering(No("404"), confirmed=confirmed(-1))
    assert verdict(CHANNEL, SEEN, refused) is Verdict.FAIL


def test_it_can_be_asked_until_somebody_has_confirmed() -> None:
    policy = SamplingPolicy(
        interval=timedelta(minutes=1), inconclusive_limit=-1, consecutive_success_limit=1
    )
    counts = SeriesCounts(
        taken=3,
        passed=0,
        failed=0,
        inconclusive=3,
        errors=0,
        consecutive_errors=0,
        consecutive_passes=0,
        in_flight=0,
    )
    assert assess_series(policy, counts, stopping=False) is None


@pytest.mark.parametrize(
    "inputs",
    [{}, {"channel": ""}, {"channel": "c", "max_age": "0s"}, {"channel": "c", "maxage": "1h"}],
)
def test_inputs_that_ask_nothing_are_refused(inputs: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Channel.Inputs.model_validate(inputs)
