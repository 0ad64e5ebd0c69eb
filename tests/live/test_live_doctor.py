"""What `doctor` finds in a plan's connections, against the rehearsal's own services in a server."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from builders import START, make_plan
from fakes import FakeClock, FakeWarehouse
from live_processes import ROOT, here
from signing_desk import signed_plan

from rollout.domain.errors import QueryFailed, ServiceRefused, ServiceUnreachable
from rollout.domain.evidence import Scalar
from rollout.domain.plan import Plan
from rollout.live import doctor
from rollout.live.connections import LiveConnections
from rollout.live.doctor import Line, examine, examine_signers
from rollout.live.plan_relations import relations
from rollout.live.profiles import Profile
from rollout.ports import Table, Warehouse
from rollout.rehearsal.services.faults import HttpFault
from rollout.rehearsal.stage import TOKEN, Stage, build_stage
from rollout.wiring import installed_kinds, read_plan, read_scenario, view_files

PLAN = ROOT / "plans" / "property_sync.yaml"


class Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any, **__: Any) -> None:
        """Nobody reads it."""


@pytest.fixture(scope="module")
def plan() -> Plan:
    return read_plan(PLAN, installed_kinds())


@pytest.fixture(scope="module")
def served(plan: Plan) -> Iterator[tuple[Stage, str]]:
    """A stage, and the address at which its Census and Salesforce answer."""
    stage = build_stage(plan, read_scenario(PLAN, "planned"), 1, view_files(PLAN), None)
    server = make_server("127.0.0.1", 0, stage.app, handler_class=Quiet)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield stage, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()
    stage.close()


class WithWarehouse(LiveConnections):
    """The warehouse in this process; the others over a socket."""

    given: Warehouse | None = None

    def warehouse(self, name: str) -> Warehouse:
        assert self.given is not None
        return self.given


def look(
    plan: Plan,
    served: tuple[Stage, str],
    warehouse: Warehouse | None = None,
    replaced: dict[str, dict[str, Any]] | None = None,
) -> list[Line]:
    stage, url = served
    settings = {
        "databricks": {"host": "h", "http_path": "/p", "token": TOKEN},
        "census": {"base_url": url, "token": TOKEN},
        "salesforce": {"instance": url, "token": TOKEN},
    }
    profile = Profile(
        "sandbox", {k: {**v, **(replaced or {}).get(k, {})} for k, v in settings.items()}
    )
    with WithWarehouse(plan, {}, Path(), clock=FakeClock(), profile=profile) as connections:
        connections.given = warehouse or stage.world.warehouse()
        return list(examine(plan, connections))


def bad(lines: list[Line]) -> list[Line]:
    return [line for line in lines if line.state in {doctor.WRONG, doctor.UNREACHABLE}]


def test_everything_is_there(plan: Plan, served: tuple[Stage, str]) -> None:
    lines = look(plan, served)
    assert bad(lines) == []
    assert {line.connection for line in lines} == {"warehouse", "census", "salesforce"}
    assert all(line.seconds is not None for line in lines if line.what == "who am I")


@pytest.mark.parametrize(
    ("service", "setting"), [("census", "CENSUS_TOKEN"), ("salesforce", "SALESFORCE_TOKEN")]
)
def test_a_wrong_token_names_the_variable(
    plan: Plan, served: tuple[Stage, str], service: str, setting: str
) -> None:
    (line,) = bad(look(plan, served, replaced={service: {"token": "wrong-token-0123"}}))
    assert (line.connection, line.what, line.state) == (service, "who am I", doctor.WRONG)
    assert setting in line.fix
    assert "wrong-token-0123" not in line.said


def test_a_wrong_workspace_is_told(plan: Plan, served: tuple[Stage, str]) -> None:
    (line,) = bad(look(plan, served, replaced={"census": {"workspace": 4711}}))
    assert line.what == "workspace"
    assert "the plan wants 4711" in line.said


def test_no_network_is_told_and_the_rest_is_looked_at(
    plan: Plan, served: tuple[Stage, str]
) -> None:
    lines = look(plan, served, replaced={"census": {"base_url": "http://127.0.0.1:1"}})
    (line,) = bad(lines)
    assert (line.connection, line.state) == ("census", doctor.UNREACHABLE)
    assert any(found.connection == "salesforce" for found in lines)


def test_a_paused_sync_is_told(plan: Plan, served: tuple[Stage, str]) -> None:
    document = served[0].census.syncs[3394022].document
    document["paused"] = True
    try:
        (line,) = bad(look(plan, served))
    finally:
        document["paused"] = False
    assert (line.what, line.said) == ("sync sync_a", "sync 3394022 is paused")


def test_a_wrong_sync_id_is_told(plan: Plan, served: tuple[Stage, str]) -> None:
    other = plan.syncs["sync_a"].model_copy(update={"id": 99})
    changed = plan.model_copy(update={"syncs": {**plan.syncs, "sync_a": other}})
    (line,) = bad(look(changed, served))
    assert line.what == "sync sync_a"
    assert "syncs.sync_a.id, which is 99" in line.fix


def test_a_sync_of_another_operation_is_told(plan: Plan, served: tuple[Stage, str]) -> None:
    other = plan.syncs["sync_a"].model_copy(update={"operation": "mirror"})
    changed = plan.model_copy(update={"syncs": {**plan.syncs, "sync_a": other}})
    (line,) = bad(look(changed, served))
    assert line.said == "sync 3394022 has the operation upsert, the plan says mirror"


class Refusing(FakeWarehouse):
    """Answers, but for statements about `missing`."""

    def __init__(self, missing: str, error: Exception) -> None:
        super().__init__(FakeClock())
        self._missing, self._error = missing, error

    def query(
        self,
        sql: str,
        parameters: Mapping[str, Scalar] | None = None,
        *,
        max_rows: int = 1000,
        timeout_s: float = 300.0,
    ) -> Table:
        if self._missing in sql:
            raise self._error
        return Table(["a", "me"], [("b", "b")])


def test_a_missing_view_is_named(plan: Plan, served: tuple[Stage, str]) -> None:
    name = "crm.sfdc_dbx.properties_to_update"
    warehouse = Refusing(name, QueryFailed("gone", error_class="TABLE_OR_VIEW_NOT_FOUND"))
    (line,) = bad(look(plan, served, warehouse))
    assert line.what == f"view {name}"
    assert f"create {name}" in line.fix


@pytest.mark.parametrize(
    ("error", "state"),
    [(ServiceUnreachable("down"), doctor.UNREACHABLE), (ServiceRefused("403"), doctor.WRONG)],
)
def test_a_warehouse_that_does_not_answer_is_asked_once(
    plan: Plan, served: tuple[Stage, str], error: Exception, state: str
) -> None:
    (line,) = bad(look(plan, served, Refusing("SELECT", error)))
    assert (line.connection, line.what, line.state) == ("warehouse", "who am I", state)


def test_missing_variables_are_named_one_by_one(plan: Plan) -> None:
    with LiveConnections(plan, {}, Path(), clock=FakeClock()) as connections:
        lines = list(examine(plan, connections))
    assert {line.fix for line in lines} == {
        f"set {name} in the environment"
        for name in (
            *("DATABRICKS_HOST", "DATABRICKS_HTTP_PATH", "DATABRICKS_TOKEN"),
            *("CENSUS_TOKEN", "SALESFORCE_INSTANCE", "SALESFORCE_TOKEN"),
        )
    }


def test_a_secret_file_that_others_may_read_is_named_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "open").write_text("canary-0123456789\n")
    (tmp_path / "open").chmod(0o644)
    (tmp_path / "void").write_text("")
    (tmp_path / "void").chmod(0o600)
    files = ("open", "gone", "void")
    plan = make_plan(
        connections={name: {"uses": "census", "token": f"${{file:{name}}}"} for name in files}
    )
    with LiveConnections(plan, {}, tmp_path, clock=FakeClock()) as connections:
        lines = list(examine(plan, connections))
    assert [(line.connection, line.fix) for line in lines] == [
        (name, f"put the secret into {name}, a file that its owner alone may read (chmod 600)")
        for name in files
    ]
    assert "mode 0644; must be 0600 or 0400" in lines[0].said
    assert "canary" not in str(lines)


def test_a_workspace_that_is_not_told_is_not_called_wrong(
    plan: Plan, served: tuple[Stage, str]
) -> None:
    """Version 2 has no call that names the token's workspace."""
    lines = look(plan, served, replaced={"census": {"workspace": 4711, "api": "v2"}})
    assert bad(lines) == []
    (line,) = [line for line in lines if line.what == "workspace"]
    assert (line.state, line.said) == (
        doctor.NOTE,
        "it does not say which workspace it is, the plan wants 4711",
    )


