"""The shipped views against the rules of the domain note, on a small world."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from worlds import VIEWS, one, pass_time, rows, small

from rollout.ports import Row
from rollout.rehearsal.world import World


@pytest.fixture
def made() -> Iterator[World]:
    built = small()
    yield built
    built.close()


FLAGS = ("idv_enabled", "bank_linking_enabled", "payroll_enabled", "income_insights_enabled")


def test_every_view_answers_and_keeps_its_text(made: World) -> None:
    warehouse = made.warehouse()
    for name, text in VIEWS.items():
        relation = f"crm.sfdc_dbx.{name}"
        assert warehouse.query(f"SELECT * FROM {relation}").columns
        if name != "property_sync_audit_log":
            assert text.strip().endswith(warehouse.view_definition(relation))


def test_a_flag_is_on_when_it_is_on_for_any_active_property_of_the_group(made: World) -> None:
    members: dict[str, list[Row]] = {}
    enriched = made.read_source("crm.sfdc_dbx.rds_properties_enriched").dicts()
    for row in enriched:
        if row["property_status"] == "ACTIVE" and row["has_valid_sfdc_id"]:
            members.setdefault(str(row["sfdc_id"]), []).append(row)
    groups = made.read_source("crm.sfdc_dbx.properties_aggregated_by_sfdc_id").dicts()
    assert len(groups) == len(members)
    for group in groups:
        theirs = members[str(group["sfdc_id"])]
        assert group["active_property_count"] == len(theirs)
        assert group["is_multi_property"] == (len(theirs) > 1)
        for flag in FLAGS:
            assert group[flag] == any(row[flag] for row in theirs)
        assert group["has_any_features_enabled"] == any(group[flag] for flag in FLAGS)


def test_an_inactive_property_of_a_group_lends_it_no_flag(made: World) -> None:
    lent = one(
        made,
        """SELECT COUNT(*) FROM crm.sfdc_dbx.rds_properties_enriched e
        JOIN crm.sfdc_dbx.properties_aggregated_by_sfdc_id g ON g.sfdc_id = e.sfdc_id
        WHERE e.property_status = 'INACTIVE' AND e.idv_enabled AND NOT g.idv_enabled""",
    )
    assert lent > 0


def test_a_group_flag_may_be_off_for_one_of_its_properties(made: World) -> None:
    differing = one(
        made,
        """SELECT COUNT(*) FROM crm.sfdc_dbx.rds_properties_enriched e
        JOIN crm.sfdc_dbx.property_sync_source s ON s.rds_property_id = e.rds_property_id
        WHERE s.is_multi_property AND s.income_insights_enabled AND NOT e.income_insights_enabled""",
    )
    assert differing > 0


def test_a_property_without_a_valid_salesforce_id_speaks_for_itself(made: World) -> None:
    made.run_statement(
        "UPDATE rds.pg_rds_public.properties SET sfdc_id = 'typed' WHERE sfdc_id IS NULL",
        "warehouse",
    )
    found = rows(
        made,
        """SELECT DISTINCT active_property_count, is_multi_property
        FROM crm.sfdc_dbx.property_sync_source WHERE NOT has_valid_sfdc_id""",
    )
    assert found == [(1, False)]


def test_the_create_queue_is_what_is_active_and_not_in_the_copy(made: World) -> None:
    queued = {
        r[0] for r in rows(made, "SELECT rds_property_id FROM crm.sfdc_dbx.properties_to_create")
    }
    active = {
        r[0]
        for r in rows(made, "SELECT id FROM rds.pg_rds_public.properties WHERE status = 'ACTIVE'")
    }
    held = {
        r[0] for r in rows(made, "SELECT snappt_property_id_c FROM crm.salesforce.product_property")
    }
    assert queued == active - held


@pytest.mark.parametrize("mark", ["is_deleted", "_fivetran_deleted"])
def test_a_deleted_record_is_to_be_created_again(made: World, mark: str) -> None:
    before = one(made, "SELECT COUNT(*) FROM crm.sfdc_dbx.properties_to_update")
    made.run_statement(
        f"""UPDATE crm.salesforce.product_property SET {mark} = TRUE WHERE snappt_property_id_c IN
        (SELECT rds_property_id FROM crm.sfdc_dbx.properties_to_update)""",
        "warehouse",
    )
    assert one(made, "SELECT COUNT(*) FROM crm.sfdc_dbx.properties_to_create") == 40 + before
    assert one(made, "SELECT COUNT(*) FROM crm.sfdc_dbx.properties_to_update") == 0


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("idv_enabled_c", "NULL"),
        ("bank_linking_enabled_c", "NOT bank_linking_enabled_c"),
        ("payroll_enabled_c", "NULL"),
        ("income_insights_enabled_c", "NULL"),
        ("active_property_count_c", "NULL"),
        ("is_multi_property_c", "NULL"),
        ("name", "NULL"),
        ("company_name_c", "''"),
        ("short_id_c", "NULL"),
    ],
)
def test_every_mapped_field_that_differs_queues_an_update(
    made: World, column: str, value: str
) -> None:
    settled = one(
        made,
        """SELECT MIN(t.id) FROM crm.salesforce.product_property t
        JOIN crm.sfdc_dbx.property_sync_source s ON s.rds_property_id = t.snappt_property_id_c
        LEFT ANTI JOIN crm.sfdc_dbx.properties_to_update u ON u.salesforce_record_id = t.id""",
    )
    made.run_statement(
        f"UPDATE crm.salesforce.product_property SET {column} = {value} WHERE id = '{settled}'",
        "warehouse",
    )
    found = rows(
        made,
        f"""SELECT has_changes_since_last_sync, has_flag_mismatch
        FROM crm.sfdc_dbx.properties_to_update WHERE salesforce_record_id = '{settled}'""",
    )
    assert found == [(True, column.endswith("enabled_c"))]


def test_a_key_that_is_no_uuid_goes_out_as_null() -> None:
    made = small(invalid_updates=6)
    queued = "crm.sfdc_dbx.properties_to_update"
    assert rows(made, f"SELECT COUNT(*), COUNT(rds_property_id) FROM {queued}") == [(90, 84)]


def test_the_health_check_reads_the_virtual_clock_and_the_audit_log(made: World) -> None:
    health = "SELECT checked_at, successful_syncs_24h, failed_syncs_24h FROM crm.sfdc_dbx.daily_health_check"
    assert rows(made, health) == [("2026-01-06T16:00:00Z", 0, 0)]
    for number, failed in enumerate((0, 3)):
        changed = made.run_statement(
            f"""INSERT INTO crm.sfdc_dbx.property_sync_audit_log
            VALUES ('{number}', 'A', 'create', CURRENT_TIMESTAMP(), 10, 7, {failed}, 0.3, 'me', NULL)""",
            "warehouse",
        )
        assert changed == 1
    assert rows(made, health) == [("2026-01-06T16:00:00Z", 1, 1)]
    pass_time(made, hours=25)
    assert rows(made, health) == [("2026-01-07T17:00:00Z", 0, 0)]


def test_coverage_of_nothing_is_no_figure(made: World) -> None:
    made.run_statement("DELETE FROM rds.pg_rds_public.properties", "warehouse")
    found = rows(
        made, "SELECT coverage_percentage, coverage_status FROM crm.sfdc_dbx.daily_health_check"
    )
    assert found == [(None, "UNKNOWN")]


def test_the_dashboard_has_five_widgets_and_no_accuracy_of_nothing(made: World) -> None:
    select = "SELECT widget, metric, value FROM crm.sfdc_dbx.sync_monitoring_dashboard"
    figures = {(w, m): v for w, m, v in rows(made, select)}
    assert {w for w, _ in figures} == {
        "queues",
        "accuracy",
        "multi_property",
        "sync_health",
        "missing",
    }
    assert figures["queues", "create_queue"] == figures["missing", "properties_missing"] == 40
    assert figures["queues", "update_queue"] == 90
    assert figures["multi_property", "properties"] == 41
    assert 90 < figures["accuracy", "idv"] < 100
    made.run_statement("DELETE FROM crm.salesforce.product_property", "warehouse")
    figures = {(w, m): v for w, m, v in rows(made, select)}
    assert figures["accuracy", "idv"] is None
