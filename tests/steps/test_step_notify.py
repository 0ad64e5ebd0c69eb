from __future__ import annotations

from typing import Any

import pytest
from builders import make_plan
from doubles import NOW, Channels, Driver, Opened
from pydantic import ValidationError

from rollout.domain.effects import Answer, No, Unknown, Yes
from rollout.domain.errors import KindMisused
from rollout.domain.instants import to_text
from rollout.kinds import Done, Failed
from rollout.steps.notify import Notify

INPUTS: dict[str, Any] = {
    "to": ["team", "oncall"],
    "subject": "Sync A in 30 minutes",
    "message": "Final notice.",
}


def driver(*answers: Answer[None], **inputs: Any) -> Driver:
    opened = Opened(Channels(list(answers)))
    return Driver(Notify(), {**INPUTS, **inputs}, make_plan(), opened)


def test_every_channel_is_told_once() -> None:
    step = driver(as_severity="P1")
    assert step.run() == Done({"told": 2, "told_at": to_text(NOW)})
    sent = step.opened.channels.sent
    assert [one["channel"] for one in sent] == ["team", "oncall"]
    assert {one["title"] for one in sent} == {"Sync A in 30 minutes"}
    assert {one["severity"] for one in sent} == {"P1"}
    assert len({one["dedupe"] for one in sent}) == 2
    assert sent[0]["dedupe"] == "two-phases/operationalize/1/the_step/tell-1"


def test_a_channel_named_twice_is_told_once() -> None:
    step = driver(to=["team", "team"])
    step.run()
    assert len(step.opened.channels.sent) == 1


def test_a_lost_answer_is_sent_again_to_the_letter() -> None:
    step = driver(Unknown("no answer"), Unknown("no answer"), No("busy", 5.0), Yes(None))
    assert isinstance(step.run(), Done)
    first = [one for one in step.opened.channels.sent if one["channel"] == "team"]
    assert len(first) == 4
    assert all(one == first[0] for one in first)
    assert all(effect.idempotent for effect in step.effects)


def test_after_a_crash_nobody_who_was_told_is_told_again() -> None:
    step = driver()
    step.run(until=1)
    assert isinstance(step.run(), Done)
    assert [one["channel"] for one in step.opened.channels.sent] == ["team", "oncall"]


def test_a_refusal_stops_the_step_and_names_the_channel() -> None:
    move = driver(Yes(None), No("pagerduty answered 403")).run()
    assert move == Failed("oncall was not told: pagerduty answered 403")


def test_an_unknown_channel_is_a_misuse() -> None:
    with pytest.raises(KindMisused):
        driver(to=["nobody"]).run()


def test_it_has_no_way_back_and_says_so() -> None:
    assert Notify.writes
    assert not Notify.has_undo
    step = driver()
    step.run()
    assert step.run(undo=True) == Done({})
    assert len(step.opened.channels.sent) == 2


@pytest.mark.parametrize(
    "inputs",
    [
        {"to": []},
        {"to": [""]},
        {"subject": ""},
        {"message": ""},
        {"as_severity": "P9"},
        {"body": "x"},
    ],
)
def test_inputs_that_tell_nobody_anything_are_refused(inputs: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Notify.Inputs.model_validate({**INPUTS, **inputs})
