"""What is published: whole, the same every time, runnable in the warehouse, and gone on the way back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlglot
from builders import make_plan
from doubles import NOW, Driver, Opened
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rollout.domain.effects import Answer, No
from rollout.domain.plan import Plan
from rollout.kinds import Done, Failed
from rollout.rehearsal.clock import VirtualClock
from rollout.rehearsal.told import RehearsalFiles
from rollout.rehearsal.world import World, WorldSpec
from rollout.steps.operations import alerts
from rollout.steps.publish import Publish, PublishInputs, generated
from rollout.steps.runbook import escaped, runbook

ROOT = Path(__file__).parents[2]
VIEWS = {path.stem: path.read_text("utf-8") for path in (ROOT / "plans/sql").glob("*.sql")}
INPUTS: dict[str, Any] = {"usual_records": 330, "schedules": {"sync_a": "15m", "sync_b": "30m"}}
WIDGETS = {
    "queue_sizes",
    "accuracy_by_flag",
    "multi_property",
    "sync_health",
    "properties_missing",
}
STANDING = {
    "create_queue": ("P2", "above", 200),
    "failed_records": ("P1", "above", 5),
    "accuracy": ("P2", "below", 95),
    "missing": ("P1", "above", 100),
    "no_run": ("P0", "above", 120),
    "missed_schedule": ("P2", "above", 0),
    "empty_fields": ("P1", "above", 100),
    "record_count": ("P1", "above", 20),
}
"""Source: domain note, section 4."""


def sync(name: str) -> dict[str, Any]:
    return {
        "on": "census",
        "id": 7,
        "operation": "upsert",
        "source": f"crm.{name}",
        "target": "Product_Property__c",
        "key": "Key__c",
    }


def plan(**given: Any) -> Plan:
    return make_plan(**{"syncs": {name: sync(name) for name in ("sync_a", "sync_b")}, **given})


def driver(opened: Opened | None = None, **inputs: Any) -> Driver:
    return Driver(Publish(), {**INPUTS, **inputs}, plan(), opened or Opened())


def made(**inputs: Any) -> dict[str, str]:
    return generated(PublishInputs.model_validate({**INPUTS, **inputs}), plan())


FILES = made()


def test_everything_is_written_below_its_folder() -> None:
    step = driver()
    done = step.run()
    assert isinstance(done, Done)
    kept = {path: body.decode() for path, body in step.opened.folder.kept.items()}
    assert kept == FILES
    assert done.outputs["files"] == done.outputs["written"] == len(FILES)
    assert set(step.evidence.get(str(done.outputs["evidence"]))["files"]) == set(FILES)
    assert {path.split("/")[0] for path in kept} == {"operations"}
    assert len(kept) == 5 + 1 + 8 * 2 + 1 + 1


def test_the_same_plan_gives_the_same_files() -> None:
    assert made() == FILES
    assert list(FILES) == sorted(FILES)


def test_what_is_there_already_is_not_written_again() -> None:
    step = driver()
    step.run()
    again = driver(step.opened)
    done = again.run()
    assert isinstance(done, Done)
    assert done.outputs["written"] == 0
    assert again.effects == []


def test_a_crash_at_any_move_changes_nothing_in_the_end() -> None:
    for moves in range(1, len(FILES) + 2):
        step = driver()
        step.run(until=moves)
        assert isinstance(step.run(), Done)
        assert set(step.opened.folder.kept) == set(FILES)
        assert len(step.effects) == len(FILES)


def test_the_way_back_removes_new_files_and_restores_old_ones() -> None:
    opened = Opened(folder=RehearsalFiles({"operations/runbook.md": b"\xff the old one"}))
    step = driver(opened)
    step.run()
    assert opened.folder.kept["operations/runbook.md"] != b"\xff the old one"
    step.run(undo=True, until=3)
    assert step.run(undo=True) == Done({"files_restored": len(FILES), "files_left": 0})
    assert opened.folder.kept == {"operations/runbook.md": b"\xff the old one"}


def test_a_file_that_somebody_changed_since_is_left_and_counted() -> None:
    step = driver()
    step.run()
    step.opened.folder.kept["operations/runbook.md"] = b"mine now"
    assert step.run(undo=True) == Done({"files_restored": len(FILES) - 1, "files_left": 1})
    assert step.opened.folder.kept == {"operations/runbook.md": b"mine now"}


def test_before_anything_was_done_there_is_nothing_to_undo() -> None:
    assert driver().run(undo=True) == Done({"files_restored": 0, "files_left": 0})
    begun = driver()
    begun.run(until=1)
    assert begun.run(undo=True) == Done({"files_restored": 0, "files_left": 0})


def test_a_folder_that_refuses_stops_the_step() -> None:
    class Full(RehearsalFiles):
        def write(self, path: str, content: bytes) -> Answer[str]:
            return No(f"{path}: the disk is full")

    move = driver(Opened(folder=Full())).run()
    assert isinstance(move, Failed)
    assert "the disk is full" in move.reason


@pytest.mark.parametrize(
    "inputs",
    [
        {"what": []},
        {"what": ["dashbord"]},
        {"usual_records": None},
        {"usual_records": 0},
        {"schedules": {}},
        {"schedules": {"sync_a": "30s"}},
        {"schedules": {"a'; DROP TABLE x --": "15m"}},
        {"thresholds": {"create_queu": 5}},
        {"folder": "../outside"},
        {"folder": "/etc"},
        {"aggregation": "crm; DROP TABLE x"},
        {"target": "crm.salesforce.`x`"},
    ],
)
def test_inputs_that_cannot_be_published_are_refused(inputs: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Publish.Inputs.model_validate({**INPUTS, **inputs})


def test_what_the_plan_does_not_have_is_no_standing_alert() -> None:
    with pytest.raises(ValueError, match="no sync 'sync_z'"):
        driver(schedules={"sync_z": "15m"}).run()
    with pytest.raises(ValueError, match="`usual_records` is not known"):
        driver(usual_records="${{ snapshots.final.target_rows }}").run()


def test_parts_can_be_published_alone() -> None:
    only = generated(PublishInputs.model_validate({"what": ["runbook"]}), plan())
    assert list(only) == ["operations/runbook.md"]
    assert "standing alert" not in only["operations/runbook.md"]


# dashboard and alerts ------------------------------------------------------------------------------


def selected(sql: str) -> list[str]:
    """The columns that a query names, in Databricks' own dialect."""
    tree = sqlglot.parse_one(sql, read="databricks")
    assert isinstance(tree, sqlglot.exp.Query)
    return tree.named_selects


