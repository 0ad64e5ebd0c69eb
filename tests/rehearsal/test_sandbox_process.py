from __future__ import annotations

import json
import os
import signal
import socket
import sys
from pathlib import Path
from threading import Event

import httpx
import pytest
from databricks import sql
from sandbox_process import (
    PLAN,
    SYNC_A,
    TOKEN_VARIABLE,
    SandboxProcess,
    sandbox,
    small_scenario,
)

from rollout.__main__ import main
from rollout.domain.effects import Yes
from rollout.domain.errors import ServiceRefused
from rollout.domain.evidence import Scalar
from rollout.rehearsal.journal import read_journal
from rollout.rehearsal.sandbox.running import SandboxRequest, opened
from rollout.wiring import installed_kinds, read_plan, read_scenario, view_files

CANARY = "sandbox-canary-7f3a9c2e5b"


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    return small_scenario(tmp_path)


def free_ports() -> int:
    """The first of five ports that nobody uses."""
    for base in range(20_000 + os.getpid() % 20_000, 65_000, 5):
        taken = 0
        for port in range(base, base + 5):
            with socket.socket() as probe:
                taken += probe.connect_ex(("127.0.0.1", port)) == 0
        if not taken:
            return base
    raise AssertionError("no five free ports")


def use(box: SandboxProcess) -> tuple[int, int]:
    """Ask every server something that changes the world; the run's id and the rows in a new table."""
    answer = box.census().trigger(SYNC_A)
    assert isinstance(answer, Yes)
    warehouse = box.warehouse()
    warehouse.execute("CREATE TABLE crm.sfdc_dbx.kept (a INT)")
    warehouse.execute("INSERT INTO crm.sfdc_dbx.kept VALUES (1), (2)")
    rows = warehouse.query("SELECT COUNT(*) AS n FROM crm.sfdc_dbx.kept").rows[0][0]
    warehouse.close()
    census = box.census()
    while not census.run(answer.value).is_over:
        assert box.process.poll() is None
    assert isinstance(rows, int)
    return answer.value, rows


def records(box: SandboxProcess) -> list[tuple[Scalar, ...]]:
    """Every record with what identifies it and when it was made."""
    soql = "SELECT Id, Snappt_Property_ID__c, CreatedDate FROM Product_Property__c ORDER BY Id"
    return box.salesforce().query(soql).rows


def test_the_ready_line_is_one_line_with_seven_keys(scenario: Path) -> None:
    with sandbox("--scenario", scenario, env={TOKEN_VARIABLE: CANARY}) as box:
        ready = box.document
        places = ["census", "salesforce", "warehouse", "token", "clock", "notify"]
        assert list(ready) == [*places, "extra"]
        assert ready["token"] == CANARY
        assert ready["warehouse"].startswith("https://127.0.0.1:")
        assert box.get("/").keys() == {"now", "speed"}
        ca_file = Path(ready["extra"]["warehouse"]["ca_file"])
        assert ca_file.stat().st_mode & 0o777 == 0o600
        assert ca_file.parent.stat().st_mode & 0o777 == 0o700
        assert box.end() == 0
    assert not ca_file.parent.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_while_somebody_waits(scenario: Path, number: int) -> None:
    with sandbox("--scenario", scenario) as box:
        connection = sql.connect(**box.connection())
        cursor = connection.cursor()
        cursor.execute_async("SELECT /* sleep 600 */ 1")
        kept = httpx.Client(trust_env=False)
        kept.get(box.document["clock"] + "/clock")
        assert box.end(number) == 0
        with pytest.raises(httpx.TransportError):
            kept.get(box.document["clock"] + "/clock")
        kept.close()
        connection.close()  # finds nobody, and does not mind


def test_a_killed_sandbox_goes_on_with_the_world_it_had(scenario: Path, tmp_path: Path) -> None:
    state, base = tmp_path / "world.jsonl", free_ports()
    given = ("--scenario", scenario, "--state", state, "--port-base", base)
    environment = {TOKEN_VARIABLE: CANARY}
    with sandbox(*given, env=environment) as box:
        first = box.document
        run_id, rows = use(box)
        held = records(box)
        seen = box.now()
        known = [entry["seq"] for entry in box.journal()]
        assert box.end(signal.SIGKILL) == -signal.SIGKILL
    with state.open("ab") as file:
        file.write(b'{"kind":"statement","at":"2026-')  # cut by the kill
    with sandbox(*given, env=environment) as box:
        assert {**box.document, "extra": None} == {**first, "extra": None}
        assert box.document["extra"]["warehouse"] == first["extra"]["warehouse"]
        assert box.now() > seen
        assert [run.id for run in box.census().runs(SYNC_A)] == [run_id]
        assert records(box) == held
        warehouse = box.warehouse()
        assert warehouse.query("SELECT COUNT(*) AS n FROM crm.sfdc_dbx.kept").rows == [(rows,)]
        warehouse.execute("INSERT INTO crm.sfdc_dbx.kept VALUES (3)")
        warehouse.close()
        assert [entry["seq"] for entry in box.journal()][: len(known)] == known
        box.end(signal.SIGKILL)
    statements = [e["sql"] for e in read_journal(state) if e["kind"] == "statement"]
    assert statements[-1] == "INSERT INTO crm.sfdc_dbx.kept VALUES (3)"


