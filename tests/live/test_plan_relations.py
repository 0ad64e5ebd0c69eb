"""Which tables and views a plan reads, wherever they are named."""

from __future__ import annotations

from builders import make_plan

from rollout.domain.plan import CheckSpec, GateSpec
from rollout.live.plan_relations import relations


def reading(kind: str, **inputs: object) -> list[str]:
    check = CheckSpec(
        check="c", kind=kind, title="C", owner="project_lead", if_it_fails="Look.", inputs=inputs
    )
    gate = GateSpec(gate="g", title="G", checks=[check])
    plan = make_plan().model_copy(update={"gates": {"g": gate}, "syncs": {}, "phases": []})
    return relations(plan)


def test_a_statement_names_its_tables_also_within_a_subquery() -> None:
    sql = "WITH x AS (SELECT * FROM a.b.c) SELECT * FROM x WHERE EXISTS (SELECT 1 FROM `d`.`e`.`f`)"
    assert sorted(reading("sql", sql=sql)) == ["a.b.c", "d.e.f"]


def test_references_do_not_hide_what_stands_beside_them() -> None:
    sql = "SELECT * FROM a.b.c WHERE n > ${{ params.most }}"
    assert reading("rows", sql=sql) == ["a.b.c"]


def test_inputs_of_inputs_are_read() -> None:
    assert reading(
        "ledger", terms={"n": {"sql": "SELECT 1 FROM a.b.c"}}, more=[{"of": "d.e.f"}]
    ) == [
        "a.b.c",
        "d.e.f",
    ]


def test_what_an_approved_view_reads_is_its_owners_business() -> None:
    assert reading("schema", relation="a.b.v", sql="SELECT * FROM x.y.z") == ["a.b.v"]


def test_neither_a_statement_that_cannot_be_read_nor_an_object_of_salesforce_is_a_relation() -> (
    None
):
    assert reading("sql", sql="SELECT FROM WHERE (", of="Product_Property__c") == []
