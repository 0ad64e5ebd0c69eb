"""A small plan of one sync in a small world, and scenarios with a fault each."""

from __future__ import annotations

import shutil
from pathlib import Path

from live_processes import ROOT

PLAN = """
plan: small
title: Create what is missing
timezone: UTC
connections:
  warehouse: {uses: databricks, host: "${env:HOST}", http_path: "${env:HTTP_PATH}", token: "${env:TOKEN}"}
  census: {uses: census, region: us, api: v1, token: "${env:TOKEN}"}
  salesforce: {uses: salesforce, instance: "${env:INSTANCE}", token: "${env:TOKEN}"}
roles:
  project_lead: [{person: ann}]
syncs:
  sync_a:
    on: census
    id: 3394022
    operation: upsert
    source: crm.sfdc_dbx.properties_to_create
    target: Product_Property__c
    key: Snappt_Property_ID__c
    user: "005Vj00000CENSUSAA"
phases:
  - phase: only
    title: Create what is missing
    entry: [before]
    steps:
      - step: capture_baseline
        id: kept
        target: Product_Property__c
        key: Snappt_Property_ID__c
        fields: [Name, Company_Name__c, Short_ID__c, IDV_Enabled__c, Bank_Linking_Enabled__c, Payroll_Enabled__c,
                 Income_Insights_Enabled__c, Active_Property_Count__c, Is_Multi_Property__c]
      - {step: run_sync, id: full, sync: sync_a, baseline: kept, within: 60m, expect: {error_rate: "<= 10 %"}, poll: 5m}
      - {step: wait, id: copied, for: 30m}
    exit: [after]
rollback:
  steps:
    - {step: pause_sync, id: stop_a, sync: sync_a}
  gates: [back]
  within: 2h
  user: "005Vj000000TOOLAAA"
"""

GATES = """
gates:
  - gate: before
    title: The queue is as it was approved
    checks:
      - check: queue_size
        kind: sql
        title: The queue has its size
        sql: sql/queue.sql
        of: crm.sfdc_dbx.property_sync_source
        go: {n: "= 40"}
        owner: project_lead
        if_it_fails: Look.
      - check: queue_small
        kind: sql
        title: The queue is not out of bounds
        sql: sql/queue.sql
        of: crm.sfdc_dbx.property_sync_source
        go: {n: "<= 42"}
        owner: project_lead
        if_it_fails: Look.
  - gate: after
    title: Everything is there
    checks:
      - check: queue_empty
        kind: sql
        title: Nothing is left in the queue
        sql: sql/queue.sql
        of: crm.sfdc_dbx.property_sync_source
        go: {n: "= 0"}
        owner: project_lead
        if_it_fails: Look.
      - check: target_rows
        kind: salesforce
        title: The target has grown by the queue
        soql: SELECT COUNT() FROM Product_Property__c
        go: "= 370"
        owner: project_lead
        if_it_fails: Look.
      - check: names_right
        kind: sql
        title: No name is shouted
        sql: sql/shouted.sql
        of: crm.salesforce.product_property
        go: {n: "= 0"}
        owner: project_lead
        if_it_fails: Look.
      - check: seen_only
        kind: salesforce
        title: The target is small
        soql: SELECT COUNT() FROM Product_Property__c
        go: "<= 370"
        shadow: true
        owner: project_lead
        if_it_fails: Look.
  - gate: back
    title: The target is what it was
    checks:
      - check: back_rows
        kind: baseline
        title: Every row has its values
        steps: [kept]
        target: Product_Property__c
        users: ["005Vj00000CENSUSAA", "005Vj000000TOOLAAA"]
        owner: project_lead
        if_it_fails: Look.
"""

QUERIES = {
    "queue.sql": "SELECT COUNT(*) AS n FROM crm.sfdc_dbx.properties_to_create",
    "shouted.sql": "SELECT COUNT_IF(name = UPPER(name)) AS n FROM crm.salesforce.product_property",
}