def test_the_token_is_in_the_ready_line_and_beside_the_state_and_nowhere_else(
    scenario: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "kept"
    with sandbox("--scenario", scenario, "--state", folder / "world.jsonl") as box:
        use(box)
        form = {"grant_type": "client_credentials", "client_id": "a", "client_secret": box.token}
        session = box.http.post(box.document["salesforce"] + "/services/oauth2/token", data=form)
        assert session.status_code == 200
        shown = Path(f"/proc/{box.process.pid}/cmdline").read_bytes()
        told = json.dumps([box.get("/journal"), box.get("/faults"), box.get("/clock")])
        token = box.token
        box.end()
    kept = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert len(kept) == 5
    assert token.encode() in kept.pop("world.jsonl.addresses.json")
    written = b"".join(kept.values())
    assert token.encode() not in written + shown
    assert token not in told + "".join(box.err)
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_a_restart_serves_at_the_same_addresses_with_the_same_token(
    scenario: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / "world.jsonl"
    with opened(request(scenario, state), Event()) as first:
        before = first.document
    with opened(request(scenario, state), Event()) as second:
        assert {**second.document, "extra": None} == {**before, "extra": None}
    monkeypatch.setenv(TOKEN_VARIABLE, CANARY)
    with opened(request(scenario, state, free_ports()), Event()) as third:
        assert third.document["token"] == CANARY
        moved = third.document["census"]
    assert moved != before["census"]
    monkeypatch.delenv(TOKEN_VARIABLE)
    with opened(request(scenario, state), Event()) as fourth:
        assert (fourth.document["census"], fourth.document["token"]) == (moved, before["token"])
    assert CANARY.encode() not in b"".join(path.read_bytes() for path in tmp_path.iterdir())


def test_a_kept_port_that_is_taken_or_a_file_that_keeps_none_is_said(
    scenario: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = tmp_path / "world.jsonl"
    with opened(request(scenario, state), Event()) as box:
        port = box.servers["clock"].port
    with socket.create_server(("127.0.0.1", port)):
        said = fails(capsys, "--scenario", scenario, "--state", state)
    assert f"port {port} for clock: Address already in use" in said
    assert "keeps it: free it, or give --port-base" in said
    (tmp_path / "world.jsonl.addresses.json").write_text("{")
    said = fails(capsys, "--scenario", scenario, "--state", state)
    assert "holds no sandbox's addresses" in said
    assert "remove it to be given new ones" in said


def test_a_token_of_one_service_can_be_made_to_open_no_other(scenario: Path) -> None:
    own = {f"{TOKEN_VARIABLE}_CENSUS": "census-only-0123", f"{TOKEN_VARIABLE}_WAREHOUSE": "wh-0123"}
    with sandbox("--scenario", scenario, env={TOKEN_VARIABLE: CANARY, **own}) as box:
        url = box.document["census"] + "/workspace"

        def asked(token: str) -> int:
            return box.http.get(url, headers={"Authorization": f"Bearer {token}"}).status_code

        assert (asked("census-only-0123"), asked(CANARY), asked("wh-0123")) == (200, 401, 401)
        assert box.salesforce().allowance().allowed > 0  # takes the common one
        with pytest.raises(ServiceRefused):
            box.warehouse().query("SELECT 1")
        assert box.warehouse(token="wh-0123").query("SELECT 1 AS one").rows == [(1,)]
        box.end()


def test_two_sandboxes_do_not_share_a_state_or_a_port(
    scenario: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state, base = tmp_path / "world.jsonl", free_ports()
    with opened(request(scenario, state, base), Event()):
        same_state = fails(capsys, "--scenario", scenario, "--state", state)
        same_port = fails(capsys, "--scenario", scenario, "--port-base", base)
    assert "another sandbox uses this state" in same_state
    assert f"port {base} for census: Address already in use" in same_port


def test_a_state_of_another_world_is_refused(
    scenario: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = tmp_path / "world.jsonl"
    with opened(request(scenario, state), Event()):
        pass
    given = ("--scenario", scenario, "--state", state, "--seed", 77)
    assert "belongs to another seed" in fails(capsys, *given)
    foreign = tmp_path / "notes.txt"
    foreign.write_text("shopping\n")
    assert "is no state of a sandbox" in fails(capsys, "--scenario", scenario, "--state", foreign)
    assert foreign.read_text() == "shopping\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--speed", 0), "--speed 0: above 0"),
        (("--port-base", 80), "--port-base 80: from 1024"),
        (("--scenario", "unheard_of"), "no such scenario"),
    ],
)
def test_what_cannot_be_done_is_said(
    arguments: tuple[object, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said in fails(capsys, *arguments)


def test_faults_that_wait_for_the_controller_are_announced(tmp_path: Path) -> None:
    with sandbox("--scenario", "day3", speed=60) as box:
        answer = box.post("/moments", {"phase": "full_sync_a"})
        assert answer.status_code == 200
        scripted = {fault["id"]: fault["fired"] for fault in box.get("/faults")["scenario"]}
        assert set(answer.json()["fired"]) == {name for name, at in scripted.items() if at}
        assert box.post("/moments", {"stage": "running"}).status_code == 400
        box.end()
    assert scripted
    assert any("POST /moments" in line for line in box.err)


def request(scenario: Path, state: Path | None, port_base: int | None = None) -> SandboxRequest:
    read = read_scenario(PLAN, str(scenario))
    return SandboxRequest(
        plan=read_plan(PLAN, installed_kinds(), read.params),
        scenario=read,
        views=view_files(PLAN),
        seed=read.seed,
        speed=1,
        port_base=port_base,
        state=state,
    )


def fails(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """What a sandbox says that does not even start."""
    capsys.readouterr()
    assert main(["sandbox", str(PLAN), "--json", *map(str, arguments)]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    return told.err


if sys.platform != "linux":
    pytest.skip("reads /proc", allow_module_level=True)
