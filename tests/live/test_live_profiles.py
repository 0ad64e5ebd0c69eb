"""Which world a rollout belongs to, and that production cannot be talked into another one."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from builders import make_plan
from fakes import FakeClock
from live_loop import small_live_plan
from live_processes import here

from rollout.domain.errors import KindMisused, PlanProblems
from rollout.domain.plan import Plan
from rollout.live.connections import LiveConnections
from rollout.live.profiles import PRODUCTION, Profile, profile_of

READY = {
    "census": "http://127.0.0.1:1",
    "salesforce": "http://127.0.0.1:2",
    "warehouse": "https://127.0.0.1:3",
    "token": "sandbox-token-abcdef",
    "clock": "http://127.0.0.1:4",
    "notify": "json://box:sandbox-token-abcdef@127.0.0.1:5/inbox",
    "extra": {"warehouse": {"http_path": "/sql/1.0/w", "ca_file": "/ca.pem"}},
}


def plan_with(**connections: dict[str, Any]) -> Plan:
    return make_plan(connections=connections)


def connections(
    plan: Plan, profile: Profile = PRODUCTION, environ: dict[str, str] | None = None
) -> LiveConnections:
    return LiveConnections(plan, environ or {}, Path(), clock=FakeClock(), profile=profile)


def ready_file(folder: Path, text: str | None = None) -> Path:
    path = folder / "ready.json"
    path.write_text(text if text is not None else json.dumps(READY))
    return path


def test_the_ready_line_replaces_address_token_and_certificates(tmp_path: Path) -> None:
    profile = profile_of("sandbox", ready_file(tmp_path))
    assert profile.clock == "http://127.0.0.1:4/clock"
    said = profile.replaced("w", {"uses": "databricks", "token": "${env:MISSING}", "catalog": "c"})
    assert said == {
        "uses": "databricks",
        "host": "127.0.0.1:3",
        "http_path": "/sql/1.0/w",
        "token": "sandbox-token-abcdef",
        "ca_file": "/ca.pem",
        "catalog": "c",
    }


def test_a_sandbox_needs_no_variable_of_production(tmp_path: Path) -> None:
    plan = plan_with(census={"uses": "census", "token": "${env:CENSUS_TOKEN}"})
    profile = profile_of("sandbox", ready_file(tmp_path))
    with connections(plan, profile) as live:
        assert live.sync_service("census") is live.sync_service("census")


def test_a_profile_can_be_a_yaml_file(tmp_path: Path) -> None:
    path = tmp_path / "sandbox.yaml"
    path.write_text('profile: sandbox\nconnections: {census: {base_url: "http://127.0.0.1:9"}}\n')
    profile = profile_of("sandbox", path)
    assert profile.replaced("census", {"uses": "census"})["base_url"] == "http://127.0.0.1:9"
    assert profile.clock is None


THREE: dict[str, dict[str, Any]] = {
    "lake": {"uses": "databricks", "host": "${env:HOST}", "http_path": "/x", "token": "${env:T}"},
    "census": {"uses": "census", "token": "${env:T}"},
    "crm": {"uses": "salesforce", "instance": "${env:WHERE}", "token": "${env:T}"},
    "chat": {"uses": "notify", "urls": ["${env:CHAT}"]},
}


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ({}, ["census: the sandbox's file must say its `base_url`", "lake: .* `host`", "crm: "]),
        ({"lake": {"host": "h"}, "crm": {"instance": "i"}}, ["census: .* `base_url`"]),
        ({"census": {"token": "x"}}, ["census: .* `base_url`"]),
        ({"lake": {"host": "${env:HOST}"}}, ["lake: .* `host`"]),
        ({"sensus": {"base_url": "http://127.0.0.1:9"}}, ["'sensus', the plan has no such"]),
        ({}, ["chat: .* `urls`: .* reaches people"]),
        ({"chat": {"urls": []}}, ["chat: .* `urls`"]),
        ({"chat": {"urls": ["json://127.0.0.1:9", "${env:CHAT}"]}}, ["chat: .* `urls`"]),
    ],
)
def test_a_sandbox_that_would_lead_to_production_is_refused(
    named: dict[str, dict[str, str]], words: list[str]
) -> None:
    with pytest.raises(PlanProblems) as refused:
        connections(plan_with(**THREE), Profile("sandbox", by_name=named))
    for word in words:
        assert any(re.search(word, problem) for problem in refused.value.problems), word


def test_nothing_is_begun_in_a_sandbox_that_would_lead_to_production(tmp_path: Path) -> None:
    path, state = tmp_path / "sandbox.yaml", tmp_path / "rollout.db"
    path.write_text('profile: sandbox\nconnections: {sensus: {base_url: "http://127.0.0.1:9"}}\n')
    sandbox = ("--env", "sandbox", "--sandbox", path)
    code, out, err = here("start", small_live_plan(tmp_path), *sandbox, "--state", state)
    assert (code, out) == (2, "")
    assert "'sensus', the plan has no such connection" in err
    assert "connection census: the sandbox's file must say its `base_url`" in err
    assert not state.exists()


def test_the_ready_line_says_every_place(tmp_path: Path) -> None:
    profile = profile_of("sandbox", ready_file(tmp_path))
    with connections(plan_with(**THREE), profile) as live:
        assert live.document("crm")["instance"] == READY["salesforce"]
        assert live.document("chat")["urls"] == [READY["notify"]]


def test_a_ready_line_without_a_place_for_notices_begins_nothing_that_could_page_people(
    tmp_path: Path,
) -> None:
    older = {key: said for key, said in READY.items() if key not in {"notify", "clock"}}
    ready = ready_file(tmp_path, json.dumps(older))
    plan, state = small_live_plan(tmp_path), tmp_path / "rollout.db"
    channel = 'connections:\n  oncall: {uses: notify, urls: ["${env:PAGER_URL}"]}\n'
    plan.write_text(plan.read_text().replace("connections:\n", channel))
    code, out, err = here("start", plan, "--env", "sandbox", "--sandbox", ready, "--state", state)
    assert (code, out) == (2, "")
    assert "connection oncall: the sandbox's file must say its `urls`" in err
    assert "start `rollout sandbox` again and use the line it prints" in err
    assert not state.exists()


def test_the_machine_itself_is_no_secret(tmp_path: Path) -> None:
    with connections(plan_with(**THREE), profile_of("sandbox", ready_file(tmp_path))) as live:
        said = live.redactor(f"127.0.0.1 refused {READY['notify']}, by {READY['token']}")
    assert said == "127.0.0.1 refused [redacted], by [redacted]"


@pytest.mark.parametrize(
    ("env", "has_file", "words"),
    [
        ("sandbox", False, "needs --sandbox"),
        ("prod", True, "leave it out"),
        ("staging", False, "there is no profile 'staging'"),
    ],
)
def test_a_profile_that_cannot_be_is_refused(
    tmp_path: Path, env: str, has_file: bool, words: str
) -> None:
    with pytest.raises(PlanProblems, match=words):
        profile_of(env, ready_file(tmp_path) if has_file else None)


def test_a_file_without_a_ready_line_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PlanProblems, match="holds no line"):
        profile_of("sandbox", ready_file(tmp_path, "not ready\n{}\n"))


@pytest.mark.parametrize(
    ("uses", "setting"),
    [
        ("census", {"base_url": "http://127.0.0.1:1"}),
        ("salesforce", {"instance": "http://localhost"}),
        ("databricks", {"ca_file": "ca.pem"}),
        ("census", {"ca_file": "ca.pem"}),
    ],
)
def test_production_takes_neither_plain_http_nor_certificates(
    uses: str, setting: dict[str, str]
) -> None:
    with pytest.raises(PlanProblems, match="connection it"):
        connections(plan_with(it={"uses": uses, **setting}))


def test_production_looks_behind_a_variable_too() -> None:
    plan = plan_with(it={"uses": "salesforce", "instance": "${env:WHERE}", "token": "${env:T}"})
    live = connections(plan, environ={"WHERE": "http://127.0.0.1", "T": "secret"})
    with live, pytest.raises(PlanProblems, match="plain http"):
        live.record_store("it")


def test_a_missing_variable_is_named_when_the_connection_is_used() -> None:
    live = connections(plan_with(it={"uses": "census", "token": "${env:CENSUS_TOKEN}"}))
    with live, pytest.raises(PlanProblems, match="CENSUS_TOKEN is not set"):
        live.sync_service("it")


def test_every_secret_is_masked_once_it_was_read() -> None:
    plan = plan_with(it={"uses": "census", "token": "${env:T}"})
    with connections(plan, environ={"T": "canary-0123456789"}) as live:
        live.sync_service("it")
        assert "canary" not in live.redactor("say canary-0123456789")
        assert "canary" not in repr(live)


def test_what_one_service_is_given_is_masked_before_any_other_speaks() -> None:
    plan = plan_with(
        census={"uses": "census", "token": "${env:T}"},
        chat={"uses": "notify", "urls": ["${env:CHAT}"]},
        later={"uses": "census", "token": "${env:MISSING}"},
    )
    told = {"T": "canary-0123456789", "SINK": "json://127.0.0.1/hook/sparrow-0123456789"}
    profile = Profile(
        "sandbox",
        {"census": {"base_url": "http://127.0.0.1:9"}, "notify": {"urls": ["${env:SINK}"]}},
    )
    with connections(plan, profile, told) as live:
        assert "canary" not in live.redactor("census said canary-0123456789")
        assert "sparrow" not in live.redactor("census said sparrow-0123456789")


def test_a_connection_of_another_service_is_refused() -> None:
    with connections(plan_with(it={"uses": "census", "token": "${env:T}"})) as live:
        with pytest.raises(KindMisused, match="uses databricks"):
            live.warehouse("it")
        with pytest.raises(KindMisused, match="no connection 'other'"):
            live.notifier("other")


@pytest.mark.parametrize("host", ["http://h", "user@h", "h:port"])
def test_a_host_that_is_none_is_refused(host: str) -> None:
    sandbox = Profile("sandbox", {"databricks": {"host": host}})
    plan = plan_with(it={"uses": "databricks", "http_path": "/x", "token": "${env:T}"})
    with (
        connections(plan, sandbox, {"T": "secret"}) as live,
        pytest.raises(PlanProblems, match="`host`"),
    ):
        live.warehouse("it")
