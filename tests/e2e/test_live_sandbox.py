"""The shipped plan against real servers: real sockets, TLS, the official connector, real kills.

Real time is bounded by measurement. At 600 times real time a window of two hours is twelve seconds,
of which the steps before a trigger take five on a quiet machine; an hour of the watch is six, and its
look takes 0.15 (0.5 at most). Twice as fast is too fast for a busy machine. Waits of a day and more
are not sat through: the whole plan takes eight minutes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from live_kills import Killer
from live_processes import rollout
from live_run import PLANNED, LiveRun, live_run

from rollout.rehearsal.sandbox.request_log import LONGEST_STATEMENT
from rollout.store.opening import open_store

pytestmark = pytest.mark.slow

SPEED = 600
WITHIN_S, WITH_KILLS_S = 1200.0, 1800.0
KILLS = 50
SYNCS = (3394022, 3394041)
BY_PEOPLE = ["attested", "decision_made", "signed_off"]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveRun]:
    """The whole plan, driven to its end; the sandbox still answers."""
    with live_run(tmp_path_factory.mktemp("live"), SPEED) as run:
        run.drive(WITHIN_S)
        yield run


@pytest.mark.timeout(1300)
def test_the_shipped_plan_is_completed_live_without_a_waiver(uninterrupted: LiveRun) -> None:
    over = uninterrupted.over
    assert over["outcome"] == "completed", over["reason"]
    assert [(p["stage"], p["attempt"]) for p in over["phases"]] == [("passed", 1)] * 5
    assert uninterrupted.controller.ended() == 0
    decided = of_kind(uninterrupted, "decision_made")
    assert {e["payload"]["decision"] for e in decided} == {"proceed"}
    assert of_kind(uninterrupted, "finding_raised") == []
    code, out, _ = rollout("verify", "--state", uninterrupted.state, "--json")
    assert (code, json.loads(out)["ok"]) == (0, True)


def test_every_word_of_a_person_came_from_a_process_of_its_own(uninterrupted: LiveRun) -> None:
    said = [e["seq"] for kind in BY_PEOPLE for e in of_kind(uninterrupted, kind)]
    assert set(said) <= set(uninterrupted.people.recorded)
    assert len(said) >= 25


def test_every_statement_came_through_the_official_connector_over_tls(
    uninterrupted: LiveRun,
) -> None:
    asked = uninterrupted.journal(service="warehouse")
    statements = [e["statement"] for e in asked if e["rpc"] == "ExecuteStatement"]
    assert all(e["tls"] and e["auth"] == "bearer" for e in asked)
    agents = {e["agent"] for e in asked}
    assert all(a.startswith("PyDatabricksSqlConnector/") and "(rollout" in a for a in agents)
    evidence = queries_of_evidence(uninterrupted)
    assert len(evidence) > 20
    assert [query for query in evidence if query not in statements] == []


def test_every_call_to_census_and_salesforce_carried_a_bearer(uninterrupted: LiveRun) -> None:
    for service in ("census", "salesforce"):
        asked = [e for e in uninterrupted.journal(service=service) if e["agent"] == "rollout"]
        assert len(asked) > 100
        assert {(e["auth"], e["status"]) for e in asked} == {("bearer", 200)}


def test_each_sync_was_triggered_once_per_attempt(uninterrupted: LiveRun) -> None:
    triggered_once(uninterrupted)


@pytest.mark.timeout(2000)
def test_fifty_kills_change_nothing_of_what_comes_out(
    uninterrupted: LiveRun, tmp_path: Path
) -> None:
    expected = uninterrupted.end_state()
    with live_run(tmp_path, SPEED) as run:
        run.tell(
            "/faults", {"match": "POST /syncs/*/trigger", "do": "delay", "seconds": 1, "times": 0}
        )
        killer = Killer(run, seed=20260106, kills=KILLS, events=uninterrupted.over["events"])
        with killer:
            over = run.drive(WITH_KILLS_S)
        assert over["outcome"] == "completed", over["reason"]
        assert killer.killed >= KILLS, killer.killed
        assert killer.in_triggers > 0
        found = run.end_state()
        assert {k: v for k, v in found.items() if v != expected[k]} == {}
        triggered_once(run)
        assert rollout("verify", "--state", run.state)[0] == 0


def queries_of_evidence(run: LiveRun) -> list[str]:
    """The statements behind every answer of a check by SQL, as the sandbox's journal shortens them."""
    kinds = {c.check: c.kind for gate in PLANNED.gates.values() for c in gate.checks}
    digests = [
        e["payload"]["evidence"]
        for e in of_kind(run, "measured")
        if kinds.get(e["payload"]["check"]) in {"sql", "rows", "freshness"}
    ]
    with open_store(run.state, create=False) as store:
        found = [store.evidence.get(digest)["observation"]["query"] for digest in digests]
    return [" ".join(query.split())[:LONGEST_STATEMENT] for query in found]


def triggered_once(run: LiveRun) -> None:
    """By the sandbox's own journal, and by Census' list of runs: the pilot and the full run."""
    sent = [e for e in run.journal(method="POST", path="*/trigger") if e["status"] == 200]
    for sync in SYNCS:
        begun = [e["run_id"] for e in sent if e["path"].endswith(f"/syncs/{sync}/trigger")]
        assert sorted(begun) == sorted(run.runs_by_api(sync))
        assert len(begun) == 2, begun


def of_kind(run: LiveRun, kind: str) -> list[dict[str, Any]]:
    code, out, err = rollout("log", "--state", run.state, "--json", "--kind", kind)
    assert code == 0, err
    return [json.loads(line) for line in out.splitlines()]
