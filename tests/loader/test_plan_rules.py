"""Each rule: a plan that breaks it, and what it is told."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import pytest
from loader_fakes import (
    CHECKS,
    HEAD,
    READY,
    STEPS,
    SqlCheck,
    gate_of,
    load,
    plan_of,
    problems_of,
    write,
)
from pydantic import BaseModel, Field

from rollout.domain.errors import PlanProblems
from rollout.domain.plan import Model
from rollout.engine.rollback import RUNS as RUNS_ID
from rollout.engine.rollback import SCOPE as SCOPE_ID
from rollout.loader.documents import load_plan
from rollout.loader.rules_rollback import RESERVED

ATTEST = "{check: told, kind: attest, title: T, owner: lead, if_it_fails: F}"
RUN = "{step: run_sync, id: run_a, sync: sync_a}"
PAUSE = "{step: pause_sync, id: stop_a, sync: sync_a}"
SNAPSHOT = "{step: snapshot, id: before, metrics: {rows: {sql: SELECT 1}}}"


def told(
    tmp_path: Path, phases: str, gate: str = READY, head: str = HEAD, **files: str
) -> list[str]:
    """Problems without their places."""
    path = write(tmp_path, plan=plan_of(phases, head), ready=gate, **files)
    return [line.split(": ", 1)[1] for line in problems_of(path)]


def told_of_phase(tmp_path: Path, keys: str, **how: str) -> list[str]:
    return told(tmp_path, f"- {{phase: pilot, title: Pilot, {keys}}}\n", **how)


def told_of_check(tmp_path: Path, keys: str, kind: str = "sql", steps: str = "") -> list[str]:
    default = 'sql: SELECT 1 AS n, go: {n: "> 0"}, ' if kind == "sql" and "sql:" not in keys else ""
    gate = gate_of(
        f"- {{check: c, kind: {kind}, title: T, owner: lead, if_it_fails: F, {default}{keys}}}\n"
    )
    return told_of_phase(tmp_path, f"steps: [{steps}], exit: [ready]", gate=gate)


def told_of_head(tmp_path: Path, old: str, new: str) -> list[str]:
    assert old in HEAD
    return told(
        tmp_path, "- {phase: pilot, title: Pilot, entry: [ready]}\n", head=HEAD.replace(old, new)
    )


# ── the head ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("old", "new", "problems"),
    [
        ("America/Los_Angeles", "America", ["unknown time zone `America`"]),
        ("America/Los_Angeles", "../etc/passwd", ["unknown time zone `../etc/passwd`"]),
        ("America/Los_Angeles", "5", ["must be text, not 5 (quote it if it is text)"]),
        ("params:", "gates: {}\nparams:", ["`gates` is not written in a plan: gates are files"]),
        ("params:", "files: {}\nparams:", ["`files` is not written in a plan: the files are"]),
        ("params:", "holidays: US-CA\nparams:", []),
        ("params:", "holidays: USX\nparams:", ["no holidays are known for `USX`"]),
        ("params:", "holidays: US-XX\nparams:", ["no holidays are known for `XX` in `US`"]),
        ("expected: 50", 'expected: "${{ params.share }}"', ["a parameter cannot refer to another"]),
        ("expected: 50", "expected: [1]", ["must be true or false or must be a whole number or"]),
        ("uses: databricks,", "", ["missing key `uses`; known: `census`"]),
        ("uses: databricks", "uses: 5", ["unknown service `5`; known: `census`"]),
        ('"${env:DATABRICKS_TOKEN}"', "dapi", ["`token` is a secret"]),
        ('"${env:DATABRICKS_TOKEN}"', '"Bearer ${env:A}"', ["`token` is a secret"]),
        ('"${env:DATABRICKS_TOKEN}"', "12345", ["`token` is a secret"]),
        ('token: "${env:DATABRICKS_TOKEN}"', "auth: {client_secret: x}", ["unknown key `auth` of a connection to databricks", "`client_secret` is a secret"]),
        ('token: "${env:DATABRICKS_TOKEN}"', "auth: [{api_key: x}]", ["unknown key `auth` of a connection to databricks", "`api_key` is a secret"]),
        ('token: "${env:DATABRICKS_TOKEN}"', "host: '${env:1X}'", ["`${env:1X}` must be"]),
        ('token: "${env:DATABRICKS_TOKEN}"', "host: 'https://${env:HOST}/x'", []),
        ("uses: census,", "uses: census, workspce: 7,", ["unknown key `workspce` of a connection to census; did you mean `workspace`"]),
        ("uses: census,", "uses: census, region: mars,", ["unknown region `mars`"]),
        ("uses: census,", "uses: census, api: v3,", ["unknown api `v3`"]),
        ("uses: census,", "uses: census, workspace: 7, region: eu, api: v2,", []),
        ("on: census", "on: warehouse", ["connection `warehouse` uses databricks; a sync runs on census"]),
        ("title: A small", 'title: "${env:HOME}', ["not YAML"]),
        ("A small rollout", "'${env:HOME}'", ["`${env:HOME}` is only read inside `connections`"]),
        ("A small rollout", "'${{ steps.a.b }}'", ["`steps.a.b` is not filled here: only in"]),
        ("A small rollout", "'${{ gate.a }}'", ["`gate.a` is not filled here: only in"]),
        ("A small rollout", "'${{ params }}'", ["unknown reference `params`"]),
        ("A small rollout", "'${{ params.share + 1 }}'", ["`${{` must be followed by one dotted name"]),
    ],
)  # fmt: skip
def test_rules_of_the_head(tmp_path: Path, old: str, new: str, problems: list[str]) -> None:
    if not problems:
        head = HEAD.replace(old, new)
        phases = "- {phase: pilot, title: Pilot, entry: [ready]}\n"
        load(write(tmp_path, plan=plan_of(phases, head), ready=READY))
        return
    found = told_of_head(tmp_path, old, new)
    for line, start in zip(found, problems, strict=True):
        assert line.startswith(start)


def test_a_secret_is_never_repeated_in_the_problem(tmp_path: Path) -> None:
    found = told_of_head(tmp_path, '"${env:DATABRICKS_TOKEN}"', "dapi-very-secret")
    assert "very-secret" not in "\n".join(found)


# ── phases ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        (f"steps: [{RUN}]", "phase `pilot` writes, but no `exit` gate looks at the result"),
        ("soak: {for: 1d}", "a soak without gates watches nothing: give `checkpoints` or `every`"),
        ("soak: {for: 0s, every: {1h: [ready]}}", "a soak must be longer than nothing"),
        ("soak: {for: 1d, every: {0s: [ready]}}", "`0s` must be longer than nothing"),
        (
            "soak: {for: 1d, every: {soon: [ready]}}",
            "`soon` is not a duration such as 30m, 4h or 2d",
        ),
        ("soak: {for: 1d, checkpoints: {25h: [ready]}}", "`25h` lies after the end of the soak"),
        ("soak: {for: 1d, checkpoints: {1h: []}, every: {1h: [ready]}}", "there is no gate at 1h"),
        (
            "soak: {for: 1d, min_coverage: 120 %, every: {1h: [ready]}}",
            "`120 %` must be a share above 0 %, such as 95 %",
        ),
        (
            "soak: {for: 1d, min_coverage: 0 %, every: {1h: [ready]}}",
            "`0 %` must be a share above 0 %, such as 95 %",
        ),
        (
            "soak: {for: 1d, min_coverage: most, every: {1h: [ready]}}",
            "`most` must be a share above 0 %, such as 95 %",
        ),
        (
            "soak: {for: later, every: {1h: [ready]}}",
            "'later' is not a duration; write for example",
        ),
        ("window: {days: []}", "a window without days never opens"),
        ("window: {days: [friday]}", "`friday` is not possible here; did you mean `fri`?"),
        (
            'window: {between: ["12:00", "12:00"]}',
            "the window closes (12:00) before it opens (12:00)",
        ),
        ('window: {between: ["12:00"]}', "missing key `1`"),
        ('window: {between: ["25:00", "23:00"]}', "must be a time of day such as"),
        (
            'window: {between: ["10:00+02:00", "12:00+02:00"]}',
            "times are in the plan's own time zone",
        ),
        ("window: {not_on: [holidays]}", "`holidays` needs the plan to say whose: `holidays: US`"),
        (
            "window: {not_on: [quarterend]}",
            "`quarterend` is neither holidays, quarter_end nor a date",
        ),
        (
            'window: {not_on: ["2026-13-01"]}',
            "`2026-13-01` is neither holidays, quarter_end nor a date",
        ),
        ("exit: [ready], sign_off: {roles: [boss]}", "the plan has no role `boss`; known: `lead`"),
        ("exit: [ready], sign_off: {roles: [lead, lead]}", "role `lead` is asked twice"),
        ("exit: [ready], sign_off: {roles: []}", "needs at least 1, there are 0"),
        (
            "exit: [ready], sign_off: {roles: [lead], expires: 0s}",
            "`expires` must be longer than nothing",
        ),
        (
            "sign_off: {roles: [lead]}",
            "`sign_off` needs an `exit` gate: people sign what a gate found",
        ),
        (
            "entry: [{with: {}}]",
            "a gate is named by its id, or by `{gate: id, with: {name: value}}`",
        ),
        ("entry: [7]", "a gate is named by its id, or by `{gate: id, with: {name: value}}`"),
        ("entry: [{gate: ready, whith: {}}]", "unknown key `whith`; did you mean `with`?"),
        ("entry: [{gate: ready, with: 1}]", "must be a mapping (`name: value`)"),
        ("entry: ready", "must be a list, not `ready`"),
        ("on_no_go: rollbak", "`rollbak` is not possible here; did you mean `rollback`?"),
        ("steps: [run]", "must be a mapping (`key: value`), not `run`"),
        ("steps: [{step: run_sync, id: a}], exit: [ready]", "missing key `sync`"),
        ("steps: [{step: verify, id: a, gate: redy}]", "no file in `gates` holds a gate `redy`"),
        (
            "steps: [{step: run_sync, id: A-1, sync: sync_a}], exit: [ready]",
            "`A-1` must be small letters, digits and _, starting with a letter",
        ),
        (
            "steps: [{step: run_sync, id: a, sync: sync_a, within: soon}], exit: [ready]",
            "'soon' is not a duration; write for example",
        ),
        (
            "steps: [{step: run_sync, id: a, sync: sync_a, baseline: later}], exit: [ready]",
            "the plan has no earlier step `later`",
        ),
        (
            "steps: [{step: publish, id: a, to: all, irreversible: ' '}], exit: [ready]",
            "`irreversible` must say why there is no way back",
        ),
        (
            "steps: [{step: select_cohort, id: c, from: t, seed: 1, strata: [{name: a, count: 0}]}]",
            "must be more than 0",
        ),
    ],
)
def test_rules_of_phases(tmp_path: Path, keys: str, problem: str) -> None:
    [found] = told_of_phase(tmp_path, keys)
    assert found.startswith(problem)


def test_roles_must_be_signed_for_by_different_people(tmp_path: Path) -> None:
    phase = "exit: [ready], sign_off: {roles: [lead, sales]}"
    path = write(tmp_path, plan=plan_of(f"- {{phase: p, title: P, {phase}}}\n"), ready=READY)
    assert load(path).phases[0].sign_off is not None
    one = HEAD.replace("{person: ann}, {person: bob}", "{person: ann}")
    found = told_of_phase(tmp_path, phase, head=one)
    assert found == ["each role must be signed for by a different person, and there are too few"]
    nobody = HEAD.replace("[{person: ann}, {person: bob}]", "[]")
    assert told_of_phase(tmp_path, phase, head=nobody) == ["nobody has the role `sales`"]


def test_a_writing_phase_may_be_looked_at_by_its_soak(tmp_path: Path) -> None:
    keys = f"steps: [{RUN}], soak: {{for: 1d, checkpoints: {{1d: [ready]}}}}"
    load(write(tmp_path, plan=plan_of(f"- {{phase: p, title: P, {keys}}}\n"), ready=READY))


def test_ids_are_given_once_in_the_whole_plan(tmp_path: Path) -> None:
    phases = f"""
    - {{phase: pilot, title: P, steps: [{RUN}], exit: [ready]}}
    - {{phase: pilot, title: P, steps: [{RUN}], exit: [ready]}}
    """
    assert told(tmp_path, phases) == [
        "phase `pilot` is already on line 14",
        "step `run_a` is already on line 14",
    ]


def test_a_gate_id_is_given_once_in_all_files(tmp_path: Path) -> None:
    phase = "- {phase: p, title: P, entry: [ready]}\n"
    found = told(tmp_path, phase, second=READY)
    assert len(found) == 1
    assert found[0].startswith("gate `ready` is also in ")
    assert found[0].endswith("gates/ready.yaml")


def test_a_plan_without_phases_or_with_the_wrong_shape_is_told(tmp_path: Path) -> None:
    for phases, problem in [
        ("phases: []\n", "needs at least 1, there are 0"),
        ("phases: {a: 1}\n", "must be a list"),
        ("phases: [7]\n", "must be a mapping (`key: value`), not 7 (quote it if it is text)"),
        ("", "missing key `phases`"),
    ]:
        path = write(tmp_path, plan=HEAD + phases)
        assert [line.split(": ", 1)[1] for line in problems_of(path)] == [problem]


# ── gates and checks ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("kind", "keys", "problems"),
    [
        ("sql", "sql: SELECT 1 AS n", ["a `sql` check needs a `go` or `no_go` condition"]),
        ("sql", "sql: SELECT 1 AS n, go: {}", ["a `sql` check needs a `go` or `no_go` condition"]),
        ("sql", "sql: SELECT 1 AS n, go: '> 1'", ["a `sql` check has several metrics: say which, as"]),
        ("sql", "sql: SELECT 1 AS n, go: {n: '>> 1'}", ["'>> 1' is not a condition"]),
        ("sql", "sql: SELECT 1 AS n, go: {n: '>= 0 %'}", ["`>= 0 %` can never fail"]),
        (
            "sql",
            "sql: SELECT 1 AS n, go: {n: between 0 % and 100 %}",
            ["`between 0 % and 100 %` can never fail, so it protects nothing"],
        ),
        ("sql", "sql: SELECT 1 AS n, go: 5", ["must be text, not 5 (quote it if it is text) or must"]),
        ("sql", "sql: SELECT 1 AS n, go: {n: 5}", ["must be text, not 5 (quote it if it is text)"]),
        ("sql", "severity: P9", ["`P9` is not possible here; known: `P0`, `P1`, `P2`, `P3`"]),
        ("sql", "shadow: maybe", ["must be true or false, not `maybe`"]),
        ("sql", "on: warehose", ["the plan has no connection `warehose`; did you mean `warehouse`?"]),
        ("sql", "inputs: {x: z}", ["unknown key `inputs`"]),
        ("sql", "at_most: 1, at_mots: 2", ["unknown key `at_mots`; did you mean `at_most`?"]),
        ("sql", "shadwo: true", ["unknown key `shadwo`; did you mean `shadow`?"]),
        ("census_run", "sync: sync_a", ["say which run, by either `run` or `of_step`"]),
        ("census_run", "sync: sync_a, run: 1, go: {status: = x, rate: < 1 %}", ["a `census_run` check has no"]),
        ("census_run", "sync: sync_a, of_step: nobody", ["the plan has no earlier step `nobody`"]),
        ("attest", "roles: [lead, bos]", ["the plan has no role `bos`"]),
        ("loose", "size: 1, siez: 2, go: = 1", ["unknown key `siez`; did you mean `size`?"]),
        ("loose", "size: 13, go: = 1", ["13 is no size"]),
        ("sql", "timeout: 0s", ["`timeout` must be longer than nothing"]),
        ("sql", "timeout: 99999999999999d", ["'99999999999999d' is too long to be a duration"]),
        ("sql", "timeout: 99999999999999999", ["must be a duration such as 90s, 5m or 48h"]),
        ("sql", "timeout: -5", ["`timeout` must be longer than nothing"]),
        ("sql", "sampling: {count: 0}", ["sampling to the gate's end (`count: 0`) need"]),
        ("sql", "sampling: {interval: 0s}", ["`interval` must be longer than nothing"]),
        ("sql", "sampling: {initial_delay: -1}", ["`initial_delay` cannot be negative"]),
        ("sql", "sampling: {failure_limit: -1}", ["a check that forgives every failure", "gate `ready` can never"]),
        ("sql", "sampling: {failure_limit: 1}", ["a check that forgives every failure", "gate `ready` can never"]),
        ("sql", "sampling: {inconclusive_limit: 1}", ["`inconclusive_limit` must be less than the 1 samples"]),
        (
            "sql",
            "sampling: {count: 2, interval: 1m, consecutive_success_limit: 3}",
            ["3 passes in a row cannot happen in 2 samples"],
        ),
        ("sql", "sampling: {count: -1}", ["must be at least 0"]),
        ("sql", "sampling: {retries: 1}", ["unknown key `retries`"]),
        ("sql", "shadow: true", ["gate `ready` can never say no: every check of it is `shadow`"]),
    ],
)  # fmt: skip
def test_rules_of_checks(tmp_path: Path, kind: str, keys: str, problems: list[str]) -> None:
    found = told_of_check(tmp_path, keys, kind)
    assert len(found) == len(problems), found
    for start in problems:
        assert any(line.startswith(start) for line in found), found


def test_a_check_must_say_whose_it_is_and_what_to_do(tmp_path: Path) -> None:
    gate = gate_of("- {check: c, kind: attest, title: ' ', owner: '', if_it_fails: F}\n")
    found = told_of_phase(tmp_path, "exit: [ready]", gate=gate)
    assert found == ["`title` must say something", "`owner` must say something"]


def test_a_default_connection_must_exist(tmp_path: Path) -> None:
    gate = gate_of(
        "- {check: c, kind: sql, title: T, owner: o, if_it_fails: F, sql: SELECT 1 AS n, go: {n: = 1}}\n"
    )
    head = HEAD.replace("warehouse:", "lake:")
    found = told_of_phase(tmp_path, "exit: [ready]", gate=gate, head=head)
    assert found[0].startswith("this needs a connection `warehouse`, which the plan does not have")


@pytest.mark.parametrize(
    ("gate", "problem"),
    [
        ("gate: ready\ntitle: T\nchecks: []\n", "needs at least 1, there are 0"),
        ("gate: ready\ntitle: T\n", "missing key `checks`"),
        ("gate: ready\nchecks:\n- " + ATTEST, "missing key `title`"),
        (f"gate: ready\ntitle: T\nchecks:\n- {ATTEST}\nowner: x\n", "unknown key `owner`"),
        (f"gate: ready\ntitle: T\nchecks:\n- {ATTEST}\n- {ATTEST}\n", "check `told` is already on"),
        (f"gate: ready\ntitle: T\nparams: {{a: 1}}\nchecks:\n- {ATTEST}\n", "must be a mapping"),
        (
            f"gates:\n- gate: ready\n  title: T\n  checks: [{ATTEST}]\ntitle: x\n",
            "unknown key `title`",
        ),
        (
            f"gate: ready\ntitle: '${{{{ gate.x }}}}'\nchecks:\n- {ATTEST}\n",
            "unknown reference `gate.x`",
        ),
    ],
)
def test_rules_of_gate_files(tmp_path: Path, gate: str, problem: str) -> None:
    found = told_of_phase(tmp_path, "exit: [ready]", gate=gate)
    assert found[-1].startswith(problem), found
    assert len(found) == (2 if "params: {a: 1}" in gate else 1)


def test_a_gate_parameter_without_a_default_must_be_given(tmp_path: Path) -> None:
    gate = gate_of(f"- {ATTEST}\n", extra="params: {most: {about: how many}}\n")
    assert told_of_phase(tmp_path, "exit: [ready]", gate=gate) == [
        "gate `ready` needs a value for its parameter `most`"
    ]
    found = told_of_phase(tmp_path, "exit: [{gate: ready, with: {most: [1]}}]", gate=gate)
    assert "must be one value, not a list or mapping" in found


class Part(Model):
    on: str
    sync: str | None = None


class NestedInputs(Model):
    parts: list[Part] = []
    by_name: dict[str, Part] = {}
    one: Part | int | None = None
    after: str = Field(default="", json_schema_extra={"names": "step"})
    roles: str = Field(default="", json_schema_extra={"names": ""})


class NestedCheck(SqlCheck):
    kind: ClassVar[str] = "nested"
    Inputs: ClassVar[type[BaseModel]] = NestedInputs
    default_go: ClassVar[Mapping[str, str]] = {"n": "> 0"}


def test_names_inside_nested_inputs_are_followed_too(tmp_path: Path) -> None:
    gate = gate_of(
        """
        - {check: c, kind: nested, title: T, owner: o, if_it_fails: F, roles: anybody,
           parts: [{on: warehouse}, {on: lake}],
           by_name: {a: {on: census, sync: sync_b}},
           one: {on: house},
           after: nothing}
        """
    )
    path = write(tmp_path, plan=plan_of("- {phase: p, title: P, exit: [ready]}\n"), ready=gate)
    with pytest.raises(PlanProblems) as raised:
        load_plan(path, {**CHECKS, "nested": NestedCheck()}, STEPS)
    assert [line.split("gates/")[1] for line in raised.value.problems] == [
        "ready.yaml:5:34: the plan has no connection `lake`; known: `census`, `warehouse`",
        "ready.yaml:6:36: the plan has no sync `sync_b`; did you mean `sync_a`?",
        "ready.yaml:7:14: the plan has no connection `house`; did you mean `warehouse`?",
        "ready.yaml:8:11: the plan has no earlier step `nothing`",
    ]


# ── references that are answered later ────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("reference", "problem"),
    [
        ("steps.run_a.processed", None),
        ("snapshots.before.rows", None),
        ("steps.before.rows", None),
        ("steps.before.evidence", None),
        ("phase.started_at", None),
        ("env.profile", None),
        ("steps.run_a.proccessed", "`steps.run_a.proccessed`: step `run_a` gives no `proccessed`; did you mean"),
        ("steps.run_b.processed", "`steps.run_b.processed`: the plan has no step `run_b`; did you mean `run_a`?"),
        ("steps.run_a", "`steps.run_a` must be `steps.<id>.<name>`"),
        ("snapshots.run_a.rows", "`snapshots.run_a.rows`: the plan has no snapshot step `run_a`"),
        ("snapshots.before.row", "`snapshots.before.row`: step `before` gives no `row`; did you mean `rows`?"),
        ("steps.later.run_id", "`steps.later.run_id`: step `later` is not done yet when this is asked"),
        ("phase.started", "unknown reference `phase.started`; did you mean `phase.started_at`?"),
        ("env.HOME", "unknown reference `env.HOME`; `${env:NAME}` reads the environment, in connections"),
        ("stps.run_a.processed", "unknown reference `stps.run_a.processed`; did you mean `steps`?"),
    ],
)  # fmt: skip
def test_a_reference_must_be_answered_by_somebody(
    tmp_path: Path, reference: str, problem: str | None
) -> None:
    gate = gate_of(
        f"""
        - {{check: c, kind: sql, title: T, owner: o, if_it_fails: F, sql: SELECT 1 AS n,
           go: {{n: "= ${{{{ {reference} }}}}"}}}}
        """
    )
    phases = f"""
    - {{phase: a, title: A, steps: [{SNAPSHOT}, {RUN}], exit: [ready]}}
    - {{phase: b, title: B, steps: [{RUN.replace("run_a", "later")}], exit: [told]}}
    """
    path = write(tmp_path, plan=plan_of(phases), ready=gate, told=READY.replace("ready", "told", 1))
    if problem is None:
        load(path)
        return
    [found] = problems_of(path)
    assert found.startswith("gates/ready.yaml:5:")
    assert problem in found


@pytest.mark.parametrize(
    ("place", "seen"),
    [("entry", False), ("exit", True), ("steps", False), ("last", True), ("soak", True), ("back", True)],
)  # fmt: skip
def test_a_gate_may_only_ask_for_steps_that_are_done_by_then(
    tmp_path: Path, place: str, seen: bool
) -> None:
    gate = gate_of(
        """
        - {check: c, kind: census_run, title: T, owner: o, if_it_fails: F,
           sync: sync_a, run: "${{ steps.run_a.run_id }}"}
        """,
        gate="asks",
    )
    look = "{step: verify, id: look, gate: asks}"
    steps = {"steps": f"{look}, {RUN}", "last": f"{RUN}, {look}"}.get(place, RUN)
    keys = {"entry": "entry: [asks], ", "soak": "soak: {for: 1d, every: {1h: [asks]}}, "}.get(
        place, ""
    )
    leave = "asks" if place == "exit" else "ready"
    head = HEAD + (
        f"rollback: {{steps: [{PAUSE}], gates: [asks], user: u}}\n" if place == "back" else ""
    )
    phases = f"- {{phase: a, title: A, {keys}steps: [{steps}], exit: [{leave}]}}\n"
    path = write(tmp_path, plan=plan_of(phases, head), ready=READY, asks=gate)
    if seen:
        load(path)
    else:
        [found] = problems_of(path)
        assert found.endswith(
            "`steps.run_a.run_id`: step `run_a` is not done yet when this is asked"
        )


def test_a_step_may_only_ask_for_earlier_steps(tmp_path: Path) -> None:
    asks = '{step: select_cohort, id: c, from: t, seed: "${{ steps.run_a.run_id }}"}'
    good = plan_of(f"- {{phase: a, title: A, steps: [{RUN}, {asks}], exit: [ready]}}\n")
    load(write(tmp_path, plan=good, ready=READY))
    found = told_of_phase(tmp_path, f"steps: [{asks}, {RUN}], exit: [ready]")
    assert found == ["`steps.run_a.run_id`: step `run_a` is not done yet when this is asked"]


def test_a_reference_given_to_a_gate_is_judged_where_it_is_given(tmp_path: Path) -> None:
    gate = gate_of(
        """
        - {check: c, kind: census_run, title: T, owner: o, if_it_fails: F,
           sync: sync_a, run: "${{ gate.run }}"}
        """,
        extra="params: {run: {about: which}}\n",
    )
    keys = "steps: [%s], exit: [{gate: ready, with: {run: '${{ steps.%s.run_id }}'}}]"
    phases = f"- {{phase: a, title: A, {keys % (RUN, 'run_a')}}}\n"
    plan = load(write(tmp_path, plan=plan_of(phases), ready=gate))
    assert plan.gates["ready"].checks[0].inputs["run"] == "${{ steps.run_a.run_id }}"
    path = write(tmp_path, plan=plan_of(phases.replace("steps.run_a", "steps.run_b")), ready=gate)
    [found] = problems_of(path)
    assert found.startswith("plans/plan.yaml:14:")


def test_a_check_title_is_not_filled_later(tmp_path: Path) -> None:
    gate = READY.replace("They know", "'${{ steps.run_a.run_id }}'")
    found = told_of_phase(tmp_path, f"steps: [{RUN}], exit: [ready]", gate=gate)
    assert found[0].startswith("`steps.run_a.run_id` is not filled here")


def test_no_reference_is_ever_evaluated(tmp_path: Path) -> None:
    for text in ("${{ params.__class__ }}", "${{ __import__('os').getcwd() }}", "${{ 1 + 1 }}"):
        found = told_of_head(tmp_path, "A small rollout", f'"{text}"')
        assert found, text
        assert "unknown reference" in found[0] or "must be followed by one dotted name" in found[0]


# the way back --------------------------------------------------------------------

RUNS = f"- {{phase: a, title: A, steps: [{RUN}], exit: [ready]}}\n"


@pytest.mark.parametrize(
    ("rollback", "said"),
    [
        (f"{{steps: [{PAUSE}], gates: [ready], user: u}}", []),
        ("{gates: [ready], user: u}", ["does not pause `sync_a`"]),
        (f"{{steps: [{PAUSE}], gates: [ready]}}", ["`user` is missing"]),
        (f"{{steps: [{PAUSE}], gates: [ready], user: ' '}}", ["`user` is missing"]),
        ("{gates: [ready]}", ["`user` is missing", "does not pause `sync_a`"]),
        (
            f"{{steps: [{PAUSE}], gates: [ready], user: u, running: stop}}",
            ["`stop` is not possible"],
        ),
    ],
)
def test_a_way_back_pauses_what_writes_and_knows_its_own_writes(
    tmp_path: Path, rollback: str, said: list[str]
) -> None:
    path = write(tmp_path, plan=plan_of(RUNS, HEAD + f"rollback: {rollback}\n"), ready=READY)
    if not said:
        load(path)
        return
    found = problems_of(path)
    assert len(found) == len(said)
    for words, line in zip(said, found, strict=True):
        assert words in line


@pytest.mark.parametrize(
    "step",
    [
        "{step: resume_sync, id: go, sync: sync_a}",
        "{step: set_schedule, id: manual, sync: sync_a, frequency: never}",
    ],
)
def test_a_sync_that_only_its_schedule_runs_is_paused_too(tmp_path: Path, step: str) -> None:
    """A schedule that a rollback gives back would let it run again at once."""
    phases = f"- {{phase: a, title: A, steps: [{step}], exit: [ready]}}\n"
    unpaused = "rollback: {gates: [ready], user: u}\n"
    found = problems_of(write(tmp_path, plan=plan_of(phases, HEAD + unpaused), ready=READY))
    assert len(found) == 1
    assert "does not pause `sync_a`" in found[0]
    paused = f"rollback: {{steps: [{PAUSE}], gates: [ready], user: u}}\n"
    load(write(tmp_path, plan=plan_of(phases, HEAD + paused), ready=READY))


def test_a_way_back_of_a_plan_that_runs_no_sync_needs_neither(tmp_path: Path) -> None:
    phases = f"- {{phase: a, title: A, steps: [{SNAPSHOT}], entry: [ready]}}\n"
    load(write(tmp_path, plan=plan_of(phases, HEAD + "rollback: {gates: [ready]}\n"), ready=READY))


@pytest.mark.parametrize("name", RESERVED)
def test_the_names_of_every_rollbacks_own_steps_are_taken(tmp_path: Path, name: str) -> None:
    phases = (
        f"- {{phase: a, title: A, steps: [{SNAPSHOT.replace('before', name)}], entry: [ready]}}\n"
    )
    assert told(tmp_path, phases) == [
        f"`{name}` is a step of every rollback: give yours another name"
    ]


def test_the_reserved_names_are_the_engines() -> None:
    assert RESERVED == (RUNS_ID, SCOPE_ID)
