"""What a sound plan becomes: gates filled in, inputs split, files remembered."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path

import pytest
from loader_fakes import CHECKS, HEAD, READY, STEPS, gate_of, load, plan_of, problems_of, write
from pydantic import BaseModel, ConfigDict

from rollout.domain.errors import PlanProblems
from rollout.loader.documents import load_document, load_plan
from rollout.loader.parameters import parse_override
from rollout.loader.plugin_files import read_plugin

ONE_PHASE = plan_of("- {phase: pilot, title: Pilot, entry: [ready]}\n")
RUN = "{step: run_sync, id: run_a, sync: sync_a}"

COUNTED = gate_of(
    """
    - {check: rows, kind: sql, title: Rows, owner: lead, if_it_fails: Look.,
       sql: sql/rows.sql, at_most: "${{ gate.most }}", go: {n: "= ${{ gate.most }}"}}
    """,
    gate="counted",
    extra="params: {most: {about: how many}, factor: {default: 2}}\n",
)


def test_a_small_plan_loads(tmp_path: Path) -> None:
    plan = load(write(tmp_path, plan=ONE_PHASE, ready=READY))
    assert plan.plan == "small"
    assert plan.phase("pilot").entry == ["ready"]
    assert plan.gates["ready"].checks[0].kind == "attest"
    assert plan.connections["warehouse"]["token"] == "${env:DATABRICKS_TOKEN}"


def test_gates_beside_the_plan_itself_are_found_too(tmp_path: Path) -> None:
    (tmp_path / "gates").mkdir()
    (tmp_path / "gates" / "any_name.yml").write_text(READY)
    (tmp_path / "plan.yaml").write_text(ONE_PHASE)
    plan = load(tmp_path / "plan.yaml")
    assert list(plan.files) == ["gates/any_name.yml"]


def test_one_file_may_hold_several_gates(tmp_path: Path) -> None:
    two = "gates:\n" + "".join(
        "- " + READY.replace("\n", "\n  ").rstrip().replace("gate: ready", f"gate: {name}") + "\n"
        for name in ("ready", "steady")
    )
    phases = "- {phase: pilot, title: Pilot, entry: [ready, steady]}\n"
    assert set(load(write(tmp_path, plan=plan_of(phases), several=two)).gates) == {
        "ready",
        "steady",
    }


def test_gates_nobody_names_are_not_read(tmp_path: Path) -> None:
    broken = "gate: other\nchecks: [yes\n"
    plan = load(write(tmp_path, plan=ONE_PHASE, ready=READY, other=broken))
    assert list(plan.files) == ["gates/ready.yaml"]


def test_inputs_are_split_from_the_keys_every_step_and_check_has(tmp_path: Path) -> None:
    phases = f"- {{phase: pilot, title: Pilot, steps: [{RUN[:-1]}, within: 5m}}], exit: [ready]}}\n"
    plan = load(write(tmp_path, plan=plan_of(phases), ready=READY))
    step = plan.phase("pilot").steps[0]
    assert (step.step, step.id) == ("run_sync", "run_a")
    assert step.inputs == {"sync": "sync_a", "within": "5m"}


def test_a_key_that_both_want_goes_to_both(tmp_path: Path) -> None:
    check = load(write(tmp_path, plan=ONE_PHASE, ready=READY)).gates["ready"].checks[0]
    assert check.title == "They know"
    assert check.inputs == {"title": "They know"}


def test_a_gate_is_filled_with_the_values_of_its_use(tmp_path: Path) -> None:
    phases = "- {phase: pilot, title: P, entry: [{gate: counted, with: {most: '${{ params.expected }}'}}]}"
    plan = load(write(tmp_path, plan=plan_of(phases), counted=COUNTED, rows__sql="SELECT 1 AS n"))
    check = plan.gates["counted"].checks[0]
    assert check.go == {"n": "= 50"}
    assert check.inputs == {"sql": "SELECT 1 AS n", "at_most": 50}
    assert plan.gates["counted"].params["most"].default == 50
    assert plan.gates["counted"].params["factor"].default == 2


def test_other_values_make_another_gate_and_the_same_values_the_same(tmp_path: Path) -> None:
    phases = """
    - {phase: a, title: A, entry: [{gate: counted, with: {most: 50}}]}
    - phase: b
      title: B
      entry: [{gate: counted, with: {most: 60}}]
      steps:
        - {step: verify, id: look, gate: {gate: counted, with: {most: 70}}}
      soak:
        for: 1d
        checkpoints: {1h: [{gate: counted, with: {factor: 2, most: 50}}]}
        every: {12h: [{gate: counted, with: {most: 60}}]}
      exit: [{gate: counted, with: {most: 70}}]
    """
    plan = load(write(tmp_path, plan=plan_of(phases), counted=COUNTED, rows__sql="SELECT 1 AS n"))
    first, second = plan.phases
    assert second.soak is not None
    assert (first.entry, second.entry, second.exit) == (["counted"], ["counted__2"], ["counted__3"])
    assert second.steps[0].inputs == {"gate": "counted__3"}
    assert second.soak.checkpoints == {"1h": ["counted"]}
    assert second.soak.every == {"12h": ["counted__2"]}
    assert {key: gate.gate for key, gate in plan.gates.items()} == {
        key: key for key in ("counted", "counted__2", "counted__3")
    }
    assert [g.checks[0].inputs["at_most"] for g in plan.gates.values()] == [50, 60, 70]


def test_parameters_keep_their_type_where_they_are_the_whole_value(tmp_path: Path) -> None:
    phases = """
    - phase: pilot
      title: Pilot of ${{ params.expected }}
      entry: [ready]
      steps: [{step: select_cohort, id: c, from: t, seed: "${{ params.expected }}"}]
    """
    plan = load(write(tmp_path, plan=plan_of(phases), ready=READY))
    assert plan.phases[0].title == "Pilot of 50"
    assert plan.phases[0].steps[0].inputs["seed"] == 50


def test_params_can_be_replaced_by_values_of_the_same_type(tmp_path: Path) -> None:
    path = write(tmp_path, plan=ONE_PHASE, ready=READY)
    plan = load(path, params={"expected": 740, "share": 1, "word": "set"})
    assert plan.params == {"expected": 740, "share": 1, "word": "set"}
    assert plan.sha256() != load(path).sha256()


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({"expcted": 1}, "cannot set `expcted`: no such parameter; did you mean `expected`?"),
        ({"expected": "50"}, "cannot set `expected` to '50': the plan's value is a whole number"),
        ({"expected": 1.5}, "cannot set `expected` to 1.5: the plan's value is a whole number"),
        ({"expected": True}, "cannot set `expected` to True: the plan's value is a whole number"),
        ({"share": True}, "cannot set `share` to True: the plan's value is a number"),
        ({"word": 1}, "cannot set `word` to 1: the plan's value is text"),
    ],
)
def test_a_replaced_param_must_exist_and_fit(
    tmp_path: Path, params: dict[str, object], problem: str
) -> None:
    path = write(tmp_path, plan=ONE_PHASE, ready=READY)
    assert problems_of(path, params=params) == [f"plans/plan.yaml:4:1: {problem}"]


def test_an_override_on_the_command_line_is_read_like_yaml() -> None:
    assert parse_override("n=740") == ("n", 740)
    assert parse_override("word=a=b") == ("word", "a=b")
    for wrong in ("n", "=1", "n=010"):
        with pytest.raises(ValueError, match=r"name=value|quote it"):
            parse_override(wrong)


def test_references_to_what_is_known_later_stay(tmp_path: Path) -> None:
    gate = gate_of(
        """
        - {check: rows, kind: sql, title: Rows, owner: lead, if_it_fails: Look.,
           sql: "SELECT 1 AS n WHERE '${{ phase.started_at }}' < now()",
           at_most: "${{ steps.run_a.processed }}", go: {n: "= ${{ snapshots.before.rows }}"}}
        """
    )
    phases = f"""
    - phase: pilot
      title: Pilot
      steps:
        - {{step: snapshot, id: before, metrics: {{rows: {{sql: SELECT 1}}}}}}
        - {RUN}
      exit: [ready]
    """
    check = load(write(tmp_path, plan=plan_of(phases), ready=gate)).gates["ready"].checks[0]
    assert check.inputs["at_most"] == "${{ steps.run_a.processed }}"
    assert check.go == {"n": "= ${{ snapshots.before.rows }}"}
    assert "${{ phase.started_at }}" in check.inputs["sql"]


def test_sql_files_are_read_relative_to_the_file_that_names_them(tmp_path: Path) -> None:
    phases = """
    - phase: pilot
      title: Pilot
      steps:
        - {step: snapshot, id: before, metrics: {rows: {sql: own.sql}}}
        - {step: sql, id: fix, statement: fix.sql, undo: "DELETE FROM t WHERE x = 1"}
      exit: [ready]
    """
    path = write(tmp_path, plan=plan_of(phases), ready=READY)
    (tmp_path / "plans" / "own.sql").write_text("SELECT ${{ params.expected }} AS n\n")
    (tmp_path / "plans" / "fix.sql").write_text("INSERT INTO t SELECT 1 AS x")
    plan = load(path)
    assert plan.phases[0].steps[0].inputs == {"metrics": {"rows": {"sql": "SELECT 50 AS n\n"}}}
    assert plan.phases[0].steps[1].inputs["statement"] == "INSERT INTO t SELECT 1 AS x"
    assert set(plan.files) == {"gates/ready.yaml", "plans/own.sql", "plans/fix.sql"}
    written = b"SELECT ${{ params.expected }} AS n\n"
    assert plan.files["plans/own.sql"] == hashlib.sha256(written).hexdigest()


def test_comments_and_layout_do_not_move_the_plans_digest_but_a_word_does(tmp_path: Path) -> None:
    path = write(tmp_path, plan=ONE_PHASE, ready=READY)
    before = load(path).sha256()
    write(
        tmp_path, plan="# hello\n" + ONE_PHASE, ready=READY.replace("title:", "title:   ") + "# x\n"
    )
    assert load(path).sha256() == before
    write(tmp_path, ready=READY.replace("They know", "They knew"))
    assert load(path).sha256() != before


def test_plugins_are_part_of_what_is_approved(tmp_path: Path) -> None:
    path = write(tmp_path, plan=ONE_PHASE, ready=READY)
    plugin = tmp_path / "gates" / "own.py"
    plugin.write_text("# a kind\n")
    plan = load(path, plugins=[read_plugin(plugin)])
    assert plan.files["gates/own.py"] == hashlib.sha256(b"# a kind\n").hexdigest()


def test_the_way_back_has_steps_and_gates_too(tmp_path: Path) -> None:
    head = HEAD + (
        "rollback:\n"
        "  steps: [{step: sql, id: undo, statement: 'DELETE FROM t', undo: 'SELECT 1'}]\n"
        "  gates: [{gate: counted, with: {most: 1}}]\n"
        "  within: 90m\n"
    )
    phases = plan_of("- {phase: pilot, title: Pilot, entry: [ready]}\n", head)
    plan = load(write(tmp_path, plan=phases, ready=READY, counted=COUNTED, rows__sql="SELECT 1"))
    assert plan.rollback is not None
    assert plan.rollback.gates == ["counted"]
    assert plan.rollback.within == timedelta(minutes=90)


def test_loading_the_same_files_twice_gives_the_same_plan(tmp_path: Path) -> None:
    path = write(tmp_path, plan=ONE_PHASE, ready=READY)
    assert load(path) == load(path)


def test_a_plan_can_be_named_relative_to_where_one_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, plan=ONE_PHASE, ready=READY.replace("kind: attest", "kind: atest"))
    for folder, plan, gate in [
        (tmp_path, "plans/plan.yaml", "gates/ready.yaml"),
        (tmp_path / "plans", "plan.yaml", "../gates/ready.yaml"),
    ]:
        monkeypatch.chdir(folder)
        with pytest.raises(PlanProblems) as raised:
            load_plan(Path(plan), CHECKS, STEPS)
        assert raised.value.problems[0].startswith(f"{gate}:4:25: unknown kind of check `atest`")


def test_plugins_from_elsewhere_are_remembered_by_name(tmp_path: Path) -> None:
    root = tmp_path / "repo"
    root.mkdir()
    path = write(root, plan=ONE_PHASE, ready=READY)
    (tmp_path / "own.py").write_text("# a kind\n")
    other = tmp_path / "other"
    other.mkdir()
    (other / "own.py").write_text("# another kind\n")
    own, another = read_plugin(tmp_path / "own.py"), read_plugin(other / "own.py")
    assert "plugins/own.py" in load(path, plugins=[own]).files
    [problem] = problems_of(path, plugins=[own, another])
    assert "two plug-ins of the name own.py" in problem


def test_a_parameter_that_is_null_takes_any_value_but_cannot_stand_in_a_text(
    tmp_path: Path,
) -> None:
    head = HEAD.replace("word: ready", "word: null")
    gate = gate_of(
        """
        - {check: c, kind: sql, title: "${{ params.word }}!", owner: o, if_it_fails: F,
           go: {n: "> 1"}, sql: sql/rows.sql}
        """
    )
    path = write(
        tmp_path,
        plan=ONE_PHASE.replace(HEAD, head),
        ready=gate,
        rows__sql="SELECT '${{ params.word }}' AS n",
    )
    cannot = "params.word is None, which cannot stand inside a longer text"
    assert problems_of(path) == [
        f"gates/ready.yaml:4:32: {cannot}",
        f"gates/sql/rows.sql:1:9: {cannot}",
    ]
    assert load(path, params={"word": 7}).gates["ready"].checks[0].title == "7!"


def test_malformed_references_in_sql_files_are_placed(tmp_path: Path) -> None:
    gate = gate_of(
        "- {check: c, kind: sql, title: T, owner: o, if_it_fails: F, go: {n: = 1}, sql: sql/rows.sql}\n"
    )
    path = write(tmp_path, plan=ONE_PHASE, ready=gate, rows__sql="SELECT 1 AS n\n-- ${{ }}")
    assert problems_of(path) == [
        "gates/sql/rows.sql:2:4: `${{` must be followed by one dotted name and `}}`"
    ]


class World(BaseModel):
    model_config = ConfigDict(extra="forbid")
    rows: int


class Scenario(BaseModel):
    model_config = ConfigDict(extra="forbid")
    scenario: str
    world: World


def test_any_document_can_be_read_as_a_model(tmp_path: Path) -> None:
    path = tmp_path / "day3.yaml"
    path.write_text("scenario: day3\nworld: {rows: 740}\n")
    assert load_document(path, Scenario) == Scenario(scenario="day3", world=World(rows=740))


def test_a_wrong_document_gives_every_problem_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "day3.yaml"
    path.write_text('scenario: yes\nworld: {rows: "${{ many }}", row: 1}\nword: {}\n')
    with pytest.raises(PlanProblems) as raised:
        load_document(path, Scenario)
    assert [line.replace(f"{tmp_path}/", "") for line in raised.value.problems] == [
        "day3.yaml:1:11: `yes` could be text or a yes-or-no (true, false): quote it if it is text",
        "day3.yaml:2:15: must be a whole number, not `${{ many }}`",
        "day3.yaml:2:30: unknown key `row`; did you mean `rows`?",
        "day3.yaml:3:1: unknown key `word`; did you mean `world`?",
    ]