def test_the_dashboard_has_its_five_widgets_each_with_its_data() -> None:
    dashboard = json.loads(FILES["operations/dashboard/operations.lvdash.json"])
    datasets = {d["name"]: "".join(d["queryLines"]) for d in dashboard["datasets"]}
    [page] = dashboard["pages"]
    assert set(datasets) == WIDGETS
    for placed in page["layout"]:
        widget = placed["widget"]
        query = widget["queries"][0]["query"]
        fields = [field["name"] for field in query["fields"]]
        assert datasets[query["datasetName"]] == FILES[f"operations/dashboard/{widget['name']}.sql"]
        columns = selected(datasets[query["datasetName"]])
        assert set(fields) <= set(columns)
        shown = json.dumps(widget["spec"]["encodings"])
        assert all(f'"{name}"' in shown for name in fields)


def test_no_two_widgets_lie_on_each_other() -> None:
    [page] = json.loads(FILES["operations/dashboard/operations.lvdash.json"])["pages"]
    taken: set[tuple[int, int]] = set()
    for placed in page["layout"]:
        at = placed["position"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["width"])
            for y in range(at["y"], at["y"] + at["height"])
        }
        assert not cells & taken
        assert all(x < 6 for x, _ in cells)
        taken |= cells


def test_the_standing_alerts_are_those_of_the_domain() -> None:
    found = json.loads(FILES["operations/alerts/standing_alerts.json"])
    said = {a["id"]: (a["severity"], a["fires_when"], a["threshold"]) for a in found}
    assert said == STANDING
    assert all(a["if_it_fires"] and f"operations/{a['sql']}" in FILES for a in found)


