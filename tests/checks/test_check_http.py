from __future__ import annotations

from typing import Any

import pytest
from fakes_services import FakeConnections, FakePages, context, judged, look, verdict
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rollout.checks.http import Http, at_pointer
from rollout.domain.errors import KindMisused, ServiceUnreachable
from rollout.domain.evidence import Verdict
from rollout.kinds import CheckContext
from rollout.ports import Page

HTTP = Http()
URL = "https://status.example.test/health?full=1"
BODY = b'{"state": "green", "queues": [{"rows": 5}], "ready": true, "odd": {"a": 1}, "none": null}'
VALUES = {"state": "/state", "rows": "/queues/0/rows"}


def page(status: int = 200, body: bytes = BODY, **changes: Any) -> Page:
    made: dict[str, Any] = {"content_type": "application/json", "place": "https://status/health"}
    return Page(status=status, body=body, **{**made, **changes})


def there(found: Page | None) -> CheckContext:
    return context(FakeConnections(read=FakePages({URL: found})))


def test_a_page_that_answers_as_it_should_passes() -> None:
    seen = look(HTTP, {"url": URL, "values": VALUES, "contains": ["green"]}, there(page()))
    assert judged(HTTP, seen).verdict is Verdict.PASS
    assert seen.metrics["rows"] == 5
    assert seen.metrics["bytes"] == len(BODY)
    assert seen.source == "https://status/health"
    assert len(seen.detail["sha256"]) == 64


def test_values_are_judged_by_their_names() -> None:
    ask = {"url": URL, "values": VALUES}
    assert verdict(HTTP, ask, there(page()), {"rows": "<= 5", "state": "= green"}) is Verdict.PASS
    assert verdict(HTTP, ask, there(page()), {"rows": "< 5"}) is Verdict.FAIL


@pytest.mark.parametrize("status", [204, 301, 404, 500, 503])
def test_another_status_fails_and_its_values_count_for_nothing(status: int) -> None:
    ask = {"url": URL, "values": VALUES}
    assert verdict(HTTP, ask, there(page(status))) is Verdict.FAIL
    assert verdict(HTTP, ask, there(page(status)), {"rows": "<= 5"}) is Verdict.INCONCLUSIVE
    assert verdict(HTTP, ask, there(page(status)), {"missing_texts": "= 0"}) is Verdict.INCONCLUSIVE


def test_the_status_that_is_wanted_may_be_any() -> None:
    assert verdict(HTTP, {"url": URL, "status": [401, 403]}, there(page(403))) is Verdict.PASS
    assert verdict(HTTP, {"url": URL, "status": 200}, there(page(403))) is Verdict.FAIL


def test_a_text_that_is_not_there_fails_and_is_named() -> None:
    seen = look(HTTP, {"url": URL, "contains": ["green", "all well"]}, there(page()))
    assert judged(HTTP, seen).verdict is Verdict.FAIL
    assert seen.metrics["missing_texts"] == 1
    assert seen.detail["missing_texts"] == ["all well"]


@pytest.mark.parametrize("pointer", ["/nothing", "/queues/1/rows", "/odd", "/none", "/queues", ""])
def test_a_value_that_is_not_there_never_passes(pointer: str) -> None:
    ask = {"url": URL, "values": {"wanted": pointer}}
    assert verdict(HTTP, ask, there(page())) is Verdict.FAIL
    assert verdict(HTTP, ask, there(page()), {"wanted": "!= red"}) is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    "body", [b"", b"<html>200 OK</html>", b'{"state": "green"', b"NaN", b"[" * 9000, b"\xff\xfe"]
)
def test_a_page_that_is_not_json_is_inconclusive(body: bytes) -> None:
    said = judged(HTTP, look(HTTP, {"url": URL, "values": VALUES}, there(page(body=body))))
    assert said.verdict is Verdict.INCONCLUSIVE
    assert "not JSON" in said.reason


def test_foreign_texts_are_kept_short_and_printable() -> None:
    body = b'{"state": "a\\u0000\\n\\u001b[31m' + b"x" * 900 + b'"}'
    seen = look(HTTP, {"url": URL, "values": {"state": "/state"}}, there(page(body=body)))
    value = seen.metrics["state"]
    assert isinstance(value, str)
    assert len(value) == 200
    assert value.isprintable()


def test_no_answer_and_a_forbidden_place_are_errors() -> None:
    down = context(FakeConnections(read=FakePages(down=True)))
    with pytest.raises(ServiceUnreachable):
        look(HTTP, {"url": URL}, down)
    with pytest.raises(KindMisused):
        look(HTTP, {"url": URL}, context())


def test_what_the_plan_allows_is_passed_on() -> None:
    where = there(page())
    look(HTTP, {"url": URL, "hosts": ["status.example.test"], "private": True}, where)
    assert isinstance(where.connections, FakeConnections)
    assert where.connections.read.asked == [(URL, ("status.example.test",), True)]


@pytest.mark.parametrize(
    "inputs",
    [
        {},
        {"url": "status.example.test"},
        {"url": "file:///etc/passwd"},
        {"url": URL, "status": 99},
        {"url": URL, "contains": [""]},
        {"url": URL, "values": {"ok": "/a"}},
        {"url": URL, "values": {"a": "no/slash"}},
        {"url": URL, "method": "POST"},
    ],
)
def test_inputs_that_cannot_be_asked_are_refused(inputs: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Http.Inputs.model_validate(inputs)


def test_a_url_may_hold_a_reference() -> None:
    assert Http.Inputs.model_validate({"url": "${{ params.status_page }}"})


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@given(_json, st.text(alphabet="/~01ab-", max_size=12))
def test_any_pointer_finds_something_of_the_document_or_nothing(document: Any, text: str) -> None:
    at_pointer(document, f"/{text}")


@given(st.dictionaries(st.text(min_size=1, max_size=4), st.integers(), min_size=1))
def test_a_key_is_found_by_its_escaped_name(document: dict[str, int]) -> None:
    for key, value in document.items():
        pointer = "/" + key.replace("~", "~0").replace("/", "~1")
        assert at_pointer(document, pointer) == value
