"""Absence never passes: the kinds that speak to people and pages, where nobody and nothing is there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from fakes_services import (
    FakeConnections,
    FakeFacts,
    FakeFiles,
    FakeNotifier,
    FakePages,
    context,
    look,
    verdict,
)

from rollout.checks.channel import Channel
from rollout.checks.document import Document
from rollout.checks.http import Http
from rollout.domain.effects import Answer, No, Unknown, Yes
from rollout.domain.errors import RolloutError
from rollout.domain.evidence import Scalar, Verdict
from rollout.kinds import CheckContext, CheckKind, PastMeasure
from rollout.ports import Page

URL = "https://status.example.test/health"
FILE = "docs/runbook.md"
LENIENT = (
    ">= -1000000000",
    "<= 1000000000",
    "= 0",
    "is false",
    "is empty",
    "!= broken",
    "<= 100 %",
)
"""Conditions that nearly any value meets: what they still do not let through is absence."""

CHANNELS: dict[str, Answer[None]] = {
    "lost": Unknown("no answer"),
    "no": No("404"),
    "later": No("429", 60.0),
}
PAGES = {
    "nothing": Page(place=URL, status=404, body=b"# Runbook"),
    "empty": Page(place=URL, status=200, body=b""),
    "error": Page(place=URL, status=500, body=b'{"rows": 0}'),
    "moved": Page(place=URL, status=302, body=b""),
    "forbidden": Page(place=URL, status=403, body=b"# Runbook"),
    "login": Page(place=URL, status=200, body=b"<form>", content_type="text/html"),
    "garbled": Page(place=URL, status=200, body=b"\xff\x00\xfe"),
    "cut": Page(place=URL, status=200, body=b'{"rows": '),
    "other": Page(place=URL, status=200, body=b'{"columns": 0}'),
}
"""What answers where the page should be."""

KINDS: list[tuple[CheckKind, dict[str, Any], tuple[str, ...]]] = [
    (Channel(), {"channel": "oncall"}, ("delivered",)),
    (Channel(), {"channel": "oncall", "arrival": "arrived"}, ("delivered", "confirmed")),
    (Http(), {"url": URL, "values": {"rows": "/rows"}}, ("rows",)),
    (Document(), {"url": URL, "headings": ["Runbook"]}, ("missing_headings", "words")),
    (Document(), {"path": FILE, "headings": ["Runbook"]}, ("missing_headings", "words")),
    (Document(), {"published": FILE, "headings": ["Runbook"]}, ("missing_headings", "words")),
]
"""Kind, inputs, and the metrics that are nothing when there is nothing to see."""
IDS = [f"{kind.kind}-{position}" for position, (kind, _, _) in enumerate(KINDS)]


def world(answer: Answer[None], page: Page) -> CheckContext:
    read = FakePages({URL: page, FILE: None})
    return context(FakeConnections(oncall=FakeNotifier(answer), read=read))


WORLDS = [world(answer, page) for answer in CHANNELS.values() for page in PAGES.values()]
DOWN = context(FakeConnections(oncall=FakeNotifier(down=True), read=FakePages(down=True)))


@pytest.mark.parametrize(("kind", "inputs", "metrics"), KINDS, ids=IDS)
def test_where_nothing_is_there_the_kinds_own_condition_does_not_pass(
    kind: CheckKind, inputs: dict[str, Any], metrics: tuple[str, ...]
) -> None:
    for where in WORLDS:
        assert verdict(kind, inputs, where) is not Verdict.PASS


@pytest.mark.parametrize(("kind", "inputs", "metrics"), KINDS, ids=IDS)
def test_a_value_that_was_not_seen_meets_no_condition(
    kind: CheckKind, inputs: dict[str, Any], metrics: tuple[str, ...]
) -> None:
    for where in WORLDS:
        seen = look(kind, inputs, where).metrics
        for metric in metrics:
            if seen.get(metric) is not None:
                continue
            for condition in LENIENT:
                assert verdict(kind, inputs, where, {metric: condition}) is not Verdict.PASS


@pytest.mark.parametrize(("kind", "inputs", "metrics"), KINDS[:5], ids=IDS[:5])
def test_no_answer_raises_and_is_therefore_an_error(
    kind: CheckKind, inputs: dict[str, Any], metrics: tuple[str, ...]
) -> None:
    with pytest.raises(RolloutError):
        look(kind, inputs, DOWN)


@pytest.mark.parametrize(("kind", "inputs", "metrics"), KINDS, ids=IDS)
def test_metrics_are_those_the_kind_names(
    kind: CheckKind, inputs: dict[str, Any], metrics: tuple[str, ...]
) -> None:
    named: Mapping[str, str] | None = kind.metrics
    for where in WORLDS:
        seen = look(kind, inputs, where)
        assert seen.source
        assert named is None or set(seen.metrics) <= set(named)
        assert kind.primary in seen.metrics


def test_the_same_kinds_do_pass_where_all_is_well() -> None:
    fine = b"# Runbook\n\nLook at the queue."
    read = FakePages(
        {
            URL: Page(place=URL, status=200, body=fine),
            FILE: Page(place=FILE, body=fine),
        }
    )
    where = context(
        FakeConnections(
            oncall=FakeNotifier(Yes(None)), read=read, published=FakeFiles({FILE: fine})
        )
    )
    for kind, inputs, _ in [KINDS[0], *KINDS[3:]]:
        assert verdict(kind, inputs, where) is Verdict.PASS
    rows = FakePages({URL: Page(place=URL, status=200, body=b'{"rows": 0}')})
    assert verdict(*KINDS[2][:2], context(FakeConnections(read=rows))) is Verdict.PASS


def test_a_history_that_says_nothing_is_no_delivered_test() -> None:
    silent: list[dict[str, Scalar]] = [{}, {"taken": True}, {"taken": True, "channel": "oncall"}]
    for observed in silent:
        facts = FakeFacts(
            measured={"the_check": [PastMeasure(at=context().now, observed=observed)]}
        )
        where = context(FakeConnections(oncall=FakeNotifier(Unknown("lost"))), facts)
        assert verdict(Channel(), {"channel": "oncall"}, where) is Verdict.INCONCLUSIVE
