"""A plan with many mistakes is told all of them at once, each at its line and column."""

from __future__ import annotations

import time
from pathlib import Path

from loader_fakes import STEPS, load, problems_of, write

PLAN = """\
plan: Small
titel: A small rollout
title: A small rollout
timezone: America/Los_Angles
params: {expected: 50}
connections:
  warehouse: {uses: databrics, token: dapi0123456789}
  census: {uses: census, token: "${env:CENSUS_TOKEN}"}
roles:
  lead: [{person: ann}]
syncs:
  sync_a: {on: sensus, id: 1, operation: upsrt, source: s, target: T, key: k}
phases:
  - phase: pilot
    title: Pilot
    entry: [redy]
    window: {days: [tue, wedn], between: ["12:00", "10:00"]}
    steps:
      - {step: select_cohort, id: chosen, from: t, seed: many}
      - {step: run_snc, id: run_a, sync: sync_a}
      - {step: run_sync, id: run_b, sync: sync_b, withn: 5m}
      - {step: publish, id: chosen, to: everybody}
    soak: {for: 24h, checkpoints: {48h: [ready]}}
    exit: [{gate: ready, with: {most: 5}}]
    sign_off: {roles: [leed]}
"""

READY = """\
gate: ready
title: Is it so?
params: {limit: {default: 1}}
checks:
  - check: rows
    kind: sql
    title: Rows
    owner: lead
    if_it_fails: Look.
    sql: sql/rows.sql
    at_most: ${{ params.expcted }}
    go: {n: ">= 0"}
  - check: rows
    kind: census_run
    title: The run
    owner: lead
    sync: sync_a
    run: ${{ steps.chosen.row }}
    go: {errors: "< 2 %"}
    timeout: 0s
    sampling: {count: 3, failure_limit: 3}
"""

ROWS = "SELECT count(*) AS n\nFROM t\nWHERE a = = 1\n"

EXPECTED = [
    "plans/plan.yaml:1:7: `Small` must be small letters, digits and -, starting with a letter",
    "plans/plan.yaml:2:1: unknown key `titel`; did you mean `title`?",
    "plans/plan.yaml:4:11: unknown time zone `America/Los_Angles`; did you mean `America/Los_Angeles`?",
    "plans/plan.yaml:7:21: unknown service `databrics`; did you mean `databricks`?",
    "plans/plan.yaml:7:39: `token` is a secret: write `${env:NAME}` or `${file:PATH}`, never its value",
    "plans/plan.yaml:12:16: the plan has no connection `sensus`; did you mean `census`?",
    "plans/plan.yaml:12:42: `upsrt` is not possible here; did you mean `upsert`?",
    "plans/plan.yaml:16:13: no file in `gates` holds a gate `redy`; did you mean `ready`?",
    "plans/plan.yaml:17:26: `wedn` is not possible here; did you mean `wed`?",
    "plans/plan.yaml:19:58: must be a whole number, not `many`",
    "plans/plan.yaml:20:16: unknown kind of step `run_snc`; did you mean `run_sync`?",
    "plans/plan.yaml:21:43: the plan has no sync `sync_b`; did you mean `sync_a`?",
    "plans/plan.yaml:21:51: unknown key `withn`; did you mean `within`?",
    "plans/plan.yaml:22:9: a `publish` step writes and has no undo: say `irreversible: <reason>`, "
    "or use a step that can be undone",
    "plans/plan.yaml:22:29: step `chosen` is already on line 19",
    "plans/plan.yaml:23:36: `48h` lies after the end of the soak",
    "plans/plan.yaml:24:33: gate `ready` has no parameter `most`; known: `limit`",
    "plans/plan.yaml:25:24: the plan has no role `leed`; did you mean `lead`?",
    "gates/ready.yaml:11:14: unknown reference `params.expcted`; did you mean `params.expected`?",
    "gates/ready.yaml:12:13: `>= 0` can never fail, so it protects nothing",
    "gates/ready.yaml:13:5: missing key `if_it_fails`",
    "gates/ready.yaml:13:12: check `rows` is already on line 5",
    "gates/ready.yaml:18:10: `steps.chosen.row`: step `chosen` gives no `row`; did you mean `rows`?",
    "gates/ready.yaml:19:10: a `census_run` check has no metric `errors`; did you mean `error_rate`?",
    "gates/ready.yaml:20:14: `timeout` must be longer than nothing",
    "gates/ready.yaml:21:15: several samples need an `interval`",
    "gates/ready.yaml:21:41: a check that forgives every failure can never fail: lower `failure_limit`",
    "gates/sql/rows.sql:3:11: not Databricks SQL: EQ is incomplete",
]


def test_a_plan_with_more_than_twenty_mistakes_is_told_each_at_its_place(tmp_path: Path) -> None:
    path = write(tmp_path, plan=PLAN, ready=READY, rows__sql=ROWS)
    before = time.process_time()
    found = problems_of(path)
    spent = time.process_time() - before
    assert found == EXPECTED
    assert len(found) >= 20
    assert spent < 3  # the figure is bench/loader.py's


def test_mending_every_mistake_makes_the_plan_load(tmp_path: Path) -> None:
    plan, ready = PLAN, READY
    for wrong, right in [
        ("plan: Small", "plan: small"),
        ("titel: A small rollout\n", ""),
        ("Los_Angles", "Los_Angeles"),
        ("databrics, token: dapi0123456789", 'databricks, token: "${env:DBX}"'),
        ("sensus", "census"),
        ("upsrt", "upsert"),
        ("    entry: [redy]\n", ""),
        ('wedn], between: ["12:00", "10:00"]', 'wed], between: ["10:00", "12:00"]'),
        ("many", "7"),
        ("run_snc", "run_sync"),
        ("sync_b, withn", "sync_a, within"),
        ("id: chosen, to: everybody", "id: told, to: everybody, irreversible: told is told"),
        ("48h: [ready]", "12h: [ready]"),
        ("with: {most: 5}", "with: {limit: 5}"),
        ("leed", "lead"),
    ]:
        assert wrong in plan
        plan = plan.replace(wrong, right)
    for wrong, right in [
        ("expcted", "expected"),
        ('">= 0"', '">= 1"'),
        (
            "check: rows\n    kind: census_run",
            "check: run\n    kind: census_run\n    if_it_fails: Ask.",
        ),
        ("chosen.row ", "chosen.rows "),
        ("errors", "error_rate"),
        ("timeout: 0s", "timeout: 10s"),
        ("{count: 3, failure_limit: 3}", "{count: 3, failure_limit: 2, interval: 1m}"),
    ]:
        assert wrong in ready
        ready = ready.replace(wrong, right)
    path = write(tmp_path, plan=plan, ready=ready, rows__sql=ROWS.replace("= =", "="))
    loaded = load(path)
    assert set(loaded.gates) == {"ready", "ready__2"}
    assert {step.step for step in loaded.phases[0].steps} <= set(STEPS)