def test_a_version_that_is_not_offered_is_told_with_those_that_are(
    plan: Plan, served: tuple[Stage, str]
) -> None:
    (line,) = bad(look(plan, served, replaced={"salesforce": {"version": "v999.0"}}))
    assert (line.connection, line.what) == ("salesforce", "version")
    assert line.said == "v50.0 to v66.0 are offered, the plan wants v999.0"
    assert line.fix == "correct connections.salesforce.version in the plan, or leave it out"


def test_the_version_that_is_spoken_is_told(plan: Plan, served: tuple[Stage, str]) -> None:
    lines = look(plan, served)
    (line,) = [n for n in lines if (n.connection, n.what) == ("salesforce", "version")]
    assert (line.state, line.said) == (doctor.OK, "the API's v62.0 of v50.0 to v66.0")


def test_who_writes_in_salesforce_is_told(plan: Plan, served: tuple[Stage, str]) -> None:
    (line,) = [line for line in look(plan, served) if line.what == "user"]
    assert (line.state, line.said) == (doctor.OK, "rollout@example.test (005Vj000000TOOLAAA)")


def test_another_user_than_the_rollbacks_is_told(plan: Plan, served: tuple[Stage, str]) -> None:
    assert plan.rollback is not None
    rollback = plan.rollback.model_copy(update={"user": "005Vj000000OTHERAA"})
    (line,) = bad(look(plan.model_copy(update={"rollback": rollback}), served))
    assert (line.connection, line.what) == ("salesforce", "user")
    assert line.said.endswith("a rollback is to write as 005Vj000000OTHERAA")
    assert line.fix == "use that user's token, or correct rollback.user in the plan"


