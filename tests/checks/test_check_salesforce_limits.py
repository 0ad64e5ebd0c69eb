from __future__ import annotations

from typing import Any

import pytest
from fakes_services import FakeConnections, FakeRecordStore, context, judged, look, verdict
from pydantic import ValidationError

from rollout.checks.salesforce_limits import SalesforceLimits
from rollout.domain.errors import KindMisused, ServiceError
from rollout.domain.evidence import Verdict
from rollout.kinds import CheckContext
from rollout.ports import ApiAllowance

LIMITS = SalesforceLimits()


def on(allowed: int, remaining: int) -> CheckContext:
    store = FakeRecordStore(left=ApiAllowance(allowed, remaining))
    return context(FakeConnections(salesforce=store))


def test_an_allowance_with_room_passes() -> None:
    seen = look(LIMITS, {"needed": 8_000}, on(100_000, 60_000))
    assert judged(LIMITS, seen).verdict is Verdict.PASS
    assert dict(seen.metrics) == {
        "allowed": 100_000,
        "remaining": 60_000,
        "used_share": 0.4,
        "needed": 8_000,
        "headroom": 52_000,
    }


def test_more_than_80_percent_used_fails() -> None:
    assert verdict(LIMITS, {}, on(100_000, 19_999)) is Verdict.FAIL
    assert verdict(LIMITS, {}, on(100_000, 20_000)) is Verdict.PASS


def test_a_phase_that_needs_more_than_is_left_fails() -> None:
    assert verdict(LIMITS, {"needed": 60_001}, on(100_000, 60_000)) is Verdict.FAIL


def test_a_need_nobody_knows_is_inconclusive() -> None:
    assert verdict(LIMITS, {"needed": None}, on(100_000, 60_000)) is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(("allowed", "remaining"), [(0, 0), (-1, 0), (100, 101)])
def test_an_allowance_that_cannot_be_is_inconclusive(allowed: int, remaining: int) -> None:
    assert verdict(LIMITS, {}, on(allowed, remaining), {"remaining": ">= 0"}) is (
        Verdict.INCONCLUSIVE
    )


def test_a_dead_service_is_an_error() -> None:
    with pytest.raises(ServiceError):
        look(LIMITS, {}, context(FakeConnections(salesforce=FakeRecordStore(down=True))))


def test_a_reference_nobody_filled_is_misuse() -> None:
    with pytest.raises(KindMisused, match="not filled"):
        look(LIMITS, {"needed": "${{ steps.plan.requests }}"}, on(1, 1))


@pytest.mark.parametrize("needed", [-1, True, "many"])
def test_a_need_that_is_no_number_is_refused(needed: Any) -> None:
    with pytest.raises(ValidationError):
        SalesforceLimits.Inputs.model_validate({"needed": needed})
