"""Absence never passes: every kind, in worlds where there is nothing to see, with lenient conditions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytest
from fakes_services import (
    FakeConnections,
    FakeFacts,
    FakeRecordStore,
    FakeSyncService,
    FakeWarehouse,
    ago,
    context,
    finding,
    known_run,
    look,
    measures,
    sync_config,
    sync_run,
    table,
    verdict,
)

from rollout.checks.attest import Attest
from rollout.checks.census_run import CensusRun
from rollout.checks.census_runs import CensusRuns
from rollout.checks.census_sync import CensusSync
from rollout.checks.findings import Findings
from rollout.checks.incidents import Incidents
from rollout.checks.ledger import Ledger
from rollout.checks.salesforce import Salesforce
from rollout.checks.salesforce_limits import SalesforceLimits
from rollout.checks.schedule import ScheduleKept
from rollout.checks.trend import Trend
from rollout.domain.errors import ServiceError
from rollout.domain.evidence import Scalar, Verdict
from rollout.kinds import CheckContext, CheckKind
from rollout.ports import ApiAllowance, SyncRun, Table

SOQL = "SELECT COUNT() FROM Product_Property__c WHERE IDV_Enabled__c = null"
SQL = "SELECT n FROM figures"
LENIENT = (
    ">= -1000000000",
    "<= 1000000000",
    "= 0",
    "is false",
    "is empty",
    "!= broken",
    "<= 100 %",
)
"""Conditions that nearly any value meets: what they still do not let through is absence."""

KINDS: list[tuple[CheckKind, dict[str, Any]]] = [
    (
        Ledger(),
        {
            "terms": {
                n: {"soql": SOQL, "on": "salesforce"}
                for n in ("before", "created", "deleted", "after")
            }
        },
    ),
    (Ledger(), {"terms": dict.fromkeys(("processed", "accepted", "failed", "invalid"))}),
    (CensusRun(), {"sync": "sync_a", "run": 9}),
    (CensusRun(), {"sync": "sync_a", "of_step": "create"}),
    (CensusRuns(), {"sync": "sync_a", "since": "2h"}),
    (CensusSync(), {"sync": "sync_a"}),
    (Salesforce(), {"soql": SOQL}),
    (Salesforce(), {"soql": SOQL, "returns": "rows"}),
    (SalesforceLimits(), {}),
    (Trend(), {"value": {"sql": SQL, "on": "warehouse"}}),
    (Trend(), {"of_check": "other", "metric": "n"}),
    (ScheduleKept(), {"sync": "sync_a", "every": "15m", "since": "2h"}),
    (Attest(), {"statement": "told", "roles": ["lead"]}),
    (Findings(), {}),
    (Incidents(), {"since": "2h", "watched_by": ["other"]}),
]
IDS = [f"{kind.kind}-{position}" for position, (kind, _) in enumerate(KINDS)]
FROM_THE_LOG = {"findings", "attest", "incidents"}
"""Kinds that ask no service."""


def bare(cell: tuple[Scalar, ...] | None, run: SyncRun | None) -> CheckContext:
    """A world in which every query gives this one row, or none, and the service lists one run."""
    answer = Table(["count"], []) if cell is None else table(cell)
    return context(
        FakeConnections(
            FakeSyncService(
                config=sync_config(source="", operation="", key="", target="", mappings={}),
                listed=[run] if run else [],
            ),
            FakeRecordStore(otherwise=answer, left=ApiAllowance(0, 0)),
            FakeWarehouse({SQL: answer}),
        ),
        FakeFacts(
            measured={"the_check": measures(None, None, None), "other": measures(None, math.nan)},
            known=[known_run()] if run else [],
        ),
    )


WORLDS: Mapping[str, CheckContext] = {
    "no rows": bare(None, sync_run(status="queued", completed_at=None)),
    "nothing in the cell": bare((None,), sync_run(status="skipped", processed=None)),
    "not a number": bare((math.nan,), sync_run(status="canceled", processed=None, failed=0)),
    "text": bare(("false",), sync_run(status="retrying")),
    "a population of nobody": bare((0,), sync_run(status="failed", processed=0, failed=0)),
}


OF_ABSENCE = {"findings", "census_runs"}
"""Kinds whose default asks that something be absent; they have tests of their own below."""


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize(
    ("kind", "inputs"), [(kind, inputs) for kind, inputs in KINDS if kind.kind not in OF_ABSENCE]
)
def test_a_world_without_evidence_never_passes_by_default(
    kind: CheckKind, inputs: dict[str, Any], world: str
) -> None:
    assert verdict(kind, inputs, WORLDS[world]) is not Verdict.PASS


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("go", LENIENT)
@pytest.mark.parametrize(("kind", "inputs"), KINDS, ids=IDS)
def test_a_lenient_condition_lets_no_absence_through(
    kind: CheckKind, inputs: dict[str, Any], go: str, world: str
) -> None:
    """Every metric of the kind, one by one: facts that are there may pass, rates over nothing not."""
    facts = {
        "census_run": {"status", "canceled", "duration_s"},
        "census_runs": {"runs", "ours", "scheduled", "foreign", "running", *ENDINGS},
        "findings": {"open"},
        # A schedule under which nothing ran is seen to have missed everything.
        "schedule": {"due", "ran", "missed", "coverage", "longest_gap_s"},
    }.get(kind.kind, set())
    for metric in {*(kind.metrics or {"count": ""}), "a_metric_nobody_observed"} - facts:
        assert verdict(kind, inputs, WORLDS[world], {metric: go}) is not Verdict.PASS, metric


ENDINGS = {
    "failed_runs",
    "canceled_runs",
    "skipped",
    "failed_share",
    "accepted_total",
    "rejected",
}
"""In worlds where a run ended these are observations; without one they are nothing, see below."""


def test_a_window_without_a_run_passes_only_that_nobody_ran_it() -> None:
    kind, inputs = CensusRuns(), {"sync": "sync_a", "since": "2h"}
    nothing_ran = context()
    for metric in ENDINGS | {"failed_total", "error_rate", "last_completed_age_s"}:
        for go in LENIENT:
            assert verdict(kind, inputs, nothing_ran, {metric: go}) is not Verdict.PASS, metric
    assert verdict(kind, inputs, nothing_ran, {"foreign": "= 0"}) is Verdict.PASS


@pytest.mark.parametrize(("kind", "inputs"), KINDS, ids=IDS)
def test_a_service_that_gives_no_answer_is_never_an_observation(
    kind: CheckKind, inputs: dict[str, Any]
) -> None:
    dead = context(
        FakeConnections(
            FakeSyncService(down=True), FakeRecordStore(down=True), FakeWarehouse(down=True)
        ),
        FakeFacts(known=[known_run()], raised=[finding()]),
    )
    asks_nobody = kind.kind in FROM_THE_LOG or "of_check" in inputs or None in _terms(inputs)
    if asks_nobody:
        assert verdict(kind, inputs, dead) is not Verdict.PASS
    else:
        with pytest.raises(ServiceError):
            look(kind, inputs, dead)


def _terms(inputs: Mapping[str, Any]) -> list[Any]:
    return list(inputs.get("terms", {}).values())


@pytest.mark.parametrize(("kind", "inputs"), KINDS, ids=IDS)
def test_every_kind_keeps_the_contract(kind: CheckKind, inputs: dict[str, Any]) -> None:
    named = kind.metrics
    assert named is None or set(kind.default_go) <= set(named)
    assert kind.primary is None or named is None or kind.primary in named
    for world in WORLDS.values():
        seen = look(kind, inputs, world)
        assert len(seen.sample) <= 20
        assert seen.source
        assert named is None or set(seen.metrics) <= set(named)


def test_findings_speak_for_absence_only_because_the_log_is_whole() -> None:
    assert verdict(Findings(), {}, context()) is Verdict.PASS
    assert verdict(Findings(), {}, context(facts=FakeFacts(raised=[finding()]))) is Verdict.FAIL


def test_incidents_pass_only_when_somebody_looked() -> None:
    inputs = {"since": "2h", "watched_by": ["other"]}
    looked = FakeFacts(measured={"other": measures(1, at=lambda _: ago(5))})
    assert verdict(Incidents(), inputs, context()) is Verdict.INCONCLUSIVE
    assert verdict(Incidents(), inputs, context(facts=looked)) is Verdict.PASS