def test_a_user_that_is_not_told_is_not_called_wrong(plan: Plan, served: tuple[Stage, str]) -> None:
    refused = HttpFault("status", status=403, body='[{"errorCode": "FORBIDDEN", "message": "no"}]')
    app, usual = served[0].app, served[0].app.on_request
    app.on_request = lambda _, path: refused if path.endswith("userinfo") else None
    try:
        lines = look(plan, served)
    finally:
        app.on_request = usual
    assert bad(lines) == []
    (line,) = [line for line in lines if line.what == "user"]
    assert line.state == doctor.NOTE
    assert line.said.startswith("not told: ")


@pytest.mark.parametrize(
    ("flag", "words", "grant"),
    [
        ("updateable", "may not edit records, and a rollback must: sync_a changes them", "Edit"),
        ("deletable", "may not delete records, and a rollback must: sync_a makes new", "Delete"),
    ],
)
def test_each_right_that_a_rollback_lacks_is_told_with_what_to_grant(
    plan: Plan, served: tuple[Stage, str], flag: str, words: str, grant: str
) -> None:
    rights = served[0].salesforce.rights
    rights.discard(flag)
    try:
        (line,) = bad(look(plan, served))
    finally:
        rights.add(flag)
    assert (line.connection, line.what) == ("salesforce", "rights on Product_Property__c")
    assert line.said.startswith(words)
    assert line.fix.endswith(f"permission set {grant} on Product_Property__c")


def test_a_right_that_no_step_needs_is_not_asked_for(plan: Plan, served: tuple[Stage, str]) -> None:
    rights = served[0].salesforce.rights
    rights -= {"createable", "deletable"}
    only = {n: s.model_copy(update={"operation": "update"}) for n, s in plan.syncs.items()}
    try:
        lines = look(plan.model_copy(update={"syncs": only}), served)
    finally:
        rights |= {"createable", "deletable"}
    assert not [line for line in bad(lines) if line.connection == "salesforce"]
    (line,) = [line for line in lines if line.what.startswith("rights")]
    assert (line.state, line.said) == (doctor.OK, "may edit records, as a rollback must")


