"""What moves in the world by itself, and what a write to Salesforce does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from threading import Thread
from typing import Any

import pytest
from worlds import KEY, START, VIEWS, one, pass_time, queue, results, rows, small, sync, truth

from rollout.domain.errors import QueryFailed
from rollout.domain.instants import to_text
from rollout.rehearsal.clock import VirtualClock
from rollout.rehearsal.truth_sql import ValidationRule
from rollout.rehearsal.world import World, WorldSpec

CREATE = "crm.sfdc_dbx.properties_to_create"
COPY = "crm.salesforce.product_property"


@pytest.fixture
def made() -> Iterator[World]:
    built = small()
    yield built
    built.close()


def first_id(made: World) -> str:
    return str(truth(made, "SELECT min(Id) FROM product_property")[0][0])


# ── the lagging copy ──────────────────────────────────────────────────────────────────────────────


def test_the_copy_shows_a_change_only_after_its_next_instant(made: World) -> None:
    pass_time(made, minutes=1)
    before = made.version
    sync(made, queue(made, "create"))
    pass_time(made, minutes=8)
    assert (one(made, f"SELECT COUNT(*) FROM {CREATE}"), made.version) == (40, before)
    pass_time(made, minutes=1)
    assert one(made, f"SELECT COUNT(*) FROM {CREATE}") == 0
    assert made.version > before


def test_the_copy_holds_the_state_of_its_instant_however_late_it_is_asked_for(made: World) -> None:
    record = first_id(made)
    by = made.truth.HUMAN_USER
    made.truth.update([{"Id": record, "Name": "at 16:05"}], by=by, at=START + timedelta(minutes=5))
    made.truth.update([{"Id": record, "Name": "at 16:15"}], by=by, at=START + timedelta(minutes=15))
    copied = f"SELECT name, _fivetran_synced FROM {COPY} WHERE id = '{record}'"
    assert rows(made, copied) == [("at 16:05", "2026-01-06T16:10:00Z")]
    pass_time(made, minutes=30)
    assert rows(made, copied) == [("at 16:15", "2026-01-06T16:20:00Z")]


def test_a_change_that_lands_late_is_copied_all_the_same(made: World) -> None:
    record, by = first_id(made), made.truth.HUMAN_USER
    pass_time(made, minutes=25)
    made.truth.update([{"Id": record, "Name": "x"}], by=by, at=START + timedelta(minutes=24))
    pass_time(made, minutes=6)
    made.truth.update([{"Id": record, "Name": "late"}], by=by, at=START + timedelta(minutes=12))
    pass_time(made, minutes=10)
    assert one(made, f"SELECT name FROM {COPY} WHERE id = '{record}'") == "late"


def test_a_deleted_record_is_marked_in_the_copy(made: World) -> None:
    record = first_id(made)
    gone = made.truth.delete([record, "no-such-id"], by=made.truth.HUMAN_USER, at=made.clock.now())
    assert [o.result for o in gone] == ["updated", "rejected"]
    again = made.truth.delete([record], by=made.truth.HUMAN_USER, at=made.clock.now())
    assert again[0].reason.startswith("ENTITY_IS_DELETED")
    pass_time(made, minutes=10)
    marks = rows(made, f"SELECT is_deleted, _fivetran_deleted FROM {COPY} WHERE id = '{record}'")
    assert marks == [(True, True)]
    assert truth(made, f"SELECT Id FROM live_product_property WHERE Id = '{record}'") == []


def test_a_stopped_connector_copies_nothing_and_says_so(made: World) -> None:
    audit = """SELECT done, status FROM crm.salesforce.fivetran_audit
        WHERE table_name = 'salesforce.product_property'"""
    pass_time(made, minutes=33)
    assert rows(made, audit) == [("2026-01-06T16:30:00Z", "OK")]
    made.set_switch("fivetran", "off")
    sync(made, queue(made, "create"))
    pass_time(made, hours=3)
    assert one(made, f"SELECT COUNT(*) FROM {CREATE}") == 40
    assert rows(made, audit) == [("2026-01-06T16:30:00Z", "STOPPED")]
    made.set_switch("fivetran", "on")
    assert one(made, f"SELECT COUNT(*) FROM {CREATE}") == 40
    pass_time(made, minutes=10)
    assert one(made, f"SELECT COUNT(*) FROM {CREATE}") == 0
    assert rows(made, audit) == [("2026-01-06T19:40:00Z", "OK")]


def test_a_world_may_start_with_everything_switched_off() -> None:
    made = small(fivetran="off", workflow="off")
    sync(made, queue(made, "create"))
    pass_time(made, days=2)
    assert one(made, f"SELECT COUNT(*) FROM {CREATE}") == 40
    assert made.next_event_at() is None


def test_nothing_is_due_when_nothing_changed(made: World) -> None:
    assert made.next_event_at() is None
    before = made.version
    pass_time(made, days=3)
    assert made.version == before


def test_services_can_land_what_was_due_before_a_copy_is_taken(made: World) -> None:
    record, seen = first_id(made), []

    def land(now: datetime) -> None:
        seen.append(now)
        if len(seen) == 1:
            made.catch_up()  # a driver that reads must not drive again
            change = {"Id": record, "Name": "landed"}
            made.truth.update([change], by=made.truth.CENSUS_USER, at=START + timedelta(minutes=5))

    made.drivers.append(land)
    made.clock.advance_to(START + timedelta(minutes=12))
    assert one(made, f"SELECT name FROM {COPY} WHERE id = '{record}'") == "landed"
    assert seen[0] == START + timedelta(minutes=12)


# ── the workflow ──────────────────────────────────────────────────────────────────────────────────


def test_a_new_record_gets_its_production_id_five_to_ten_minutes_later(made: World) -> None:
    pass_time(made, seconds=70)
    sync(made, queue(made, "create"))
    empty = "SELECT count(*) FROM product_property WHERE SF_Property_ID__c IS NULL"
    waiting = []
    for _ in range(11):
        pass_time(made, minutes=1)
        waiting.append(truth(made, empty)[0][0])
    assert waiting[3] == 40
    assert waiting[9] == 0
    assert 0 < waiting[6] < 40
    stamps = truth(
        made,
        f"""SELECT DISTINCT LastModifiedById, SystemModstamp = LastModifiedDate,
        SystemModstamp > CreatedDate FROM product_property WHERE CreatedDate > '{START}'""",
    )
    assert stamps == [(made.truth.CENSUS_USER, True, True)]


def test_a_workflow_that_is_off_fills_nothing_until_it_is_on_again(made: World) -> None:
    made.set_switch("workflow", "off")
    sync(made, queue(made, "create"))
    pass_time(made, hours=5)
    empty = "SELECT count(*) FROM product_property WHERE SF_Property_ID__c IS NULL"
    assert truth(made, empty) == [(40,)]
    made.set_switch("workflow", "on")
    pass_time(made, minutes=10)
    assert truth(made, empty) == [(0,)]


# ── organic changes ───────────────────────────────────────────────────────────────────────────────


def test_the_source_changes_twice_a_day() -> None:
    made = small(organic=True)
    due = made.next_event_at()
    assert due is not None
    sizes = [(90, 40)]
    for _ in range(3):
        pass_time(made, hours=12)
        sizes.append(
            (
                one(made, "SELECT COUNT(*) FROM crm.sfdc_dbx.properties_to_update"),
                one(made, f"SELECT COUNT(*) FROM {CREATE}"),
            )
        )
    assert sizes == [(90, 40), (95, 41), (100, 42), (105, 43)]
    made.set_switch("organic", "off")
    before = made.version
    pass_time(made, days=2)
    assert made.version == before


def test_organic_changes_can_wait() -> None:
    made = small(organic=True, organic_after_hours=48)
    before = made.version
    pass_time(made, hours=47)
    assert made.version == before
    pass_time(made, hours=12)
    assert made.version > before


# ── writes to Salesforce ──────────────────────────────────────────────────────────────────────────


def test_upsert_creates_what_is_absent_and_updates_what_is_there(made: World) -> None:
    sent = queue(made, "create")[:3] + queue(made, "update")[:4]
    made.clock.advance_to(START + timedelta(minutes=3))
    outcomes = sync(made, sent)
    assert [o.result for o in outcomes] == ["created"] * 3 + ["updated"] * 4
    assert [o.key for o in outcomes] == [row[KEY] for row in sent]
    for outcome, row in zip(outcomes, sent, strict=True):
        found = made.truth.select(
            "SELECT * EXCLUDE (SystemModstamp) FROM product_property WHERE Id = ?", [outcome.id]
        ).dicts()[0]
        assert {name: found[name] for name in row} == row
        assert found["LastModifiedById"] == made.truth.CENSUS_USER
        assert found["LastModifiedDate"] == to_text(made.clock.now())
        assert (found["CreatedDate"] == to_text(made.clock.now())) == (outcome.result == "created")


def test_a_key_matches_without_regard_to_case_and_takes_the_new_writing(made: World) -> None:
    record = truth(made, f"SELECT min({KEY}) FROM product_property")[0][0]
    outcomes = sync(made, [{KEY: str(record).upper(), "Name": "again"}])
    assert results(outcomes) == {"updated": 1}
    assert truth(made, f"SELECT Name FROM product_property WHERE {KEY} = upper('{record}')")


def test_update_creates_nothing_and_insert_updates_nothing(made: World) -> None:
    new, old = queue(made, "create")[:1], queue(made, "update")[:1]
    missed = sync(made, new, "update")
    assert (missed[0].result, missed[0].id) == ("rejected", None)
    assert missed[0].reason.startswith("ENTITY_IS_DELETED")
    twice = sync(made, old, "insert")
    assert twice[0].reason.startswith("DUPLICATE_VALUE")
    assert results(sync(made, new, "insert")) == {"created": 1}


def test_an_external_id_that_is_not_unique_lets_duplicates_in(made: World) -> None:
    made.set_switch("external_id_unique", "off")
    twin = {**queue(made, "update")[0], "Short_ID__c": "TWIN"}
    assert results(sync(made, [twin], "insert")) == {"created": 1}
    refused = sync(made, [twin])
    assert refused[0].reason.startswith("DUPLICATE_EXTERNAL_ID")


def test_a_row_without_a_key_and_a_key_sent_twice_are_rejected(made: World) -> None:
    row = queue(made, "create")[0]
    outcomes = sync(made, [{**row, KEY: None}, row, {**row, KEY: row[KEY].upper()}])
    assert [o.reason.split(":")[0] for o in outcomes] == [
        "MISSING_ARGUMENT",
        "DUPLICATE_VALUE",
        "DUPLICATE_VALUE",
    ]


def test_validation_rules_reject_single_rows(made: World) -> None:
    good, short, long, empty = queue(made, "create")[:4]
    taken = truth(made, "SELECT min(Short_ID__c) FROM product_property")[0][0]
    sent = [
        good,
        {**short, "Short_ID__c": taken},
        {**long, "Name": "n" * 81},
        {**empty, "Name": " "},
    ]
    outcomes = sync(made, sent)
    assert [o.result for o in outcomes] == ["created", "rejected", "rejected", "rejected"]
    assert [o.reason.split(":")[0] for o in outcomes[1:]] == [
        "DUPLICATE_VALUE",
        "STRING_TOO_LONG",
        "REQUIRED_FIELD_MISSING",
    ]


def test_a_rule_of_ones_own_can_be_added(made: World) -> None:
    reason = "FIELD_CUSTOM_VALIDATION_EXCEPTION: it's closed"
    made.truth.validation.append(
        ValidationRule(("IDV_Enabled__c",), 'r."IDV_Enabled__c"', reason, ("created",))
    )
    outcomes = sync(made, queue(made, "create"))
    assert {o.reason for o in outcomes if o.result == "rejected"} == {reason}
    assert results(sync(made, queue(made, "update"), "update")) == {"updated": 90}


def test_update_by_id_touches_only_the_fields_of_each_row(made: World) -> None:
    ids = [r[0] for r in truth(made, "SELECT Id FROM product_property ORDER BY Id LIMIT 3")]
    before = made.truth.select("SELECT * FROM product_property ORDER BY Id LIMIT 3").dicts()
    sent: list[dict[str, Any]] = [
        {"Id": ids[0], "Name": "a"},
        {"Id": "none", "Name": "b"},
        {"id": ids[2], "company_name__c": None},
    ]
    sent[2]["Id"] = sent[2].pop("id")
    outcomes = made.truth.update(sent, by=made.truth.HUMAN_USER, at=made.clock.now())
    assert [o.result for o in outcomes] == ["updated", "rejected", "updated"]
    after = made.truth.select("SELECT * FROM product_property ORDER BY Id LIMIT 3").dicts()
    stamps = {"LastModifiedById", "LastModifiedDate", "SystemModstamp"}
    changed = [{k for k in b if b[k] != a[k]} - stamps for b, a in zip(before, after, strict=True)]
    assert changed == [{"Name"}, set(), {"Company_Name__c"}]
    assert after[2]["Company_Name__c"] is None


def test_a_value_that_is_no_value_of_the_field_is_rejected(made: World) -> None:
    record = first_id(made)
    by, at = made.truth.HUMAN_USER, made.clock.now()
    outcomes = made.truth.update([{"Id": record, "Active_Property_Count__c": "many"}], by=by, at=at)
    assert outcomes[0].reason.startswith("JSON_PARSER_ERROR")


def test_a_write_to_an_unknown_field_is_rejected_whole(made: World) -> None:
    outcomes = sync(made, [{**queue(made, "create")[0], "Nope__c": 1}])
    assert outcomes[0].reason.startswith("INVALID_FIELD: No such column 'Nope__c'")
    assert made.next_event_at() is None


def test_nothing_is_sent_is_nothing_done(made: World) -> None:
    assert sync(made, []) == []
    assert made.truth.delete([], by=made.truth.HUMAN_USER, at=made.clock.now()) == []
    assert made.next_event_at() is None


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM product_property",
        "SELECT 1; SELECT 2",
        "SELECT nothing",
        "SELEC",
        "SELECT 1 FROM x.y",
    ],
)
def test_only_one_select_may_read_the_truth(made: World, sql: str) -> None:
    with pytest.raises(QueryFailed):
        made.truth.select(sql)


def test_reading_the_truth_can_be_cut_short(made: World) -> None:
    found = made.truth.select("SELECT Id FROM product_property", None, 5)
    assert (len(found.rows), found.truncated) == (5, True)


# ── statements from a scenario ────────────────────────────────────────────────────────────────────


def test_a_statement_on_salesforce_gets_the_stamps_salesforce_would_set(made: World) -> None:
    pass_time(made, minutes=3)
    changed = made.run_statement(
        """UPDATE product_property SET Name = 'x;y' WHERE Id IN (SELECT Id FROM product_property ORDER BY Id LIMIT 4);
        INSERT INTO product_property (Name) VALUES ('new');
        DELETE FROM product_property WHERE Id IN (SELECT Id FROM product_property ORDER BY Id DESC LIMIT 2)""",
        "salesforce",
    )
    # The new record was deleted again by the third statement: it never was.
    assert changed == 5
    now = to_text(made.clock.now())
    found = truth(
        made,
        f"""SELECT Name = 'x;y', IsDeleted, LastModifiedById, LastModifiedDate FROM product_property
        WHERE SystemModstamp = '{now}' ORDER BY 1 DESC, 2""",
    )
    human = made.truth.HUMAN_USER
    assert found == [(True, False, human, now)] * 4 + [(False, True, human, now)]
    pass_time(made, minutes=10)
    assert one(made, f"SELECT COUNT(*) FROM {COPY} WHERE name = 'x;y'") == 4
    assert one(made, f"SELECT COUNT(*) FROM {COPY} WHERE _fivetran_deleted") == 1


def test_a_record_inserted_by_a_statement_is_complete_and_gets_its_production_id(
    made: World,
) -> None:
    made.run_statement("INSERT INTO product_property (Name) VALUES ('new')", "salesforce")
    pass_time(made, minutes=10)
    found = made.truth.select("SELECT * FROM product_property WHERE Name = 'new'").dicts()[0]
    assert str(found["Id"]).startswith("a0P")
    assert len(str(found["Id"])) == 18
    assert (found["CreatedDate"], found["CreatedById"]) == (to_text(START), made.truth.HUMAN_USER)
    assert found["SF_Property_ID__c"]
    assert (found["IsDeleted"], found["IDV_Enabled__c"], found["Fraud_Detection_Enabled__c"]) == (
        False,
        False,
        True,
    )


def test_a_statement_may_set_the_stamps_itself(made: World) -> None:
    made.run_statement(
        f"""UPDATE product_property SET LastModifiedDate = '2026-01-06 15:00:00+00',
        LastModifiedById = '{made.truth.CENSUS_USER}' WHERE Id = '{first_id(made)}'""",
        "salesforce",
    )
    found = truth(
        made,
        f"""SELECT LastModifiedDate, LastModifiedById, SystemModstamp FROM product_property
        WHERE Id = '{first_id(made)}'""",
    )
    assert found == [("2026-01-06T15:00:00Z", made.truth.CENSUS_USER, to_text(START))]


def test_statements_on_the_warehouse_are_databricks_sql(made: World) -> None:
    before = made.version
    changed = made.run_statement(
        """UPDATE rds.pg_rds_public.properties SET name = CONCAT(name, "; moved") WHERE status <=> 'ACTIVE';
        CREATE OR REPLACE VIEW crm.sfdc_dbx.properties_to_create AS SELECT 1 AS one""",
        "warehouse",
    )
    assert changed == 361  # the active ones
    assert made.version == before + 2
    assert made.read_source(CREATE).rows == [(1,)]
    assert made.views["crm.sfdc_dbx.properties_to_create"] == "SELECT 1 AS one"


@pytest.mark.parametrize("side", ["warehouse", "salesforce"])
def test_a_statement_that_fails_says_so_and_changes_nothing(made: World, side: Any) -> None:
    before = truth(made, "SELECT count(*), max(SystemModstamp) FROM product_property")
    for sql in ("UPDATE nothing SET a = 1", "UPDAT x"):
        with pytest.raises(QueryFailed):
            made.run_statement(sql, side)
    assert truth(made, "SELECT count(*), max(SystemModstamp) FROM product_property") == before
    assert made.run_statement("INSERT INTO product_property (Name) VALUES ('n')", "salesforce") == 1


def test_a_setting_must_be_on_or_off(made: World) -> None:
    with pytest.raises(QueryFailed, match="fivetran must be on or off"):
        made.run_statement("UPDATE world_settings SET value = 'of'", "salesforce")


def test_views_that_read_each_other_in_a_circle_are_refused() -> None:
    views = {
        "a": "CREATE VIEW crm.sfdc_dbx.a AS SELECT * FROM crm.sfdc_dbx.b",
        "b": "CREATE VIEW crm.sfdc_dbx.b AS SELECT * FROM crm.sfdc_dbx.a",
    }
    spec = WorldSpec(properties=20, target_rows=15, create_queue=2, update_queue=3, high_priority=1,
                     wrong_flags=1, shared_ids=2)  # fmt: skip
    with pytest.raises(QueryFailed, match="circle"):
        World(spec, VirtualClock(START), 1, {**VIEWS, **views})


def test_threads_read_side_by_side_while_the_world_moves(made: World) -> None:
    warehouse = made.warehouse()
    found: list[int] = []

    def ask() -> None:
        for _ in range(10):
            table = warehouse.query("SELECT COUNT(*) AS n FROM rds.pg_rds_public.properties")
            found.append(int(str(table.rows[0][0])))

    threads = [Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    sync(made, queue(made, "create"))
    pass_time(made, minutes=10)
    for thread in threads:
        thread.join()
    assert found == [400] * 40
