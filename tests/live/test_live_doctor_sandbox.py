"""`doctor` against a running sandbox: green, and each thing that can be wrong named with its remedy."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeClock
from live_processes import ROOT, here
from sandbox_process import SYNC_A, SandboxProcess, sandbox, small_scenario

from rollout.domain.plan import Plan
from rollout.live import doctor
from rollout.live.connections import LiveConnections
from rollout.live.doctor import Line, examine
from rollout.live.profiles import Profile, profile_of
from rollout.wiring import installed_kinds, read_plan, view_files

PLAN = ROOT / "plans" / "property_sync.yaml"
VIEW = "crm.sfdc_dbx.daily_health_check"
NOBODY = "127.0.0.1:1"


@pytest.fixture(scope="module")
def plan() -> Plan:
    return read_plan(PLAN, installed_kinds())


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    scenario = small_scenario(tmp_path_factory.mktemp("sandbox"))
    with sandbox("--scenario", scenario) as running:
        yield running


@pytest.fixture
def ready(box: SandboxProcess, tmp_path: Path) -> Path:
    """The file with the sandbox's ready line."""
    path = tmp_path / "ready.json"
    path.write_text(json.dumps(box.document))
    return path


def look(plan: Plan, ready: Path, service: str = "", **replaced: Any) -> list[Line]:
    """What is not as it should be, with some of a service's settings replaced."""
    profile = profile_of("sandbox", ready)
    settings = {name: dict(said) for name, said in profile.by_service.items()}
    if service:
        settings[service].update(replaced)
    changed = Profile("sandbox", settings, clock=profile.clock)
    with LiveConnections(plan, {}, Path(), clock=FakeClock(), profile=changed) as connections:
        lines = list(examine(plan, connections))
    return [line for line in lines if line.state != doctor.OK]


@pytest.mark.slow
def test_the_command_is_green_against_a_sandbox(ready: Path) -> None:
    code, out, err = here("doctor", PLAN, "--env", "sandbox", "--sandbox", ready)
    assert code == 0, out + err
    assert {line.split()[0] for line in out.splitlines()} == {"ok"}
    for said in ("census: who am I", f"warehouse: view {VIEW}", "object Product_Property__c"):
        assert said in out


def test_the_sandbox_says_its_versions_as_a_warehouse_does(box: SandboxProcess) -> None:
    warehouse = box.warehouse()
    sql = "SELECT version() AS v, current_version().dbsql_version AS s, current_version().dbr_version AS r"
    assert warehouse.query(sql).rows == [("4.0.0 rollout-sandbox", "2025.40", None)]
    warehouse.close()


def test_everything_is_as_it_should_be_in_a_sandbox(plan: Plan, ready: Path) -> None:
    assert look(plan, ready) == []


@pytest.mark.parametrize(
    ("service", "connection", "variable"),
    [
        ("databricks", "warehouse", "DATABRICKS_TOKEN"),
        ("census", "census", "CENSUS_TOKEN"),
        ("salesforce", "salesforce", "SALESFORCE_TOKEN"),
    ],
)
def test_a_wrong_token_is_named_with_its_variable(
    plan: Plan, ready: Path, service: str, connection: str, variable: str
) -> None:
    (line,) = look(plan, ready, service, token="wrong-token-0123456789")
    assert (line.connection, line.what, line.state) == (connection, "who am I", doctor.WRONG)
    assert line.fix == f"set {variable} to a token that is valid there"
    assert "wrong-token" not in line.said


@pytest.mark.parametrize(
    ("service", "connection", "dead"),
    [
        ("databricks", "warehouse", {"host": NOBODY}),
        ("census", "census", {"base_url": f"http://{NOBODY}"}),
        ("salesforce", "salesforce", {"instance": f"http://{NOBODY}"}),
    ],
)
def test_no_network_is_told_of_the_connection_that_has_none(
    plan: Plan, ready: Path, service: str, connection: str, dead: dict[str, str]
) -> None:
    (line,) = look(plan, ready, service, **dead)
    assert (line.connection, line.what, line.state) == (connection, "who am I", doctor.UNREACHABLE)
    assert "look at the network" in line.fix


def test_a_wrong_workspace_is_told_with_the_one_the_token_opens(plan: Plan, ready: Path) -> None:
    (line,) = look(plan, ready, "census", workspace=4711)
    assert (line.connection, line.what, line.state) == ("census", "workspace", doctor.WRONG)
    assert "the plan wants 4711: wrong workspace" in line.said
    assert "use a token of workspace 4711" in line.fix


def test_a_warehouse_that_is_another_is_told(plan: Plan, ready: Path) -> None:
    (line,) = look(plan, ready, "databricks", http_path="/sql/2.0/elsewhere")
    assert (line.connection, line.what) == ("warehouse", "who am I")
    assert "answered 404" in line.said
    assert line.fix.startswith("look at host and http_path")


def test_a_wrong_sync_id_is_named_with_the_place_in_the_plan(plan: Plan, ready: Path) -> None:
    other = plan.syncs["sync_a"].model_copy(update={"id": 4711})
    changed = plan.model_copy(update={"syncs": {**plan.syncs, "sync_a": other}})
    (line,) = look(changed, ready)
    assert (line.connection, line.what, line.state) == ("census", "sync sync_a", doctor.WRONG)
    assert line.fix == "correct syncs.sync_a.id, which is 4711, in the plan"


def test_a_paused_sync_is_named(plan: Plan, ready: Path, box: SandboxProcess) -> None:
    census = box.census()
    census.set_paused(SYNC_A, True)
    try:
        (line,) = look(plan, ready)
    finally:
        census.set_paused(SYNC_A, False)
    assert (line.what, line.said) == ("sync sync_a", f"sync {SYNC_A} is paused")
    assert line.fix == "resume it in Census"


def test_a_missing_view_is_named(plan: Plan, ready: Path, box: SandboxProcess) -> None:
    warehouse = box.warehouse()
    warehouse.execute(f"DROP VIEW {VIEW}")  # it stands in no input, only within a statement
    try:
        (line,) = look(plan, ready)
    finally:
        warehouse.execute(view_files(PLAN)["daily_health_check"])
        warehouse.close()
    assert (line.connection, line.what, line.state) == ("warehouse", f"view {VIEW}", doctor.WRONG)
    assert line.fix.startswith(f"create {VIEW}, grant SELECT on it")


def test_the_command_says_what_is_wrong_and_ends_accordingly(
    box: SandboxProcess, tmp_path: Path
) -> None:
    """Unreachable goes before wrong: an answer that did not come says less."""
    document = {**box.document, "token": "wrong-token-0123456789"}
    path = tmp_path / "ready.json"
    path.write_text(json.dumps({**document, "census": f"http://{NOBODY}"}))
    code, out, _ = here("doctor", PLAN, "--env", "sandbox", "--sandbox", path)
    assert code == 4
    assert "DOWN census: who am I" in out
    assert "FIX  warehouse: who am I" in out
    assert "wrong-token" not in out