class Owned(FakeWarehouse):
    """A catalogue whose views are all somebody's; in a group or not."""

    def __init__(self, owner: str | None, *, inside: bool | None = False) -> None:
        super().__init__(FakeClock())
        self._owner, self._inside = owner, inside

    def query(
        self,
        sql: str,
        parameters: Mapping[str, Scalar] | None = None,
        *,
        max_rows: int = 1000,
        timeout_s: float = 300.0,
    ) -> Table:
        if "table_owner" in sql:
            assert "information_schema.tables" in sql
            return Table(["owner", "me"], [(self._owner, "ann")])
        if "is_account_group_member" in sql:
            if self._inside is None:
                raise QueryFailed("no such function", error_class="UNRESOLVED_ROUTINE")
            return Table(["inside"], [(self._inside,)])
        return Table(["a"], [("b",)])


SWAPPED = "replace crm.sfdc_dbx.properties_to_create"


@pytest.mark.parametrize(
    ("warehouse", "state", "words"),
    [
        (Owned("ann"), doctor.OK, "ours (ann); CREATE TABLE on its schema is not looked at"),
        (Owned("data", inside=True), doctor.OK, "data's, which we are in; CREATE TABLE"),
        (Owned("data"), doctor.WRONG, "it is data's, and only its owner may replace a view"),
        (Owned("data", inside=None), doctor.WRONG, "it is data's, and only its owner may"),
        (Owned(None), doctor.NOTE, "not looked at: the catalogue does not say whose it is"),
        (
            Refusing("table_owner", QueryFailed("gone", error_class="TABLE_OR_VIEW_NOT_FOUND")),
            doctor.NOTE,
            "not looked at: gone",
        ),
    ],
)
def test_whether_a_swapped_view_can_be_replaced_is_told_or_said_to_be_unknown(
    plan: Plan, served: tuple[Stage, str], warehouse: Warehouse, state: str, words: str
) -> None:
    lines = [line for line in look(plan, served, warehouse) if line.what.startswith("replace ")]
    assert [line.state for line in lines] == [state] * 2
    (line,) = [line for line in lines if line.what == SWAPPED]
    assert line.said.startswith(words)
    granted = f"ALTER VIEW {SWAPPED.removeprefix('replace ')} OWNER TO `ann`, or to a group of its"
    assert line.fix == (granted if state == doctor.WRONG else "")


def test_a_version_that_is_not_told_is_a_note(plan: Plan, served: tuple[Stage, str]) -> None:
    warehouse = Refusing("version()", QueryFailed("no", error_class="UNRESOLVED_ROUTINE"))
    lines = look(plan, served, warehouse)
    (line,) = [n for n in lines if (n.connection, n.what) == ("warehouse", "version")]
    assert (line.state, line.said) == (doctor.NOTE, "not told")


def test_every_relation_is_looked_at_once(plan: Plan) -> None:
    found = relations(plan)
    assert found[0] == "crm.sfdc_dbx.properties_to_create"
    assert len(found) == len(set(found))


def test_the_command_exits_2_and_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CENSUS_TOKEN", "")
    code, out, _ = here("doctor", PLAN, "--json")
    assert code == 2
    said = json.loads(out)
    assert said["ok"] is False
    assert any("CENSUS_TOKEN" in line["fix"] for line in said["lines"])


def test_whether_people_can_sign_is_looked_at_too() -> None:
    keyless = signed_plan(roles={r: [{"person": r[:4]}] for r in ("project_lead", "sales_ops")})
    (said,) = examine_signers(keyless, "prod", START)
    assert (said.state, said.connection) == ("wrong", "roles")
    assert "nobody who signs as project_lead or sales_ops has a key" in said.said
    for plan, profile in ((keyless, "sandbox"), (signed_plan(), "prod")):
        assert [line.state for line in examine_signers(plan, profile, START)] == ["ok"]