def test_each_alert_is_one_that_databricks_can_make() -> None:
    for name, (severity, fires, threshold) in STANDING.items():
        alert = json.loads(FILES[f"operations/alerts/{name}.alert.json"])
        assert alert["display_name"].startswith(severity)
        assert alert["query_text"] == FILES[f"operations/alerts/{name}.sql"]
        evaluation = alert["evaluation"]
        wanted = {"above": "GREATER_THAN", "below": "LESS_THAN"}[fires]
        assert evaluation["comparison_operator"] == wanted
        assert evaluation["threshold"]["value"]["double_value"] == threshold
        assert evaluation["empty_result_state"] == "TRIGGERED"
        assert re.fullmatch(
            r"0 0(/(15|30))? \* \* \* \?", alert["schedule"]["quartz_cron_schedule"]
        )
        assert selected(alert["query_text"]) == [evaluation["source"]["name"]]


def test_a_threshold_of_ones_own_is_taken() -> None:
    files = made(thresholds={"create_queue": 350})
    alert = json.loads(files["operations/alerts/create_queue.alert.json"])
    assert alert["evaluation"]["threshold"]["value"]["double_value"] == 350
    assert "above 350 properties" in files["operations/runbook.md"]


def test_other_relations_are_taken_everywhere() -> None:
    files = made(aggregation="main.views", target="main.target")
    assert "crm." not in "".join(text for path, text in files.items() if path.endswith(".sql"))
    assert not [text for path, text in files.items() if "{" in text and path.endswith(".sql")]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    spec = {
        "properties": 400,
        "target_rows": 330,
        "create_queue": 40,
        "update_queue": 90,
        "high_priority": 20,
        "wrong_flags": 15,
        "shared_ids": 41,
        "company_gaps": 7,
        "organic": False,
    }
    built = World(WorldSpec.model_validate(spec), VirtualClock(NOW), 1, VIEWS)
    yield built
    built.close()


def value(world: World, alert: str) -> float:
    table = world.warehouse().query(FILES[f"operations/alerts/{alert}.sql"])
    assert (table.columns, len(table.rows)) == (["value"], 1)
    found = table.rows[0][0]
    assert isinstance(found, int | float)
    return found


def fires(world: World, alert: str) -> bool:
    _, when, threshold = STANDING[alert]
    found = value(world, alert)
    return found > threshold if when == "above" else found < threshold


@pytest.mark.parametrize("widget", sorted(WIDGETS))
def test_each_widget_has_an_answer_in_the_warehouse(world: World, widget: str) -> None:
    assert world.warehouse().query(FILES[f"operations/dashboard/{widget}.sql"]).columns


def test_the_figures_are_those_of_the_world(world: World) -> None:
    warehouse = world.warehouse()
    queues = warehouse.query(FILES["operations/dashboard/queue_sizes.sql"]).rows
    assert sorted(queues) == [("create", 40), ("update", 90)]
    missing = warehouse.query(FILES["operations/dashboard/properties_missing.sql"]).dicts()
    assert {row["missing_in_all"] for row in missing} == {value(world, "missing")}
    assert value(world, "create_queue") == 40
    assert value(world, "record_count") == 0


def test_without_any_run_the_alerts_of_silence_fire(world: World) -> None:
    assert fires(world, "no_run")
    assert value(world, "missed_schedule") == 2
    assert not fires(world, "failed_records")
    assert not fires(world, "create_queue")


