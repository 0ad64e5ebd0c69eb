"""The figures of the domain note come out of the views, exactly, whatever the seed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from worlds import (
    DAY3,
    SMALL,
    apply,
    fingerprint,
    one,
    pass_time,
    queue,
    results,
    rows,
    small,
    sync,
    truth,
    world,
)

from rollout.rehearsal.world import World, WorldSpec

CREATE, UPDATE = "crm.sfdc_dbx.properties_to_create", "crm.sfdc_dbx.properties_to_update"


def live(made: World) -> int:
    return int(truth(made, "SELECT count(*) FROM live_product_property")[0][0])


@pytest.mark.parametrize("seed", [1, 20260106])
def test_the_planned_world_has_the_plans_figures_before_and_after_both_syncs(seed: int) -> None:
    made = world(seed)
    assert rows(
        made,
        f"""SELECT COUNT(*), COUNT(rds_property_id), COUNT(DISTINCT rds_property_id),
        COUNT_IF(has_any_features_enabled), COUNT_IF(company_name IS NULL) FROM {CREATE}""",
    ) == [(1_081, 1_081, 1_081, 507, 0)]
    assert rows(
        made,
        f"""SELECT COUNT(*), COUNT(rds_property_id), COUNT(DISTINCT rds_property_id),
        COUNT_IF(has_flag_mismatch), COUNT_IF(company_name IS NULL) FROM {UPDATE}""",
    ) == [(7_980, 7_980, 7_980, 799, 0)]
    shared = "SELECT SUM(active_property_count) FROM crm.sfdc_dbx.properties_aggregated_by_sfdc_id"
    assert one(made, f"{shared} WHERE is_multi_property") == 2_410
    assert rows(
        made,
        """SELECT COUNT(*), COUNT(DISTINCT rds_property_id), COUNT(DISTINCT short_id)
        FROM crm.sfdc_dbx.rds_properties_enriched""",
    ) == [(20_247, 20_247, 20_247)]
    assert one(made, "SELECT COUNT(*) FROM rds.pg_rds_public.property_features") == 20_200
    health = "SELECT target_rows, coverage_percentage FROM crm.sfdc_dbx.daily_health_check"
    assert rows(made, health) == [(18_250, 90.14)]

    assert results(sync(made, queue(made, "create"))) == {"created": 1_081}
    assert results(sync(made, queue(made, "update"), "update")) == {"updated": 7_980}
    pass_time(made, minutes=20)

    assert rows(made, health) == [(19_331, 95.48)]
    select = "SELECT metric, value FROM crm.sfdc_dbx.sync_monitoring_dashboard"
    figures = dict(rows(made, select))
    assert (figures["create_queue"], figures["update_queue"]) == (0, 0)
    assert figures["properties_missing"] == 0
    assert figures["idv"] == figures["payroll"] == figures["income_insights"] == 100
    rates = rows(
        made,
        """SELECT 100.0 * COUNT_IF(income_insights_enabled_c) / COUNT(*),
        100.0 * COUNT_IF(fraud_detection_enabled_c) / COUNT(*), 100.0 * COUNT_IF(payroll_enabled_c) / COUNT(*),
        100.0 * COUNT_IF(idv_enabled_c) / COUNT(*), 100.0 * COUNT_IF(bank_linking_enabled_c) / COUNT(*)
        FROM crm.salesforce.product_property""",
    )[0]
    assert rates == pytest.approx((62.6, 98.3, 37.9, 30.4, 17.3), abs=1)


@pytest.mark.parametrize("spec", [{}, DAY3], ids=["planned", "day3"])
def test_every_stratum_of_the_pilot_has_members_to_choose_from(spec: dict[str, Any]) -> None:
    made = world(2, **spec)
    strata = {
        CREATE: [
            "has_any_features_enabled",
            "NOT has_any_features_enabled",
            "created_at > CURRENT_TIMESTAMP() - INTERVAL 30 DAYS",
            "created_at < CURRENT_TIMESTAMP() - INTERVAL 365 DAYS",
        ],
        UPDATE: [
            "active_property_count = 1 AND idv_enabled",
            "active_property_count = 2",
            "active_property_count >= 3",
            "has_flag_mismatch",
            "NOT has_any_features_enabled",
        ],
    }
    for relation, conditions in strata.items():
        for condition in conditions:
            assert one(made, f"SELECT COUNT(*) FROM {relation} WHERE {condition}") >= 30, condition
    assert one(made, f"SELECT COUNT(DISTINCT company_id) FROM {CREATE}") >= 30


def test_day_three_comes_out_row_for_row() -> None:
    """The figures of the domain note: 690 = 574 + 111 + 5, 18,722 rows, 9,141 updates, 524 empty."""
    made = world(3, **DAY3)
    pilot_a = queue(made, "create")[::14][:50]
    pilot_b = queue(made, "update")[::150][:50]
    assert results(sync(made, pilot_a)) == {"created": 50}
    assert results(sync(made, pilot_b, "update")) == {"updated": 50}
    pass_time(made, hours=24)

    assert apply(made, "failed_creates") == 5
    assert apply(made, "hidden_existing") == 111
    pass_time(made, hours=1)
    assert live(made) == 17_875
    sent = queue(made, "create")
    assert len(sent) == 690
    outcomes = sync(made, sent)
    assert results(outcomes) == {"created": 574, "updated": 111, "rejected": 5}
    assert apply(made, "foreign_rows") == 273
    assert live(made) == 18_722
    pass_time(made, minutes=20)
    assert rows(
        made, "SELECT target_rows, coverage_percentage FROM crm.sfdc_dbx.daily_health_check"
    ) == [(18_722, 92.47)]

    began = made.clock.now()
    apply(made, "empty_company_names")
    apply(made, "null_keys")
    apply(made, "extra_updates")
    assert one(made, f"SELECT COUNT(*) - COUNT(rds_property_id) FROM {UPDATE}") == 6
    assert results(sync(made, queue(made, "update"), "update")) == {"updated": 9_141}
    pass_time(made, minutes=20)
    modified = truth(
        made,
        f"""SELECT count(*) FROM product_property
        WHERE LastModifiedById = '{made.truth.CENSUS_USER}' AND LastModifiedDate >= '{began}'""",
    )
    assert modified == [(9_141,)]
    empty = "SELECT count(*) FROM live_product_property WHERE coalesce(Company_Name__c, '') = ''"
    assert truth(made, empty) == [(524,)]


def test_awkward_rows_can_be_there_from_the_start() -> None:
    made = world(
        3, target_rows=17_825, create_queue=740, update_queue=7_874, hidden_existing=111,
        failed_creates=5, invalid_updates=6, orphans=300, wrong_flags=772,
    )  # fmt: skip
    assert live(made) == 17_825
    assert one(made, f"SELECT COUNT_IF(has_flag_mismatch) FROM {UPDATE}") == 1_072
    apply(made, "orphans")
    assert rows(made, f"SELECT COUNT(*), COUNT_IF(has_flag_mismatch) FROM {UPDATE}") == [
        (7_868, 772)
    ]
    assert results(sync(made, queue(made, "create"))) == {
        "created": 624,
        "updated": 111,
        "rejected": 5,
    }
    awkward = one(made, f"SELECT COUNT(*) FROM {CREATE} WHERE NOT has_valid_sfdc_id")
    assert awkward == 116


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"shared_ids": 0},
        {"shared_ids": 3},
        {"create_queue": 0, "high_priority": 0},
        {"update_queue": 0, "wrong_flags": 0, "company_gaps": 0},
        {"hidden_existing": 30, "failed_creates": 9},
        {"invalid_updates": 5, "orphans": 12},
        {"high_priority": 40},
        {"target_rows": 90, "shared_ids": 20},
    ],
)
def test_small_worlds_are_exact_too(spec: dict[str, Any]) -> None:
    wanted = WorldSpec(**{**SMALL, **spec})
    made = small(5, **spec)
    assert live(made) == wanted.target_rows
    assert one(made, "SELECT COUNT(*) FROM rds.pg_rds_public.properties") == wanted.properties
    assert rows(made, f"SELECT COUNT(*), COUNT_IF(has_any_features_enabled) FROM {CREATE}") == [
        (wanted.create_queue, wanted.high_priority)
    ]
    assert rows(made, f"SELECT COUNT(*), COUNT_IF(has_flag_mismatch) FROM {UPDATE}") == [
        (wanted.update_queue + wanted.orphans, wanted.wrong_flags + wanted.orphans)
    ]
    shared = "SELECT COALESCE(SUM(active_property_count), 0) FROM crm.sfdc_dbx.properties_aggregated_by_sfdc_id"
    assert one(made, f"{shared} WHERE is_multi_property") == wanted.shared_ids
    outcomes = results(sync(made, queue(made, "create")))
    assert outcomes.get("updated", 0) == wanted.hidden_existing
    assert outcomes.get("rejected", 0) == wanted.failed_creates


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        ({"target_rows": 21_000}, "exceed properties"),
        ({"update_queue": 19_000}, "exceed target_rows"),
        ({"high_priority": 2_000}, "high_priority exceeds"),
        ({"wrong_flags": 9_000}, "wrong_flags exceed"),
        ({"hidden_existing": 1_080, "failed_creates": 2}, "exceed create_queue"),
        ({"invalid_updates": 7_500}, "invalid_updates do not fit"),
        ({"shared_ids": 1}, "cannot share"),
        ({"shared_ids": 18_500}, "shared_ids exceed"),
        ({"unknown": 1}, "Extra inputs"),
    ],
)
def test_figures_that_cannot_hold_together_are_refused(
    spec: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ValidationError, match=complaint):
        WorldSpec(**spec)


def test_two_worlds_of_one_seed_are_equal_and_two_seeds_differ() -> None:
    def lived(seed: int) -> str:
        made = small(seed, organic=True)
        sync(made, queue(made, "create"))
        pass_time(made, hours=30)
        sync(made, queue(made, "update"), "update")
        pass_time(made, hours=1)
        return fingerprint(made)

    first = lived(7)
    assert lived(7) == first
    assert lived(8) != first


def test_the_order_of_hashes_does_not_reach_the_world() -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import worlds;"
        "w = worlds.small(7, organic=True); worlds.sync(w, worlds.queue(w, 'create'));"
        "worlds.pass_time(w, hours=30); print(worlds.fingerprint(w))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", program, str(Path(__file__).parent)],
            env={"PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(found) == 1