WORLD = """
world: {properties: 400, target_rows: 330, create_queue: 40, update_queue: 90, high_priority: 20,
        wrong_flags: 15, shared_ids: 41, company_gaps: 7, organic: false}
"""

GROWN = """{id: ID, kind: sql, at: {phase: only}, on: warehouse, statement: "UPDATE rds.pg_rds_public.properties
  SET status = 'ACTIVE' WHERE id IN (SELECT id FROM (SELECT p.id, ROW_NUMBER() OVER (ORDER BY p.id) AS place
  FROM rds.pg_rds_public.properties AS p LEFT ANTI JOIN crm.salesforce.product_property AS t
  ON t.snappt_property_id_c = p.id WHERE p.status <> 'ACTIVE') AS gone WHERE place <= ROWS)"}"""

FOREIGN = """{id: foreign, about: rows of somebody else, kind: sql, at: {phase: only, step: copied, after: 5m}, on: salesforce,
  statement: "INSERT INTO product_property (Name, Snappt_Property_ID__c) SELECT 'Foreign', 'foreign-' || n FROM range(3) AS r(n)"}"""

SHOUTED = """{id: shouted, kind: view, at: {phase: only, step: full}, view: properties_to_create,
  replace: "s.property_name,", by: "UPPER(s.property_name) AS property_name,"}"""

RENAMED = """{id: renamed, kind: view, at: {phase: only, step: full}, view: properties_to_create,
  replace: "s.company_name,", by: "'Acme' AS company_name,"}"""

REFUSED = """{id: refused, kind: sql, at: {phase: only, step: full}, on: warehouse,
  statement: "UPDATE rds.pg_rds_public.properties SET name = RPAD(name, 96, ' and annex')"}"""

LOST = """{id: lost, kind: http, at: {call: "POST /syncs/3394022/trigger"}, do: timeout_after_effect}"""
NEVER = """{id: never, kind: http, at: {call: "POST /syncs/3394022/trigger", nth: 9}, do: timeout_after_effect}"""
MENDS = """{id: mended, mends: true, kind: world, at: {phase: only}, workflow: "on"}"""
BROKEN = """{id: broken, kind: sql, at: {phase: only}, on: warehouse, statement: "UPDATE nowhere.at.all SET a = 1"}"""

ODD = WORLD.replace("create_queue: 40", "create_queue: 41")
"""The plan's first gate says no to this one, whatever else is wrong."""

SCENARIOS = {
    "grown": (["grown", GROWN.replace("ID", "grown").replace("ROWS", "2")], "held"),
    "odd": (
        ["odd", GROWN.replace("ID", "odd, noticed_by: [queue_size]").replace("ROWS", "1"), NEVER],
        "held",
    ),
    "foreign": (["foreign", FOREIGN], "held"),
    "shouted": (["shouted", SHOUTED], "held"),
    "renamed": (["renamed", RENAMED], "held"),
    "refused": (["refused", REFUSED], "held"),
    "lost": (["lost", LOST, MENDS], "completed"),
    "broken": (["broken", BROKEN], "held"),
}


def drilled_folder(folder: Path, *names: str) -> Path:
    """The small plan with these scenarios beside it (and the views its world needs); its path."""
    shutil.copytree(ROOT / "plans" / "sql", folder / "sql", dirs_exist_ok=True)
    (folder / "gates").mkdir(exist_ok=True)
    (folder / "gates" / "all.yaml").write_text(GATES)
    (folder / "gates" / "sql").mkdir(exist_ok=True)
    for file, text in QUERIES.items():
        (folder / "gates" / "sql" / file).write_text(text)
    (folder / "scenarios").mkdir(exist_ok=True)
    for name in names:
        (_, *faults), outcome = SCENARIOS[name]
        listed = "\n".join(f"  - {fault}" for fault in faults)
        world = ODD if name == "odd" else WORLD
        document = f"scenario: {name}\ntitle: About {name}\n{world}faults:\n{listed}\nexpect: {{outcome: {outcome}}}\n"
        (folder / "scenarios" / f"{name}.yaml").write_text(document)
    path = folder / "small.yaml"
    path.write_text(PLAN)
    return path