def test_runs_in_the_audit_log_quiet_them_and_failures_raise_another(world: World) -> None:
    warehouse = world.warehouse()
    log = "crm.sfdc_dbx.property_sync_audit_log"

    def ran(sync: str, minutes: int, failed: int) -> None:
        written = warehouse.execute(
            f"INSERT INTO {log} VALUES ('r', '{sync}', 'scheduled', CURRENT_TIMESTAMP() - INTERVAL "
            f"{minutes} MINUTES, 100, {100 - failed}, {failed}, 0.0, 'census', '')"
        )
        assert not isinstance(written, No)

    ran("sync_a", 20, 0)
    assert not fires(world, "no_run")
    assert value(world, "missed_schedule") == 1
    ran("sync_b", 59, 0)
    assert value(world, "missed_schedule") == 0
    ran("sync_b", 5, 40)
    assert fires(world, "failed_records")
    health = warehouse.query(FILES["operations/dashboard/sync_health.sql"]).dicts()
    assert sum(int(row["runs"] or 0) for row in health) == 3


# runbook -------------------------------------------------------------------------------------------


def test_the_runbook_says_whom_to_ask_and_what_to_do() -> None:
    text = FILES["operations/runbook.md"]
    assert text.startswith("# Runbook: Two phases\n")
    for wanted in (
        "## Contacts",
        "| project lead | proj |",
        "## Severities",
        "## When a standing alert fires",
        "| P0 | No sync has run | above 120 minutes |",
        "## Phase: The pilot",
        "Begins when gate Everything is ready says go.",
        "## When a check fails",
        "| P1 | The empty keys is right | data engineering | Stop and look. |",
        "## Commands",
    ):
        assert wanted in text
    assert plan().sha256() in text
    assert "## Rollback" not in text


def test_every_phase_gate_and_check_of_the_plan_is_in_it() -> None:
    found = plan(
        rollback={
            "steps": [{"step": "pause_sync", "id": "stop_a", "title": "Pause Sync A"}],
            "gates": ["all_done"],
        },
        connections={"oncall": {"uses": "notify"}},
        notifications={
            "routes": {"P0": [{"channels": ["oncall"]}, {"channels": ["cto"], "after": "30m"}]}
        },
    )
    text = runbook(found, alerts())
    for phase in found.phases:
        assert f"## Phase: {phase.title}" in text
        assert all(f"(`{step.id}`)" in text for step in phase.steps)
    for gate in found.gates.values():
        assert f"### {gate.title}" in text
        assert all(escaped(check.title) in text for check in gate.checks)
    assert "1. Pause Sync A (`stop_a`)." in text
    assert "proven by: Done" in text
    assert "oncall; cto after 30m" in text


_MARKS = re.compile(r"[#|>` 0-9.-]*")
_CELLS = re.compile(r"(?<!\\)(?:\\\\)*\|")


def _shape(text: str) -> list[tuple[str, int]]:
    """What a reader's program sees of it: how each line begins, and how many cells it has."""
    found = []
    for line in text.splitlines():
        begins = _MARKS.match(line)
        found.append((begins[0].strip() if begins else "", len(_CELLS.findall(line))))
    return found


FOREIGN = "# <img src=x onerror=alert(1)> | [a](javascript:b) `c` ![d](https://e.test) @all\n## Hi"


@pytest.mark.parametrize("foreign", [FOREIGN, "a\\|b", "\\", "```", "| --- |", "<!--", "$x$"])
def test_no_text_of_the_plan_changes_its_shape(foreign: str) -> None:
    def with_title(title: str) -> str:
        return runbook(plan(title=title, roles={"lead": [{"person": title}]}), alerts())

    assert _shape(with_title(foreign)) == _shape(with_title("Plain"))


@given(st.text(max_size=40))
def test_escaped_text_holds_no_markup(text: str) -> None:
    safe = escaped(text)
    assert "\n" not in safe
    bare = re.sub(r"\\.", "", safe)
    assert not set(bare) & set("`*_[]<>#|~!$&@\\")
    assert "://" not in bare
