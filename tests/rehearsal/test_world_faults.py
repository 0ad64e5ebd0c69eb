"""The statements that scenarios take from the catalogue do exactly what they say."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from worlds import FAULTS, KEY, apply, one, pass_time, queue, results, rows, sync, truth, world

from rollout.domain.errors import QueryFailed
from rollout.rehearsal.world import World

CREATE, UPDATE = "crm.sfdc_dbx.properties_to_create", "crm.sfdc_dbx.properties_to_update"
EMPTY = "SELECT COUNT_IF(company_name IS NULL) FROM "


def sizes(made: World) -> tuple[int, int]:
    return one(made, f"SELECT COUNT(*) FROM {CREATE}"), one(made, f"SELECT COUNT(*) FROM {UPDATE}")


def wrong_flags(made: World) -> int:
    return int(one(made, f"SELECT COUNT_IF(has_flag_mismatch) FROM {UPDATE}"))


def live(made: World) -> int:
    return int(truth(made, "SELECT count(*) FROM live_product_property")[0][0])


def failed_creates(made: World) -> None:
    outcomes = sync(made, queue(made, "create"))
    assert results(outcomes) == {"created": 1_076, "rejected": 5}
    assert {o.reason.split(":")[0] for o in outcomes if o.reason} == {"STRING_TOO_LONG"}


def hidden_existing(made: World) -> None:
    pass_time(made, hours=1)
    assert (live(made), sizes(made)) == (18_361, (1_081, 7_980))
    assert results(sync(made, queue(made, "create"))) == {"created": 970, "updated": 111}
    assert live(made) == 19_331


def foreign_rows(made: World) -> None:
    pass_time(made, minutes=10)
    assert (live(made), sizes(made)) == (18_523, (1_081, 7_980))
    by = truth(
        made,
        "SELECT LastModifiedById, count(*) FROM product_property GROUP BY 1 HAVING max(SystemModstamp) >= '2026-01-06 16:00:00+00'",
    )
    assert [row[0] for row in by] == [made.truth.HUMAN_USER]


def extra_updates(made: World) -> None:
    assert sizes(made) == (1_081, 9_141)
    assert results(sync(made, queue(made, "update"), "update")) == {"updated": 9_141}


def null_keys(made: World) -> None:
    assert rows(made, f"SELECT COUNT(*), COUNT(rds_property_id) FROM {UPDATE}") == [(7_980, 7_974)]


def duplicate_source_rows(made: World) -> None:
    queued, keys = rows(made, f"SELECT COUNT(*), COUNT(DISTINCT rds_property_id) FROM {CREATE}")[0]
    assert queued > keys == 1_081


def duplicate_records(made: World) -> None:
    pass_time(made, minutes=10)
    twins = truth(made, f"SELECT {KEY} FROM live_product_property GROUP BY 1 HAVING count(*) > 1")
    assert len(twins) == 20
    outcomes = sync(made, [{KEY: key, "Name": "n"} for (key,) in twins])
    assert {o.reason.split(":")[0] for o in outcomes} == {"DUPLICATE_EXTERNAL_ID"}


def empty_company_names(made: World) -> None:
    assert sizes(made) == (1_081, 7_980)
    assert (one(made, EMPTY + CREATE), one(made, EMPTY + UPDATE)) == (0, 524)
    sync(made, queue(made, "create"))
    sync(made, queue(made, "update"), "update")
    empty = "SELECT count(*) FROM live_product_property WHERE Company_Name__c IS NULL"
    assert truth(made, empty) == [(524,)]


def wrong_company_column(made: World) -> None:
    assert sizes(made)[1] == 17_703
    assert one(made, f"SELECT COUNT_IF(company_name NOT LIKE '% Holdings LLC') FROM {CREATE}") == 0


def wrong_aggregation(made: World) -> None:
    assert wrong_flags(made) > 799


def orphans(made: World) -> None:
    assert (sizes(made), wrong_flags(made)) == ((1_081, 7_980), 799)
    sync(made, queue(made, "update"), "update")
    pass_time(made, minutes=10)
    wrong = """SELECT COUNT(*) FROM crm.sfdc_dbx.property_sync_source s
        JOIN crm.salesforce.product_property t ON t.snappt_property_id_c = s.rds_property_id
        WHERE t.payroll_enabled_c IS DISTINCT FROM s.payroll_enabled"""
    assert (sizes(made)[1], one(made, wrong)) == (0, 300)


def wrong_flags_again(made: World) -> None:
    pass_time(made, minutes=10)
    assert wrong_flags(made) == 799 + 799


def renamed_field(made: World) -> None:
    outcomes = sync(made, queue(made, "create"))
    assert {o.reason.split(":")[0] for o in outcomes} == {"INVALID_FIELD"}
    made.run_statement(
        "UPDATE product_property SET Name = 'n' WHERE Company__c LIKE 'A%'", "salesforce"
    )
    pass_time(made, minutes=10)
    assert one(made, "SELECT COUNT(*) FROM crm.salesforce.product_property WHERE name = 'n'") > 0


def renamed_column(made: World) -> None:
    with pytest.raises(QueryFailed) as failure:
        sizes(made)
    assert failure.value.error_class == "UNRESOLVED_COLUMN"
    sync(made, queue(made, "create"))
    pass_time(made, minutes=10)
    assert sizes_of_create(made) == 0


def sizes_of_create(made: World) -> int:
    return int(one(made, f"SELECT COUNT(*) FROM {CREATE}"))


def stale_copy(made: World) -> None:
    sync(made, queue(made, "create"))
    pass_time(made, hours=5)
    assert sizes(made)[0] == 1_081


def workflow_off(made: World) -> None:
    sync(made, queue(made, "create"))
    pass_time(made, hours=5)
    empty = "SELECT count(*) FROM product_property WHERE SF_Property_ID__c IS NULL"
    assert truth(made, empty) == [(1_081,)]


def pilot_filter_lost(made: World) -> None:
    made.run_statement(f"CREATE OR REPLACE VIEW {CREATE} AS SELECT 1 AS one", "warehouse")
    apply(made, "pilot_filter_lost")
    assert sizes(made) == (1_081, 7_980)


def wrong_source_view(made: World) -> None:
    assert sizes(made) == (7_980, 7_980)


def late_arrivals(made: World) -> None:
    assert sizes(made) == (1_281, 7_980)


def lost_features(made: World) -> None:
    assert wrong_flags(made) > 5_000


def emptied_copy(made: World) -> None:
    assert sizes(made) == (18_784, 0)
    assert live(made) == 18_250


def corrupted_records(made: World) -> None:
    assert truth(made, "SELECT count(*) FROM product_property WHERE Name = 'Property'") == [(400,)]


def deleted_records(made: World) -> None:
    pass_time(made, minutes=10)
    assert (live(made), sizes(made)[0]) == (18_100, 1_231)


PROOFS: dict[str, Callable[[World], None]] = {
    proof.__name__: proof
    for proof in (
        failed_creates, hidden_existing, foreign_rows, extra_updates, null_keys, duplicate_source_rows,
        duplicate_records, empty_company_names, wrong_company_column, wrong_aggregation, orphans,
        wrong_flags_again, renamed_field, renamed_column, stale_copy, workflow_off, pilot_filter_lost,
        wrong_source_view, late_arrivals, lost_features, emptied_copy, corrupted_records, deleted_records,
    )
}  # fmt: skip


def test_every_fault_has_a_proof() -> None:
    assert set(PROOFS) == set(FAULTS)


@pytest.mark.parametrize("fault", list(FAULTS))
def test_a_fault_does_what_it_says(fault: str) -> None:
    made = world(1)
    apply(made, fault)
    PROOFS[fault](made)
    made.close()
